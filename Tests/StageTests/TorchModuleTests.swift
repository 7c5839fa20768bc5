import CPUBackend
import Foundation
import Networks
import NeuralNet
import TensorStore
import TestSupport
import Tensors
import Testing

/// A Python with PyTorch: `SSDD_PYTHON`, else that of `make bench-peers`.
private enum Torch {
  static let python: String? = {
    let candidates = [
      ProcessInfo.processInfo.environment["SSDD_PYTHON"], "\(Golden.packageRoot)/.build/peers/bin/python",
    ].compactMap { $0 }
    return candidates.first { python in
      FileManager.default.isExecutableFile(atPath: python)
        && (try? Programs.run(python, ["-c", "import torch"], in: "/"))?.status == 0
    }
  }()
}

extension StageSuites {
  /// docs/pytorch/ssdd_networks.py loads what export-weights writes, and computes what we compute.
  @Suite(
    .workshop,
    .enabled(if: Torch.python != nil, "needs a Python with PyTorch: set SSDD_PYTHON, or run `make bench-peers` once"))
  struct TorchModuleTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    @Test(arguments: [
      ("cam-train", "CAMClassifier"), ("affinity", "AffinityNet"), ("seg", "SegmentationNetwork"),
      ("ddnet", "SegmentationNetwork"), ("dynamic", "SegmentationNetwork"),
    ])
    func exportedNetworksComputeTheSame(step: String, type: String) throws {
      let weights = try workshop.output(step) + "/weights.h5"
      let export = try workshop.run(
        "export-weights", ["--weights", weights, "--file", "w.pth", "--out", "torch-\(step)", "--quiet"])
      try #require(export == Programs.Outcome(status: 0, output: ""))
      let module = "\(Golden.packageRoot)/docs/pytorch/ssdd_networks.py"
      let outcome = try Programs.run(
        try #require(Torch.python), [module, "torch-\(step)/w.pth", "2"], in: workshop.folder.path)
      try #require(outcome.status == 0, "\(outcome.output)")
      let lines = outcome.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      try #require(lines.count == 2, "\(outcome.output)")
      let ours = try output(of: try WeightsFile.load(workshop.path(weights)))
      #expect(lines[0] == [type] + ours.shape.dimensions.dropFirst().map(String.init))
      let theirs = lines[1].compactMap { Float($0) }
      try #require(theirs.count == ours.count)
      let scale = ours.values.map(abs).max() ?? 0
      let difference = zip(theirs, ours.values).map { abs($0 - $1) }.max() ?? .infinity
      #expect(scale > 0 && difference <= 1e-4 * scale, "differ by \(difference), the largest is \(scale)")
    }

    /// What the module computes, of its pattern.
    private func output(of weights: NamedTensors) throws -> Tensor {
      let specification = try #require(weights.attributes["specification"]?.asString)
      let kernels = CPUKernels(threads: 1)
      let mean: [Float] = [0.485, 0.456, 0.406], deviation: [Float] = [0.229, 0.224, 0.225]
      let side = 64
      let pattern = (0..<3 * side * side).map { index -> Float in
        let (channel, pixel) = index.quotientAndRemainder(dividingBy: side * side)
        return (Float((3 * pixel + channel) % 251) / 255 - mean[channel]) / deviation[channel]
      }
      let x = Context(kernels: kernels, mode: .inference).constant(Tensor([1, 3, side, side], pattern))
      let model = try NetworkSpecification(json: specification)
      switch weights.attributes["network"]?.asString {
      case "classifier":
        let network = CAMClassifier(backbone: try model.backbone.build(), objectCount: model.classes - 1)
        try load(weights.entries, into: network)
        return network.activationMaps(x).value
      case "affinity":
        let network = AffinityNet(backbone: try model.backbone.build())
        try load(weights.entries, into: network)
        return network.features(x).value
      default:
        let network = try SegmentationNetwork(model, hasSubHead: false)
        try load(weights.entries, into: network, unexpected: .prefixes(["seg_sub", "dd"]))
        return network.logits(x, upsampling: 1).value
      }
    }
  }
}
