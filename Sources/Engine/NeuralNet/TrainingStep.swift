import Foundations
import LabelMasks
import Tensors

/// One update of a network, in three phases, so that a batch may be spread over micro-batches and over processes:
///
///     counts      before any forward pass: what the denominators of the whole batch need, such as labelled pixels
///     accumulate  a micro-batch: forward, losses over those denominators, backward; adds to the sums
///     finish      after the last micro-batch: what only the sums decide, such as how many samples were good; the log
///
/// `run` is the one loop around them. Losses are divided by the counts of the *whole* batch, so gradients of
/// micro-batches, and of processes, simply add up. A step changes gradients only; the optimizer's update is the
/// caller's.
public protocol TrainingStep {
  /// What `prepare` makes of one image; samples of a batch have one size.
  associatedtype Sample: Sendable
  /// Samples put together.
  associatedtype Batch: SampleBatch
  associatedtype Counts: StepCounts

  /// The network: its gradients are dropped at the start of an update.
  var module: any Module { get }

  /// - Throws: `Failure(.data)` for labels that the network does not know.
  func batch(_ samples: [Sample]) throws -> Batch

  /// The counts of a batch, or of this process's part of one.
  func counts(_ batch: Batch) -> Counts

  /// Adds the gradients of a micro-batch to those of the network, and its numbers to `sums`.
  ///
  /// Every parameter is reached by at most one backward pass, so that `Context` can say when its gradient is complete.
  ///
  /// - Parameters:
  ///   - counts: of the whole batch.
  ///   - context: of this micro-batch; its kernels are the only ones used, as they may be such that only measure
  ///     memory.
  /// - Throws: `Failure(.software)` if a loss is not a number; gradients are incomplete then.
  func accumulate(_ batch: Batch, counts: Counts, context: Context, into sums: inout StepSums) throws

  /// Scales what could not be scaled before and says what to log, the loss first. `sums` are of the whole batch.
  func finish(_ sums: StepSums, counts: Counts, kernels: any Kernels) -> TrainingRecord

  /// Whether channels are dropped at random while training.
  var hasChannelDropout: Bool { get }
}

/// Samples of one size, put together.
public protocol SampleBatch {
  var count: Int { get }
  /// Samples `range`. Precondition: within the batch.
  func batch(_ range: Range<Int>) -> Self
}

/// Whole numbers that are counted in each part of a batch and added over all parts.
public protocol StepCounts: Sendable, Equatable {
  /// In a fixed order.
  var numbers: [Int] { get }
  /// Precondition: as many as `numbers` has.
  init(numbers: [Int])
}

extension StepCounts {
  public static func + (a: Self, b: Self) -> Self { Self(numbers: zip(a.numbers, b.numbers).map(+)) }
}

/// The denominator of mean cross entropies: pixels that are not void.
public struct LabelledPixels: StepCounts {
  public let count: Int

  public init(_ labels: LabelMask) { count = labelledPixels(labels) }
  public init(numbers: [Int]) { count = numbers[0] }
  public var numbers: [Int] { [count] }
}

/// For a step that knows its denominators without counting, from the number of samples.
public struct SampleCount: StepCounts {
  public let count: Int

  public init(_ count: Int) { self.count = count }
  public init(numbers: [Int]) { count = numbers[0] }
  public var numbers: [Int] { [count] }
}

/// How an update is computed.
public struct TrainingPass {
  public let kernels: any Kernels
  /// Seed of the run, for dropout.
  public let seed: UInt64
  /// Where the training is; its plan says how many samples are computed at once.
  public let position: TrainingPosition
  public let share: any BatchShare

  public init(kernels: any Kernels, seed: UInt64, position: TrainingPosition, share: any BatchShare = WholeBatch()) {
    self.kernels = kernels
    self.seed = seed
    self.position = position
    self.share = share
  }

  /// The micro-batches of a batch, in order.
  func ranges(of count: Int) -> [Range<Int>] {
    let size = position.plan.microBatch
    return stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
  }

  /// - Parameter isLast: whether gradients are complete after this micro-batch.
  func context(for range: Range<Int>, dropout: Bool, isLast: Bool) -> Context {
    Context(
      kernels: kernels, mode: .training, seed: seed, step: position.step,
      sampleOffset: share.firstSample + range.lowerBound,
      dropout: dropout, gradientIsComplete: isLast ? share.gradientIsComplete : nil)
  }
}

/// The part of a batch that one process computes, and its way to the others'. The seam of data-parallel training.
public protocol BatchShare {
  /// Index in the whole batch of this process's first sample, so that dropout draws do not depend on how a batch is
  /// divided.
  var firstSample: Int { get }
  /// Sums over all processes, in an order that does not change from run to run.
  func added(_ numbers: [Double]) throws -> [Double]
  /// Called in the last micro-batch when nothing more will be added to a parameter's gradient here: sending it may
  /// begin while the graph is still gone through. Parameters come in the graph's fixed reverse order, the same in each
  /// process.
  func gradientIsComplete(_ parameter: Parameter)
  /// Returns when the gradients of `module` are the sums over all processes.
  func waitForGradients(of module: any Module) throws
}

/// One process that has the batch to itself.
public struct WholeBatch: BatchShare {
  public init() {}
  public var firstSample: Int { 0 }
  public func added(_ numbers: [Double]) -> [Double] { numbers }
  public func gradientIsComplete(_ parameter: Parameter) {}
  public func waitForGradients(of module: any Module) {}
}

extension TrainingStep {
  /// Computes the gradients of a batch, or of this process's share of one; earlier gradients are dropped.
  ///
  /// Equal, but for rounding, for every size of micro-batch and every division over processes, unless the step says
  /// otherwise.
  ///
  /// - Returns: what to log.
  /// - Throws: what the phases throw; gradients are incomplete then.
  public func run(_ batch: Batch, _ pass: TrainingPass) throws -> TrainingRecord {
    module.zeroGradients()
    let own = counts(batch)
    // Counts of a batch are far below 2^53: exact as doubles.
    let counts = Counts(numbers: try pass.share.added(own.numbers.map(Double.init)).map { Int($0) })
    var sums = StepSums()
    let ranges = pass.ranges(of: batch.count)
    for (index, range) in ranges.enumerated() {
      let context = pass.context(for: range, dropout: hasChannelDropout, isLast: index == ranges.count - 1)
      try accumulate(batch.batch(range), counts: counts, context: context, into: &sums)
    }
    try pass.share.waitForGradients(of: module)
    sums.numbers = try pass.share.added(sums.numbers)
    return finish(sums, counts: counts, kernels: pass.kernels)
  }

  /// The same of samples.
  public func run(_ samples: [Sample], _ pass: TrainingPass) throws -> TrainingRecord {
    try run(try batch(samples), pass)
  }
}

/// (N, 3, side, side) of N inputs (3, side, side).
public func stacked(_ inputs: [Tensor]) -> Tensor {
  Tensor.stacked(inputs.map { $0.reshaped(Shape([1] + $0.shape.dimensions)) })
}
