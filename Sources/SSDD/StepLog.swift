import NeuralNet
import Tensors

/// What one training iteration did: named numbers in a fixed order, losses first.
///
/// Shares are of the pixels that are not void, over the whole batch. The share of foreground of every mask and the share of bad samples
/// show a collapse long before a score does.
public struct StepLog: Sendable, Equatable {
  public let names: [String]
  public let values: [Double]

  /// The number of that name; nil if the step has none.
  public subscript(_ name: String) -> Double? { names.firstIndex(of: name).map { values[$0] } }
}

/// How a training iteration is computed.
public struct TrainingPass {
  public let kernels: any Kernels
  /// Seed of the run, for dropout.
  public let seed: UInt64
  /// Number of the step in the run, from 0.
  public let step: Int
  /// Samples that are computed at once; it bounds the memory.
  public let microBatch: Int

  public init(kernels: any Kernels, seed: UInt64, step: Int, microBatch: Int) {
    precondition(microBatch > 0, "micro-batch of \(microBatch)")
    self.kernels = kernels
    self.seed = seed
    self.step = step
    self.microBatch = microBatch
  }

  /// The micro-batches of a batch, in order.
  func ranges(of count: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: microBatch).map { $0..<min($0 + microBatch, count) }
  }

  func context(for range: Range<Int>, dropout: Bool) -> Context {
    Context(kernels: kernels, mode: .training, seed: seed, step: step, sampleOffset: range.lowerBound, dropout: dropout)
  }
}

/// Sums over micro-batches, turned into a log.
struct Tally {
  private var names: [String] = []
  private var sums: [String: Double] = [:]
  private var totals: [String: Double] = [:]

  /// Adds to a number; with `total` the log holds sum of amounts / sum of totals.
  mutating func add(_ name: String, _ amount: Double, of total: Double? = nil) {
    if sums[name] == nil { names.append(name) }
    sums[name, default: 0] += amount
    if let total { totals[name, default: 0] += total }
  }

  /// Share of pixels of foreground.
  mutating func addForeground(_ name: String, _ masks: LabelBatch) {
    let (foreground, valid) = foregroundCounts(masks)
    add("foreground_\(name)", Double(foreground), of: Double(valid))
  }

  /// Share of pixels that differ, of a difference mask.
  mutating func addDiffering(_ name: String, _ difference: LabelBatch) {
    let (different, valid) = foregroundCounts(difference)
    add("differing_\(name)", Double(different), of: Double(valid))
  }

  mutating func addBad(_ name: String, _ flags: ClassFlags) {
    add("bad_\(name)", Double(flags.badSamples.count { $0 }), of: Double(flags.batch))
  }

  var log: StepLog {
    StepLog(names: names, values: names.map { name in totals[name].map { (sums[name] ?? 0) / max($0, 1) } ?? sums[name] ?? 0 })
  }
}
