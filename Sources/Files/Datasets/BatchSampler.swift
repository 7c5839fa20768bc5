import Foundations

/// Which items each step trains on: every epoch a permutation drawn from (seed, epoch), cut into batches.
///
/// A step's batch is a function of its number, so a run resumed at step k continues as if it had never stopped.
public struct BatchSampler: Sendable, Equatable {
  /// One step's share.
  public struct Batch: Sendable, Equatable {
    /// 0-based.
    public let epoch: Int
    /// Positions in the list of items.
    public let indices: [Int]
  }

  /// Number of items.
  public let count: Int
  public let batchSize: Int
  public let seed: UInt64
  /// Leave out an incomplete last batch, so that all batches have one size.
  public let dropsLast: Bool
  /// Take the items in their order where false.
  public let shuffles: Bool

  /// With fewer items than a batch has, `dropsLast` is without effect: there is always at least one batch.
  public init(count: Int, batchSize: Int, seed: UInt64, dropsLast: Bool = true, shuffles: Bool = true) {
    precondition(count > 0 && batchSize > 0, "batches of \(batchSize) from \(count) items")
    self.count = count
    self.batchSize = batchSize
    self.seed = seed
    self.dropsLast = dropsLast
    self.shuffles = shuffles
  }

  public var batchesPerEpoch: Int {
    dropsLast ? max(1, count / batchSize) : (count + batchSize - 1) / batchSize
  }

  /// The order of an epoch. O(count).
  public func permutation(epoch: Int) -> [Int] {
    var order = Array(0..<count)
    if shuffles {
      var generator = SeededGenerator(seed: seed, "permutation", String(epoch))
      generator.shuffle(&order)
    }
    return order
  }

  /// The batch of a 0-based step counted over all epochs. O(count).
  public func batch(step: Int) -> Batch {
    precondition(step >= 0, "step \(step)")
    let epoch = step / batchesPerEpoch
    let start = step % batchesPerEpoch * batchSize
    return Batch(epoch: epoch, indices: Array(permutation(epoch: epoch)[start..<min(start + batchSize, count)]))
  }
}
