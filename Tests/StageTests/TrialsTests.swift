import Foundation
import TensorStore
import TestSupport
import Testing

extension StageSuites {
  /// Every trial has a test, named here.
  @Suite("All trials", .enabled(if: Trials.isAvailable, "\(Trials.absence)"))
  struct AllTrialsTests {
    @Test func everyTrialHasATest() throws {
      let folders = try FileManager.default.contentsOfDirectory(atPath: Trials.folder).filter { !$0.hasSuffix(".md") }
      let tested: Set = [
        // ReaderTrialsTests
        "checkpoints", "constant-map", "gaussian-spread",
        // DataTrialsTests
        "exif-orientation", "palette-reordered", "shadowed-table",
        // OutputTrialsTests, whose folders have a README alone: outputs of the small run stand in for the quickstart's.
        "two-processes", "variant-ignored",
      ]
      #expect(Set(folders) == tested)
    }
  }

  /// Trials on a pipeline's outputs.
  @Suite("Trials of outputs", .workshop)
  struct OutputTrialsTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// `--variant masks-crf` on a folder of masks, which has none.
    @Test func variantIgnored() throws {
      try workshop.output("infer")
      let command = ["evaluate"] + Workshop.data + ["--masks", "infer/masks", "--variant", "masks-crf", "--out", "out"]
      let outcome = try workshop.run(command)
      #expect(outcome.status == 66, "\(outcome)")
      #expect(outcome.output.hasPrefix("evaluate: infer/masks"), "\(outcome.output)")
      #expect(outcome.output.contains("masks-crf"), "\(outcome.output)")
      #expect(!workshop.exists("out/evaluation.json"))
      // The step's own folder has them.
      let whole = ["evaluate"] + Workshop.data + ["--masks", "infer", "--variant", "masks-crf", "--out", "out"]
      #expect(try workshop.run(whole).status == 0)
    }

    /// Two CRFs with one `--out`: the second is refused at once, and the first's outputs are whole.
    @Test func twoProcesses() throws {
      try workshop.output("psa")
      // Enough iterations to be still at work when the second comes.
      let command = ["crf"] + Workshop.data + ["--scores", "psa", "--out", "twice-crf", "--iterations", "1000"]
      let first = Programs.prepared(command[0], Array(command.dropFirst()), in: workshop.folder.path)
      try first.run()
      while first.isRunning, !workshop.exists("twice-crf/.lock-1-of-1") { usleep(1000) }
      try #require(first.isRunning)
      let second = try workshop.run(command)
      #expect(second.status == 75)
      #expect(
        second.output.hasPrefix(
          "crf: twice-crf/.lock-1-of-1: another process is working on part 1/1 of this step: crf, "
            + "process \(first.processIdentifier) on "
        ),
        "\(second.output)")
      first.waitUntilExit()
      #expect(first.terminationStatus == 0)
      let files = Set(try workshop.contents(of: "twice-crf").keys)
      let masks = (0..<6).map { "masks/train-000\($0).png" }
      #expect(files == Set(["part-1-of-1.h5", "part-1-of-1.json", "part-1-of-1.tsv"] + masks), "\(files)")
    }
  }

  /// Inputs that once failed, each with the command of its README.
  @Suite("Trials of readers and kernels", .enabled(if: Trials.isAvailable, "\(Trials.absence)"))
  struct ReaderTrialsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func run(_ program: String, _ arguments: [String], in trial: String) throws -> Programs.Outcome {
      try Programs.run(program, arguments + ["--quiet"], in: trial)
    }

    /// A map of a dark photograph packs better than any limit below deflate's own allows.
    @Test func constantMap() throws {
      let trial = try Trials.copy("constant-map", into: folder.path)
      let outcome = try run("crf", ["--manifest", "manifest.yaml", "--scores", "scores", "--out", "out"], in: trial)
      #expect(outcome == Programs.Outcome(status: 0, output: ""))
      #expect(FileManager.default.fileExists(atPath: "\(trial)/out/masks/x.png"))
    }

    @Test(arguments: ["1e-5", "1e-4", "1e-30", "1e-45"]) func gaussianSpread(spread: String) throws {
      let trial = try Trials.copy("gaussian-spread", into: folder.path)
      let options = ["--manifest", "manifest.yaml", "--scores", "scores", "--out", "out", "--threads", "1"]
      for option in ["--gaussian-spread", "--bilateral-spread", "--colour-spread"] {
        let outcome = try run("crf", options + [option, spread], in: trial)
        #expect(outcome.status == 64 && !outcome.wasKilled, "\(option) \(outcome)")
        #expect(!FileManager.default.fileExists(atPath: "\(trial)/out/masks"), "\(option)")
        let message =
          "crf: The value '\(spread)' is invalid for '\(option) <X>': expected a number from 0.001 to 10000, "
          + "found \(spread); see crf --help\n"
        #expect(outcome.output == message, "\(option)")
      }
    }

    @Test(arguments: ["multistep.pth", "device.pth", "key-net.pth"]) func checkpoints(file: String) throws {
      let trial = try Trials.copy("checkpoints", into: folder.path)
      let outcome = try run("import-weights", ["--from", file, "--out", "out"], in: trial)
      #expect(outcome == Programs.Outcome(status: 0, output: ""))
      #expect(try WeightsFile.load("\(trial)/out/weights.h5").names == ["0.weight", "0.bias"])
    }

    @Test func theKeyIsTold() throws {
      let trial = try Trials.copy("checkpoints", into: folder.path)
      let told = try Programs.run("import-weights", ["--from", "key-net.pth", "--out", "out"], in: trial)
      #expect(told.status == 0 && told.output.hasPrefix("import-weights: weights under `net`\n"), "\(told.output)")
      #expect(
        try run("import-weights", ["--from", "key-net.pth", "--key", "net", "--out", "out"], in: trial).status == 0)
      let wrong = try run("import-weights", ["--from", "key-net.pth", "--key", "ema", "--out", "out"], in: trial)
      #expect(wrong.status == 65)
      #expect(
        wrong.output
          == "import-weights: key-net.pth: has nothing under the key `ema`; tensors are under `net` (2 tensors)\n",
        "\(wrong.output)")
    }
  }
}
