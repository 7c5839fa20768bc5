import Foundation
import TensorStore
import TestSupport
import Testing

extension StageSuites {
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
