import Datasets
import Foundations
import Imaging
import MethodChoices
import Networks
import NeuralNet
import Tensors

/// Inference of a segmentation network at several sizes, mirrored too. `ScaleFusion` says how the passes are made and
/// joined.
public struct MultiScaleSegmentation {
  public let network: SegmentationNetwork
  private var scales: [Double]
  private let flip: Bool
  private let fusion: ScaleFusion
  private let side: Int
  private var kernels: any Kernels
  /// Whether an image and its mirror image go through the network in one batch.
  private var isTogether = true

  /// - Parameters:
  ///   - scales: sizes relative to the image or to the square.
  ///   - flip: whether each size is seen mirrored too.
  ///   - side: of the square that `.softmaxOfSumSquare` squeezes images to.
  public init(
    network: SegmentationNetwork, scales: [Double], flip: Bool, fusion: ScaleFusion = .meanKeepingRatio,
    side: Int = 448, kernels: any Kernels
  ) {
    self.network = network
    self.scales = scales
    self.flip = flip
    self.fusion = fusion
    self.side = side
    self.kernels = kernels
  }

  /// (k, H, W) for the k class indices in `classes`, not normalised where they are not all of the network's.
  ///
  /// - Parameter isTogether: whether an image and its mirror image go through the network in one batch.
  /// - Throws: `Failure(.usage)` where a scaled square is too small for the network's reflection padding. Images that
  ///   keep their ratio get a border where they are too small.
  public func probabilities(of image: RGBImage, classes: [Int], isTogether: Bool = true) throws -> Tensor {
    var passes = self
    passes.isTogether = isTogether
    return try passes.fused(image, classes: classes)
  }

  /// Does what takes most memory for this image, the passes of the largest size, for kernels that count it.
  public func rehearse(_ image: RGBImage, classes: [Int], isTogether: Bool, kernels: any Kernels) throws {
    var largest = self
    (largest.isTogether, largest.kernels) = (isTogether, kernels)
    largest.scales = scales.max().map { [$0] } ?? []
    _ = try largest.fused(image, classes: classes)
  }

  private func fused(_ image: RGBImage, classes: [Int]) throws -> Tensor {
    switch fusion {
    case .meanKeepingRatio: return try meanKeepingRatio(of: image, classes: classes)
    case .softmaxOfSumSquare:
      let sum = try squareSum(of: image)
      let softmax = Self.softmaxOfSum(sum, height: image.height, width: image.width, kernels: kernels)
      return Self.planes(classes, of: softmax)
    }
  }

  /// The mean of the softmaxes at the image's size (PSA's way of testing).
  private func meanKeepingRatio(of image: RGBImage, classes: [Int]) throws -> Tensor {
    var sum = Tensor(zeros: [classes.count, image.height, image.width])
    for scale in scales {
      let resized = try image.scaledBicubic(by: scale)
      let seen = bordered(resized)
      for (softmax, isMirrored) in softmaxes(of: seen.networkInput) {
        // Maps end at a multiple of 8; what lies beyond the input is cut off before mirroring back, and a border after
        // it.
        let map = Self.planes(classes, of: softmax.resizingPlanes(height: seen.height, width: seen.width))
        let turned = isMirrored ? kernels.flipHorizontally(map) : map
        let inner = turned.resizingPlanes(height: resized.height, width: resized.width)
        let full = atSize(inner, isMirrored: false, height: image.height, width: image.width)
        kernels.accumulate(full, scaledBy: 1 / Float(scales.count * (flip ? 2 : 1)), into: &sum)
      }
    }
    return sum
  }

  /// The image, with a border of the mean colour at its right and bottom where it is smaller than the network's
  /// reflection padding allows: a narrow photograph at half its size.
  private func bordered(_ image: RGBImage) -> RGBImage {
    let side = network.specification.smallestSide
    if min(image.width, image.height) >= side { return image }
    return image.cropped(
      x: 0, y: 0, width: max(image.width, side), height: max(image.height, side),
      padding: Normalisation.standard.meanColour)
  }
}

// MARK: - The reference's fusion

extension MultiScaleSegmentation {
  /// The image as the reference sees it: squeezed to a square, bilinear without antialiasing.
  package func square(_ image: RGBImage) -> RGBImage { image.resizedBilinear(width: side, height: side) }

  /// The softmaxes of a square and, where `flip` says so, of its mirror image, seen at `scale` and brought back to the
  /// square's size: (classes, side, side) each.
  package func squareSoftmaxes(of square: RGBImage, scale: Double) throws -> [Tensor] {
    let scaled = Int(Double(side) * scale)
    guard scaled > 0 else { throw Failure(.usage, "a square of \(side) pixels has none left at scale \(scale)") }
    try network.validate(height: scaled, width: scaled)
    let input = kernels.resizeBilinear(square.networkInput, height: scaled, width: scaled)
    return softmaxes(of: input).map { atSize($0.map, isMirrored: $0.isMirrored, height: side, width: side) }
  }

  /// The sum of all softmaxes, (classes, side, side).
  package func squareSum(of image: RGBImage) throws -> Tensor {
    let square = square(image)
    var sum = Tensor(zeros: [network.specification.classes, side, side])
    for scale in scales {
      for softmax in try squareSoftmaxes(of: square, scale: scale) {
        kernels.accumulate(softmax, scaledBy: 1, into: &sum)
      }
    }
    return sum
  }

  /// The sum brought to the image's size, then a softmax of it: (classes, height, width).
  package static func softmaxOfSum(_ sum: Tensor, height: Int, width: Int, kernels: any Kernels) -> Tensor {
    let planes = sum.reshaped(Shape([1] + sum.shape.dimensions))
    let softmax = kernels.softmax(kernels.resizeBilinear(planes, height: height, width: width))
    return softmax.reshaped([sum.shape[0], height, width])
  }
}

// MARK: - One pass

extension MultiScaleSegmentation {
  /// The network's softmaxes (classes, h, w) of an input (1, 3, H, W) and of its mirror image; h and w are the input's
  /// sides, rounded up to a multiple of 8.
  private func softmaxes(of input: Tensor) -> [(map: Tensor, isMirrored: Bool)] {
    let order: MirroredPasses = flip ? (isTogether ? .together : .oneByOne) : .none
    return order.passes(of: input, kernels: kernels).flatMap { pass in
      let softmax = kernels.softmax(
        network.logits(Context(kernels: kernels, mode: .inference).constant(pass.input), upsampling: 8).value)
      return pass.isMirrored.enumerated().map { n, isMirrored in
        (
          map: softmax.batch(n..<(n + 1)).reshaped(Shape(Array(softmax.shape.dimensions.dropFirst()))),
          isMirrored: isMirrored
        )
      }
    }
  }

  /// A map (k, h, w), mirrored back where it is of a mirror image, at height x width.
  private func atSize(_ map: Tensor, isMirrored: Bool, height: Int, width: Int) -> Tensor {
    let turned = isMirrored ? kernels.flipHorizontally(map) : map
    let full = kernels.resizeBilinear(
      turned.reshaped(Shape([1] + turned.shape.dimensions)), height: height, width: width)
    return full.reshaped([map.shape[0], height, width])
  }

  private static func planes(_ classes: [Int], of map: Tensor) -> Tensor {
    if classes == Array(0..<map.shape[0]) { return map }
    return Tensor.stacked(classes.map { map.batch($0..<($0 + 1)) })
  }
}
