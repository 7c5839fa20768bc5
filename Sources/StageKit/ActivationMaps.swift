import ArgumentParser
import Datasets
import Foundations
import Imaging
import Models
import NeuralNet
import PSA
import Tensors

/// How class activation maps are made.
public struct ActivationMapOptions: ParsableArguments {
  @Option(help: "Sizes at which the image is seen, separated by commas.")
  public var scales: NumberList = [1, 0.5, 1.5, 2]
  @Flag(inversion: .prefixedNo, help: "See each size mirrored too.")
  public var flip = true

  public init() {}
}

/// Class activation maps of images by a trained classifier: several sizes, mirrored, fused (PSA, section 3.1).
public struct ActivationMaps {
  private let network: CAMClassifier
  private let scales: [Double]
  private let flip: Bool
  private let kernels: CPUKernels

  /// - Parameter weights: a classifier's weights file, trained for `classes`.
  public init(weights: String, options: ActivationMapOptions, classes: ClassTable, kernels: CPUKernels) throws {
    let file = try NetworkFile(weights, accepting: [.classifier])
    try file.requireClasses(classes)
    network = CAMClassifier(backbone: try file.modelSpecification().backbone.build(), classes: classes.objectCount)
    try load(file.tensors.entries, into: network, file: weights)
    scales = options.scales.values
    flip = options.flip
    self.kernels = kernels
  }

  /// (k, H, W), each class scaled to 0..<1, for the class indices in `labels`, each in 1...C.
  public func scores(of image: RGBImage, labels: [Int]) throws -> Tensor {
    var fusion = CAMFusion(width: image.width, height: image.height, present: labels.map { $0 - 1 }, kernels: kernels)
    for scale in scales {
      let input = image.scaledBicubic(by: scale).networkInput
      // The image and its mirror image go through the network together.
      let batch = flip ? Tensor.stacked([input, kernels.flipHorizontally(input)]) : input
      let maps = network.activationMaps(Context(kernels: kernels, mode: .inference).constant(batch)).value
      for n in 0..<maps.shape[0] { fusion.add(maps.batch(n..<(n + 1)), flipped: n == 1) }
    }
    return try fusion.normalised()
  }
}

/// Scores with a constant background in front: background wins where no class reaches `threshold`. (k, H, W) to (1 + k, H, W).
public func withConstantBackground(_ scores: Tensor, threshold: Float) -> Tensor {
  let (height, width) = (scores.shape[1], scores.shape[2])
  return Tensor.stacked([Tensor(repeating: threshold, [1, height, width]), scores])
}
