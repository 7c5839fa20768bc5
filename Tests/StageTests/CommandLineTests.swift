import Foundation
import Testing

extension StageSuites {
  /// Help, version and wrong options: nothing is read or written.
  @Suite(.workshop) struct CommandLineTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    @Test(arguments: Programs.stages) func helpHasAnExampleAndVersionTheAlgorithm(_ stage: String) throws {
      let help = try workshop.run(stage, ["--help"])
      #expect(help.status == 0)
      #expect(help.output.contains("Example:\n  \(stage) --"))
      for option in ["--manifest", "--data", "--out", "--shard", "--threads", "--seed", "--quiet"] { #expect(help.output.contains("  \(option) ")) }
      let version = try workshop.run(stage, ["--version"])
      #expect(version.status == 0)
      #expect(version.output.wholeMatch(of: /[a-z-]+, algorithm [0-9]+, OpenBLAS .+\n/) != nil && version.output.hasPrefix("\(stage), "))
    }

    @Test func thePipelineProgramHasAnExample() throws {
      let help = try workshop.run("pipeline", ["--help"])
      #expect(help.status == 0 && help.output.contains("Example:"))
    }

    /// What ArgumentParser refuses.
    @Test(arguments: [
      (["train-cam", "--manifest", "m.yaml"], "Missing expected argument '--out <DIR>'"),
      (["train-cam", "--out", "o", "--epoch", "3"], "Unknown option '--epoch'. Did you mean '--epochs'?"),
      (["train-cam", "--out", "o", "--epochs", "many"], "The value 'many' is invalid for '--epochs <epochs>'"),
      (["cam-infer", "--out", "o", "--weights", "w.h5", "--shard", "4/3"], "The value '4/3' is invalid for '--shard <I/N>'"),
      (["cam-infer", "--out", "o", "--weights", "w.h5", "--scales", "1,-1"], "The value '1,-1' is invalid for '--scales <scales>'"),
      (["cam-infer", "--out", "o", "--weights", "w.h5", "--threads=-1"], "--threads: expected 0 or more, found -1"),
      (["psa-infer", "--out", "o", "--affinity", "a.h5"], "Give either --scores or --cam-weights."),
      (["make-scenes", "--out", "o", "--width", "8"], "Expected at least one scene of each split and sides of 32 to 4096 pixels."),
    ])
    func wrongOptions(command: [String], message: String) throws {
      let outcome = try workshop.run(command)
      #expect(outcome.status == 64)
      #expect(outcome.output.contains("Error: \(message)"), "\(outcome.output)")
      #expect(!workshop.exists("o"))
    }

    /// What a stage refuses once it has looked at its options together, or at the data.
    @Test(arguments: [
      ("cam-train", ["--crop", "50"], "train-cam: --crop: expected a multiple of 8, at least 32, found 50"),
      ("cam-train", ["--resize-max", "40"], "train-cam: --resize-max: expected at least --resize-min 48, found 40"),
      ("cam-train", ["--backbone", "squeezenet"], "train-cam: backbone: squeezenet comes in one size, width and depth must be 1"),
      ("cam-train", ["--split", "tain"], "train-cam: scenes/items.tsv: no split \"tain\"; did you mean \"train\"? (splits: train, val)"),
      ("crf-low", ["--background-power=-1"], "crf: cam: --background-power: the maps have no background; give --background-power, PSA's is 16"),
      ("psa-crf", ["--background-power", "4"], "crf: psa: --background-power: the maps have a background already; leave --background-power out"),
      (
        "seg", ["--head-dilation", "6"],
        "train-seg: an input of 48x48 is too small: head dilation 6 needs at least 49 pixels a side"
      ),
      ("dynamic", ["--alpha", "2"], "train-seg-dynamic: --alpha: expected 0 to 1, found 2.0"),
    ])
    func wrongValues(step: String, options: [String], message: String) throws {
      try workshop.expectFailure(step, options, status: 64, message)
    }

    @Test func aManifestIsNeeded() throws {
      let outcome = try workshop.run("train-cam", ["--out", "o"])
      #expect(outcome == Programs.Outcome(status: 64, output: "train-cam: expected --manifest FILE, found none\n"))
      #expect(!workshop.exists("o"))
    }
  }
}
