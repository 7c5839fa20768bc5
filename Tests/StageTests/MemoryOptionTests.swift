import Foundation
import Testing

extension StageSuites {
  /// `--memory`, and what trainings say about memory.
  @Suite(.workshop) struct MemoryOptionTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    private func train(_ options: [String], threads: Int = 1) throws -> Programs.Outcome {
      try workshop.output("scenes")
      let data = ["--manifest", "scenes/manifest.yaml", "--threads", "\(threads)"]
      return try workshop.run(
        "train-cam", data + ["--batch", "6", "--epochs", "2", "--out", "memory-\(UUID().uuidString)"] + options)
    }

    /// The mebibytes behind `name`, as a training says them.
    private func mebibytes(_ name: String, in output: String) throws -> Double {
      let match = try #require(
        try Regex("\(name) ([0-9.]+)([MG])", as: (Substring, Substring, Substring).self).firstMatch(in: output),
        "\(output)")
      let number = try #require(Double(match.output.1))
      return match.output.2 == "G" ? 1024 * number : number
    }

    @Test(
      arguments: [
        ["--backbone", "squeezenet", "--crop", "160"],
        ["--backbone", "squeezenet", "--crop", "256", "--micro-batch", "2"],
        ["--backbone", "squeezenet", "--crop", "256"], ["--backbone", "resnet18", "--crop", "96"],
        ["--backbone", "resnet50-irn", "--crop", "64", "--micro-batch", "2"], ["--width", "0.25", "--crop", "128"],
        ["--width", "0.25", "--depth", "0.5", "--crop", "160", "--momentum", "0.9"],
        ["--width", "0.5", "--crop", "96", "--micro-batch", "3"],
      ], [1, 2])
    func aTrainingTakesWhatItPredicts(options: [String], threads: Int) throws {
      let crop = options[options.firstIndex(of: "--crop").map { $0 + 1 } ?? 0]
      let outcome = try train(options + ["--resize-min", crop, "--resize-max", crop], threads: threads)
      try #require(outcome.status == 0, "\(outcome.output)")
      let (predicted, peak) = (
        try mebibytes("predicted memory", in: outcome.output), try mebibytes("peak memory", in: outcome.output)
      )
      #expect(abs(predicted / peak - 1) < 0.1, "predicted \(predicted) MiB, took \(peak) MiB")
    }

    @Test func memoryChoosesTheMicroBatch() throws {
      let options = ["--backbone", "squeezenet", "--crop", "160", "--resize-min", "160", "--resize-max", "160"]
      let whole = try train(options)
      #expect(whole.output.contains(", 6 of 6 images at a time"))
      let limit = Int(try mebibytes("predicted memory", in: whole.output) * 0.8)
      let part = try train(options + ["--memory", "\(limit)M"])
      #expect(part.output.contains(/, [2-5] of 6 images at a time/), "\(part.output)")
      #expect(try mebibytes("predicted memory", in: part.output) <= Double(limit) + 0.5)
    }

    @Test func tooLittleMemoryIsRefused() throws {
      let training = try train(["--backbone", "squeezenet", "--crop", "160", "--memory", "1M"])
      #expect(training.status == 64)
      #expect(
        training.output.contains(
          /train-cam: --memory: expected at least [0-9.]+M for one image at a time, found 1.0M\n/), "\(training.output)"
      )
      try workshop.expectFailure(
        "cam-train", ["--memory", "1G", "--micro-batch", "2"], status: 64,
        "train-cam: give either --memory or --micro-batch; see train-cam --help")
      let inference = try workshop.run(try workshop.command("infer", out: "little", ["--memory", "1M"]))
      #expect(inference.status == 64)
      #expect(
        inference.output.contains(
          /infer-seg: val-[0-9]+: --memory: expected at least [0-9.]+M for an image of 64x48, found 1.0M\n/)
          || inference.output.contains("--memory: expected at least"), "\(inference.output)")
    }
  }
}
