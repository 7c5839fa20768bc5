import CPUBackend
import Datasets
import Foundations
import Imaging
import Models
import NeuralNet
import PSA
import StageInterface
import Tensors

/// Class activation maps of images by a trained classifier: several sizes, mirrored, fused (PSA, section 3.1).
public struct ActivationMaps {
  private let network: CAMClassifier
  private var scales: [Double]
  private let flip: Bool
  private var kernels: any Kernels
  private let memory: InferenceMemory
  /// Whether an image and its mirror image go through the network in one batch.
  private var isTogether = true

  /// - Parameter weights: a classifier's weights file, trained for `classes`.
  public init(weights: String, options: ActivationMapOptions, classes: ClassTable, kernels: CPUKernels) throws {
    let file = try NetworkFile(weights, accepting: [.classifier])
    try file.requireClasses(classes)
    network = CAMClassifier(backbone: try file.modelSpecification().backbone.build(), classes: classes.objectCount)
    try load(file.tensors.entries, into: network, file: weights)
    scales = options.scales.values
    flip = options.flip
    self.kernels = kernels
    memory = InferenceMemory(limit: options.memory, modules: [network], threads: kernels.threads)
  }

  /// (k, H, W), each class scaled to 0..<1, for the class indices in `labels`, each in 1...C.
  ///
  /// - Throws: `Failure(.usage)` where the image is too large for the memory, or a scale makes it so.
  public func scores(of image: RGBImage, labels: [Int]) throws -> Tensor {
    var passes = self
    passes.isTogether = try memory.fitsTogether(image) { isTogether, kernels in
      var rehearsal = self
      (rehearsal.isTogether, rehearsal.kernels, rehearsal.scales) = (
        isTogether, kernels, scales.max().map { [$0] } ?? []
      )
      _ = try rehearsal.fused(image, labels: labels)
    }
    return try passes.fused(image, labels: labels).normalised()
  }

  private func fused(_ image: RGBImage, labels: [Int]) throws -> CAMFusion {
    var fusion = CAMFusion(width: image.width, height: image.height, present: labels.map { $0 - 1 }, kernels: kernels)
    for scale in scales {
      let input = try image.scaledBicubic(by: scale).networkInput
      for pass in networkPasses(input, flip: flip, isTogether: isTogether, kernels: kernels) {
        let maps = network.activationMaps(Context(kernels: kernels, mode: .inference).constant(pass.input)).value
        for (n, isMirrored) in pass.isMirrored.enumerated() { fusion.add(maps.batch(n..<(n + 1)), flipped: isMirrored) }
      }
    }
    return fusion
  }
}

/// Scores with a constant background in front: background wins where no class reaches `threshold`. (k, H, W) to (1 + k,
/// H, W).
public func withConstantBackground(_ scores: Tensor, threshold: Float) -> Tensor {
  let (height, width) = (scores.shape[1], scores.shape[2])
  return Tensor.stacked([Tensor(repeating: threshold, [1, height, width]), scores])
}
