import COpenBLAS
import Tensors
import Threads

/// `Kernels` on the processor: `CKernels` for Winograd's convolutions, OpenBLAS for other matrix products, vectorised
/// loops for the rest, work split over `threads`.
///
/// Copies share their scratch memory. May be used from several threads at once; each use then takes scratch memory of
/// its own.
public struct CPUKernels: Kernels {
  public let threads: Int
  private let shared: Shared

  /// What copies share.
  private final class Shared: Sendable {
    let scratch = Scratch()
    let algorithm: ConvolutionAlgorithm?
    let instructions: InstructionSet
    let transformedWeights: TransformedWeights?

    init(algorithm: ConvolutionAlgorithm?, instructions: InstructionSet, keepsWeights: Bool) {
      (self.algorithm, self.instructions) = (algorithm, instructions)
      transformedWeights = keepsWeights ? TransformedWeights() : nil
    }
  }

  var scratch: Scratch { shared.scratch }
  /// The way of every convolution that it can compute; nil: the automatic choice.
  var algorithm: ConvolutionAlgorithm? { shared.algorithm }
  /// Those of the products in panels.
  var instructions: InstructionSet { shared.instructions }
  /// nil where weights are transformed for each image.
  var transformedWeights: TransformedWeights? { shared.transformedWeights }

  /// Precondition: threads >= 1. Sets OpenBLAS to one thread for the whole process: the splitting is done here.
  ///
  /// - Parameter keepsWeights: whether convolutions keep their weights as they need them: faster for the second image
  ///   on and the same bits, for up to four times the weights' memory. For inference; weights that are written are
  ///   transformed anew and the old ones never let go.
  public init(threads: Int, keepsWeights: Bool = false) {
    self.init(threads: threads, algorithm: nil, keepsWeights: keepsWeights)
  }

  /// With `algorithm` in place of the automatic choice for all shapes that it supports, and instructions that the
  /// processor has: for tests and measurements.
  package init(
    threads: Int, algorithm: ConvolutionAlgorithm?, instructions: InstructionSet = .best, keepsWeights: Bool = false
  ) {
    precondition(threads >= 1, "\(threads) threads")
    self.threads = threads
    shared = Shared(algorithm: algorithm, instructions: instructions, keepsWeights: keepsWeights)
    _ = Self.singleThreadedBLAS
  }

  private static let singleThreadedBLAS: Void = openblas_set_num_threads(1)

  /// About what a thread keeps as scratch memory: a tile's column matrix, and sums of small weight gradients.
  static let scratchBytes = 3 << 19

  /// Elements below which a simple loop is not worth a second thread.
  static let smallCount = 1 << 14

  /// Runs `body` over ranges of 0..<count elements, on one thread if they are few.
  @inline(__always)
  func overElements(_ count: Int, _ body: (Range<Int>) -> Void) {
    Parallel.forEachChunk(count, of: Self.smallCount / 4, threads: count < Self.smallCount ? 1 : threads, body)
  }

  /// Runs `body` for every plane of 0..<count planes of `area` elements, on one thread if they are small.
  @inline(__always)
  func overPlanes(_ count: Int, area: Int, _ body: (Int) -> Void) {
    Parallel.forEach(count, threads: count * area < Self.smallCount ? 1 : threads, body)
  }
}
