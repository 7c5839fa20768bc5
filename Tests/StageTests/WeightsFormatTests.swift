import Foundation
import TensorStore
import TestSupport
import Testing

extension StageSuites {
  /// Weights out to the formats of other programs and in again.
  @Suite(.workshop) struct WeightsFormatTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    @Test(arguments: ["weights.pth", "weights.safetensors", "weights.hdf5"]) func outAndIn(file: String) throws {
      let weights = try workshop.output("cam-train") + "/weights.h5"
      let out = "exported-\(file)"
      try #require(try workshop.run("export-weights", ["--weights", weights, "--file", file, "--out", out, "--quiet"]).output == "")
      try #require(try workshop.run("import-weights", ["--from", "\(out)/\(file)", "--out", "in-\(file)", "--quiet"]).output == "")
      let before = try WeightsFile.load(workshop.path(weights))
      let after = try WeightsFile.load(workshop.path("in-\(file)/weights.h5"))
      #expect(after.names == before.names)
      for (name, tensor) in before.entries { #expect(after[name] == tensor, "\(name)") }
      #expect(after.attributes["network"] == (file.hasSuffix("pth") ? nil : "classifier"))
      #expect(after.attributes["classes"] == (file.hasSuffix("pth") ? nil : before.attributes["classes"]))
      let report = try #require(try JSONSerialization.jsonObject(with: Data(workshop.text("\(out)/export.json").utf8)) as? [String: Any])
      #expect(report["file"] as? String == file && report["tensors"] as? Int == before.count)
      // With its attributes the imported file is a classifier for the other stages.
      if !file.hasSuffix("pth") {
        let cam = try workshop.run(try workshop.command("cam", out: "cam-\(file)", ["--weights", "in-\(file)/weights.h5"]))
        #expect(cam == Programs.Outcome(status: 0, output: ""))
      }
    }

    @Test(arguments: [
      (["--file", "a/b.pth"], "--file: expected the name of a file in the output folder, found `a/b.pth`"),
      (["--file", "weights.params"], "--file: expected a name that ends in .pth, .pt, .safetensors, .h5 or .hdf5, or a --format, found `weights.params`"),
    ])
    func wrongNames(options: [String], message: String) throws {
      let outcome = try workshop.run("export-weights", ["--weights", "w.h5", "--out", "o"] + options)
      #expect(outcome.status == 64)
      #expect(outcome.output == "export-weights: \(message); see export-weights --help\n")
      #expect(!workshop.exists("o"))
    }
  }
}
