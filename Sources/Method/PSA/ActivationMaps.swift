import Datasets
import Imaging
import Networks
import NeuralNet
import Tensors

/// Class activation maps of an image by a trained classifier: several sizes, mirrored, fused (PSA, section 3.1).
public struct ActivationMaps {
  public let network: CAMClassifier
  private let scales: [Double]
  private let flip: Bool

  /// - Parameters:
  ///   - scales: sizes relative to the image.
  ///   - flip: whether each size is seen mirrored too.
  public init(network: CAMClassifier, scales: [Double] = CAMFusion.scales, flip: Bool = true) {
    self.network = network
    self.scales = scales
    self.flip = flip
  }

  /// (k, H, W), each class scaled to 0..<1, for the k class indices in `labels`, each in 1...C.
  ///
  /// - Parameter isTogether: whether an image and its mirror image go through the network in one batch.
  /// - Throws: `Failure(.usage)` where a scale makes the image too large; `.software` for maps that are not finite.
  public func scores(
    of image: RGBImage, labels: [Int], isTogether: Bool = true, kernels: any Kernels
  ) throws -> Tensor {
    try fused(image, labels: labels, scales: scales, isTogether: isTogether, kernels: kernels).normalised()
  }

  /// Does what takes most memory for this image, the passes of the largest size, for kernels that count it.
  public func rehearse(_ image: RGBImage, labels: [Int], isTogether: Bool, kernels: any Kernels) throws {
    let largest = scales.max().map { [$0] } ?? []
    _ = try fused(image, labels: labels, scales: largest, isTogether: isTogether, kernels: kernels)
  }

  private func fused(
    _ image: RGBImage, labels: [Int], scales: [Double], isTogether: Bool, kernels: any Kernels
  ) throws -> CAMFusion {
    var fusion = CAMFusion(width: image.width, height: image.height, present: labels.map { $0 - 1 }, kernels: kernels)
    let order: MirroredPasses = flip ? (isTogether ? .together : .oneByOne) : .none
    for scale in scales {
      let input = try image.scaledBicubic(by: scale).networkInput
      for pass in order.passes(of: input, kernels: kernels) {
        let maps = network.activationMaps(Context(kernels: kernels, mode: .inference).constant(pass.input)).value
        for (n, isMirrored) in pass.isMirrored.enumerated() { fusion.add(maps.batch(n..<(n + 1)), flipped: isMirrored) }
      }
    }
    return fusion
  }
}
