import Foundation
import Networks
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
      try #require(
        try workshop.run("export-weights", ["--weights", weights, "--file", file, "--out", out, "--quiet"]).output == ""
      )
      try #require(
        try workshop.run("import-weights", ["--from", "\(out)/\(file)", "--out", "in-\(file)", "--quiet"]).output == "")
      let before = try WeightsFile.load(workshop.path(weights))
      let after = try WeightsFile.load(workshop.path("in-\(file)/weights.h5"))
      #expect(after.names == before.names)
      for (name, tensor) in before.entries { #expect(after[name] == tensor, "\(name)") }
      #expect(after.attributes["network"] == (file.hasSuffix("pth") ? nil : "classifier"))
      #expect(after.attributes["classes"] == (file.hasSuffix("pth") ? nil : before.attributes["classes"]))
      let report = try #require(
        try JSONSerialization.jsonObject(with: Data(workshop.text("\(out)/export.json").utf8)) as? [String: Any])
      #expect(report["file"] as? String == file && report["tensors"] as? Int == before.count)
      // With its attributes the imported file is a classifier for the other stages.
      if !file.hasSuffix("pth") {
        let cam = try workshop.run(
          try workshop.command("cam", out: "cam-\(file)", ["--weights", "in-\(file)/weights.h5"]))
        #expect(cam == Programs.Outcome(status: 0, output: ""))
      }
    }

    /// A bare state dict says nothing of the network; its size is read off the tensors.
    @Test(
      arguments: [
        ("cam-train", "classifier", []), ("affinity", "affinity", []),
        ("seg", "segmentation", ["--head-channels", "128"]),
        ("ddnet", "static", ["--head-channels", "16", "--difference-channels", "24"]), ("dynamic", "dynamic", []),
      ] as [(String, String, [String])])
    func ourOwnNetworksComeBack(step: String, network: String, options: [String]) throws {
      let out = "own-\(step)"
      try #require(try workshop.run(try workshop.command(step, out: out, options)).output == "")
      let weights = "\(out)/weights.h5"
      let export = ["--weights", weights, "--out", "\(out)-exported", "--quiet"]
      try #require(try workshop.run("export-weights", export).output == "")
      let hasHead = network != "classifier" && network != "affinity"
      let back =
        [
          "--from", "\(out)-exported/weights.pth", "--network", network, "--manifest", "scenes/manifest.yaml", "--out",
          "\(out)-back", "--quiet",
        ] + (hasHead ? ["--head-dilation", "2"] : [])
      #expect(try workshop.run("import-weights", back) == Programs.Outcome(status: 0, output: ""))
      let (before, after) = (
        try WeightsFile.load(workshop.path(weights)), try WeightsFile.load(workshop.path("\(out)-back/weights.h5"))
      )
      #expect(after.names == before.names)
      for (name, tensor) in before.entries { #expect(after[name] == tensor, "\(name)") }
      let (was, now) = try (specification(of: before), specification(of: after))
      #expect(
        now.headChannels == was.headChannels && now.differenceChannels == was.differenceChannels || step == "cam-train"
          || step == "affinity")
      #expect(now.backbone.width == was.backbone.width && now.backbone.kind == was.backbone.kind)
      #expect(after.attributes["classes"] == before.attributes["classes"])
      let wrong = try workshop.run("import-weights", back + ["--width", "0.125"])
      #expect(wrong.status == 65, "\(wrong.output)")
      #expect(
        wrong.output.contains("weights do not fit the network") || wrong.output.contains("weights of another network"),
        "\(wrong.output)")
    }

    private func specification(of weights: NamedTensors) throws -> NetworkSpecification {
      try NetworkSpecification(json: try #require(weights.attributes["specification"]?.asString))
    }

    @Test(arguments: [
      (["--file", "a/b.pth"], "--file: expected the name of a file in the output folder, found `a/b.pth`"),
      (
        ["--file", "weights.params"],
        "--file: expected a name that ends in .pth, .pt, .safetensors, .h5 or .hdf5, or a --format, found "
          + "`weights.params`"
      ),
    ])
    func wrongNames(options: [String], message: String) throws {
      let outcome = try workshop.run("export-weights", ["--weights", "w.h5", "--out", "o"] + options)
      #expect(outcome.status == 64)
      #expect(outcome.output == "export-weights: \(message); see export-weights --help\n")
      #expect(!workshop.exists("o"))
    }
  }
}
