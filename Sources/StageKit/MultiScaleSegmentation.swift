import Foundations
import Imaging
import Models
import NeuralNet
import SSDD
import Tensors

/// Inference of a segmentation network at several sizes, mirrored too: the mean of the softmaxes at the image's size (PSA's way of testing).
public struct MultiScaleSegmentation {
  private let network: SegmentationModel
  private let scales: [Double]
  private let flip: Bool
  private let kernels: CPUKernels

  public init(network: SegmentationModel, scales: [Double], flip: Bool, kernels: CPUKernels) {
    self.network = network
    self.scales = scales
    self.flip = flip
    self.kernels = kernels
  }

  /// (k, H, W) for the k class indices in `classes`, not normalised where they are not all of the network's.
  ///
  /// - Throws: `Failure(.usage)` where a scaled image is too small for the network's reflection padding.
  public func probabilities(of image: RGBImage, classes: [Int]) throws -> Tensor {
    var sum = Tensor(zeros: [classes.count, image.height, image.width])
    for scale in scales {
      let (width, height) = (Self.scaled(image.width, by: scale), Self.scaled(image.height, by: scale))
      try network.validate(height: height, width: width)
      let resized = width == image.width && height == image.height ? image : image.resizedBicubic(width: width, height: height)
      // The image and its mirror image go through the network together.
      let input = resized.networkInput
      let batch = flip ? Tensor.stacked([input, kernels.flipHorizontally(input)]) : input
      let context = Context(kernels: kernels, mode: .inference)
      let logits = network.logits(context.constant(batch), upsampling: 8).value
      let softmax = kernels.softmax(logits)
      for n in 0..<softmax.shape[0] {
        var map = softmax.batch(n..<(n + 1))
        // Maps end at a multiple of 8; what lies beyond the image is cut off before mirroring back.
        map = kernels.cropped(map.reshaped(Shape(Array(map.shape.dimensions.dropFirst()))), height: height, width: width)
        map = Self.planes(classes, of: map)
        map = map.reshaped([1, classes.count, height, width])
        if n == 1 { map = kernels.flipHorizontally(map) }
        let full = kernels.resizeBilinear(map, height: image.height, width: image.width)
        kernels.accumulate(full.reshaped(sum.shape), scaledBy: 1 / Float(scales.count * (flip ? 2 : 1)), into: &sum)
      }
    }
    return sum
  }

  /// `length * scale` as Python rounds it, half to even.
  public static func scaled(_ length: Int, by scale: Double) -> Int {
    max(1, Int((Double(length) * scale).rounded(.toNearestOrEven)))
  }

  private static func planes(_ classes: [Int], of map: Tensor) -> Tensor {
    if classes == Array(0..<map.shape[0]) { return map }
    return Tensor.stacked(classes.map { map.batch($0..<($0 + 1)) })
  }
}

extension LabelMask {
  /// The class of the highest score at each pixel: scores (k, H, W) and the class index of each channel; of equal scores the first wins.
  public init(ofScores scores: Tensor, labels: [Int]) {
    self.init(width: scores.shape[2], height: scores.shape[1], labels: argMax(scores, labels: labels).labels)
  }
}
