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
      for option in ["--out", "--threads", "--seed", "--quiet", "--version"] {
        #expect(help.output.contains("  \(option) "))
      }
      let version = try workshop.run(stage, ["--version"])
      #expect(version.status == 0)
      #expect(
        version.output.wholeMatch(of: /[a-z-]+ [0-9.]+, algorithm [0-9]+, OpenBLAS .+\n/) != nil
          && version.output.hasPrefix("\(stage) "))
    }

    @Test func thePipelineProgramHasAnExample() throws {
      let help = try workshop.run("pipeline", ["--help"])
      #expect(help.status == 0 && help.output.contains("Example:"))
    }

    /// Options stand in groups, each with its unit, range and default; what must be given stands in the line of usage.
    @Test func helpTellsUnitsRangesAndDefaults() throws {
      let help = try workshop.run("train-seg-dynamic", ["--help"]).output
      for heading in [
        "INPUTS:", "DATA SET:", "TRAINING:", "NETWORK:", "DIFFERENCE DETECTION:", "CRF INSIDE TRAINING:", "RUNNING:",
        "OPTIONS:",
      ] {
        #expect(help.contains("\n\(heading)\n"), "\(heading)")
      }
      let flat = help.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      #expect(
        flat.contains(
          "USAGE: train-seg-dynamic [<options>] --weights <PATH> --seeds <PATH> --manifest <PATH> --out <PATH>"))
      #expect(
        flat.contains("--epochs <N> Passes over the images. [1 to 100000] (default: 30; 41 with --preset reference)"))
      #expect(
        flat.contains(
          "--crf-bilateral-spread <X> Spread of the bilateral kernel. [pixels; 0.001 to 10000] (default: 80)"))
      #expect(
        flat.contains("[default, paper, reference] (default: default)")
          || flat.contains("[paper, reference, default] (default: default)"))
      #expect(flat.contains("Channel dropout of the trunk. (default: --channel-dropout)"))
    }

    /// What is refused while the command line is parsed: in one line, before anything is read.
    @Test(arguments: [
      (["train-cam", "--manifest", "m.yaml"], "Missing expected argument '--out <PATH>'"),
      (
        ["train-cam", "--out", "o", "--manifest", "m.yaml", "--epoch", "3"],
        "Unknown option '--epoch'. Did you mean '--epochs'?"
      ),
      (
        ["train-cam", "--out", "o", "--epochs", "many"],
        "The value 'many' is invalid for '--epochs <N>': expected a whole number, found \"many\""
      ),
      (["train-cam", "--out", "o", "--manifest", "m.yaml", "--shard", "1/2"], "Unknown option '--shard'"),
      (
        ["cam-infer", "--out", "o", "--shard", "4/3"],
        "The value '4/3' is invalid for '--shard <I/N>': expected I/N with 1 <= I <= N"
      ),
      (
        ["cam-infer", "--out", "o", "--scales", "1,-1"],
        "The value '1,-1' is invalid for '--scales <X,X,...>': expected a number from 0.05 to 8"
      ),
      (
        ["cam-infer", "--out", "o", "--threads=-1"],
        "The value '-1' is invalid for '--threads <N>': expected a whole number from 0 to 1024"
      ),
      (["psa-infer", "--manifest", "m", "--out", "o", "--affinity", "a.h5"], "give either --scores or --cam-weights"),
      (
        ["make-scenes", "--out", "o", "--width", "8"],
        "The value '8' is invalid for '--width <N>': expected a whole number from 32 to 4096"
      ),
      (["train-cam", "--out", "o"], "Missing expected argument '--manifest <PATH>'"),
    ])
    func wrongOptions(command: [String], message: String) throws {
      let outcome = try workshop.run(command)
      #expect(outcome.status == 64)
      #expect(
        outcome.output.hasPrefix("\(command[0]): \(message)")
          && outcome.output.hasSuffix("; see \(command[0]) --help\n"), "\(outcome.output)")
      #expect(outcome.output.split(separator: "\n").count == 1)
      #expect(!workshop.exists("o"))
    }

    /// What a stage refuses once it has looked at its options together, or at the data.
    @Test(arguments: [
      (
        "cam-train", ["--resize-max", "40"],
        "train-cam: --resize-max: expected at least --resize-min 48, found 40; see train-cam --help"
      ),
      (
        "cam-train", ["--backbone", "squeezenet"],
        "train-cam: --backbone squeezenet comes in one size: expected --width 1 and --depth 1, found 0.0625 and 0.1; "
          + "see train-cam --help"
      ),
      (
        "cam-train", ["--split", "tain"],
        "train-cam: scenes/items.tsv: no split \"tain\"; did you mean \"train\"? (splits: train, val)"
      ),
      (
        "crf-low", ["--background-power=-1"],
        "crf: cam: --background-power: the maps have no background; give --background-power, PSA's is 16"
      ),
      (
        "psa-crf", ["--background-power", "4"],
        "crf: psa: --background-power: the maps have a background already; leave --background-power out"
      ),
      (
        "seg", ["--head-dilation", "6"],
        "train-seg: --crop: expected at least 49 for --head-dilation 6, found 48; see train-seg --help"
      ),
      (
        "dynamic", ["--alpha", "2"],
        "train-seg-dynamic: The value '2' is invalid for '--alpha <X>': expected a number from 0 to 1, found 2; see "
          + "train-seg-dynamic --help"
      ),
    ])
    func wrongValues(step: String, options: [String], message: String) throws {
      try workshop.expectFailure(step, options, status: 64, message)
    }

    /// The same values in other words make the same bytes, what made them included; another value does not.
    @Test func spellingsOfTheSameValuesMakeTheSameBytes() throws {
      let short = try workshop.output("cam")
      let extra = ["--scales", "1.0", "--background-power", "16.00", "--background-threshold=-1", "--split", "train"]
      #expect(try workshop.run(try workshop.command("cam", out: "spelled-out", extra)).status == 0)
      #expect(try workshop.contents(of: "spelled-out") == workshop.contents(of: short))
      #expect(
        try workshop.run(try workshop.command("cam", out: "other-power", ["--background-power", "15"])).status == 0)
      #expect(
        try workshop.contents(of: "other-power")["part-1-of-1.h5"] != workshop.contents(of: short)["part-1-of-1.h5"])
    }
  }
}
