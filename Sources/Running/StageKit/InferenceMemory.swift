import CPUBackend
import Foundations
import Imaging
import NeuralNet
import PSA
import SSDD
import StageInterface
import Tensors

/// Whether an image and its mirror image go through a network together, decided once for each size of image.
public final class InferenceMemory {
  private let limit: MemorySize?
  private let weights: Int
  private let threads: Int
  private var decisions: [Size: Bool] = [:]

  private struct Size: Hashable {
    let width, height: Int
  }

  /// - Parameters:
  ///   - limit: nil for no limit.
  ///   - modules: whose weights are in memory.
  ///   - threads: of the kernels that will compute.
  public init(limit: MemorySize?, modules: [any Module], threads: Int) {
    (self.limit, self.threads) = (limit, threads)
    weights = modules.flatMap(\.parameters).reduce(0) { $0 + $1.value.count * MemoryLayout<Float>.stride }
  }

  /// True where both passes fit together, false where one at a time does.
  ///
  /// - Parameter pass: does what takes most memory for this image, with the kernels given and with no others.
  /// - Throws: `Failure(.usage)` where not even one pass fits.
  func fitsTogether(_ image: RGBImage, _ pass: (_ together: Bool, any Kernels) throws -> Void) throws -> Bool {
    guard let limit else { return true }
    let size = Size(width: image.width, height: image.height)
    if let decision = decisions[size] { return decision }
    func predicted(_ together: Bool) throws -> Int {
      let tensors = try MemoryPrediction.peak(threads: threads) { try pass(together, $0) }
      return ProgramMemory.bytes(threads: threads) + weights + tensors
    }
    let together = try predicted(true) <= limit.bytes
    let single = together ? 0 : try predicted(false)
    guard single <= limit.bytes else {
      throw Failure(
        .usage, expected: "at least \(MemorySize(bytes: single)) for an image of \(size.width)x\(size.height)",
        found: "\(limit)", item: "--memory")
    }
    decisions[size] = together
    return together
  }

  /// - Throws: `Failure(.usage)` where what `pass` does for this image does not fit.
  public func check(_ image: RGBImage, _ pass: (any Kernels) throws -> Void) throws {
    _ = try fitsTogether(image) { try pass($1) }
  }
}

extension InferenceMemory {
  /// `ActivationMaps.scores` within the memory.
  ///
  /// - Throws: `Failure(.usage)` where the image is too large for it.
  public func scores(
    by maps: ActivationMaps, of image: RGBImage, labels: [Int], kernels: CPUKernels
  ) throws -> Tensor {
    let isTogether = try fitsTogether(image) {
      try maps.rehearse(image, labels: labels, isTogether: $0, kernels: $1)
    }
    return try maps.scores(of: image, labels: labels, isTogether: isTogether, kernels: kernels)
  }

  /// `MultiScaleSegmentation.probabilities` within the memory.
  ///
  /// - Throws: `Failure(.usage)` where the image is too large for it.
  public func probabilities(
    by segmentation: MultiScaleSegmentation, of image: RGBImage, classes: [Int]
  ) throws -> Tensor {
    let isTogether = try fitsTogether(image) {
      try segmentation.rehearse(image, classes: classes, isTogether: $0, kernels: $1)
    }
    return try segmentation.probabilities(of: image, classes: classes, isTogether: isTogether)
  }
}
