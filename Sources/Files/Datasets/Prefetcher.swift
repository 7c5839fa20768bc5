import Foundation
import Foundations

/// Prepares the batches of consecutive steps on a background thread, a few ahead of the step that trains.
///
///     let batches = Prefetcher(steps: 0..<100) { step in try load(sampler.batch(step: step)) }
///     while let batch = try batches.next() { ... }
///
/// Batches come in the order of the steps. Memory is bounded by `depth` prepared batches, the one in preparation and
/// the one in use. Dropping the prefetcher stops the thread after the batch in preparation.
public final class Prefetcher<Batch: Sendable>: Sendable {
  /// Prepared batches that may be in memory at a time, with the default depth: those that wait, the one in preparation
  /// and the one in use.
  public static var batchesHeld: Int { 4 }

  private let queue: Queue

  /// - Parameters:
  ///   - steps: the steps to prepare; to resume at step k, start the range there.
  ///   - depth: prepared batches that may wait, at least 1.
  ///   - prepare: called on the background thread, once per step, in order.
  public init(steps: Range<Int>, depth: Int = 2, prepare: @escaping @Sendable (Int) throws -> Batch) {
    precondition(depth > 0, "a depth of \(depth)")
    let queue = Queue(depth: depth)
    self.queue = queue
    let thread = Thread {
      for step in steps {
        let result = Result { try prepare(step) }
        guard queue.put(result), case .success = result else { break }
      }
      queue.close()
    }
    // Codecs and resampling keep their rows on the heap; 8 MiB is what a main thread has.
    thread.stackSize = 8 << 20
    thread.name = "prefetcher"
    thread.start()
  }

  deinit { queue.cancel() }

  /// The batch of the next step, waiting for it if need be; nil after the last step.
  ///
  /// Throws what the preparation of this very step threw, a `Failure` with the item's id; after that there are no more
  /// batches.
  public func next() throws -> Batch? { try queue.take()?.get() }

  /// A bounded queue between two threads. All its state is guarded by the condition's lock.
  private final class Queue: @unchecked Sendable {
    private let condition = NSCondition()
    private let depth: Int
    private var waiting: [Result<Batch, any Error>] = []
    private var isClosed = false
    private var isCancelled = false

    init(depth: Int) { self.depth = depth }

    /// Waits for room; false where nobody will take any more.
    func put(_ batch: Result<Batch, any Error>) -> Bool {
      condition.lock()
      defer { condition.unlock() }
      while waiting.count >= depth, !isCancelled { condition.wait() }
      if isCancelled { return false }
      waiting.append(batch)
      condition.broadcast()
      return true
    }

    func close() {
      condition.lock()
      isClosed = true
      condition.broadcast()
      condition.unlock()
    }

    func cancel() {
      condition.lock()
      isCancelled = true
      waiting = []
      condition.broadcast()
      condition.unlock()
    }

    func take() -> Result<Batch, any Error>? {
      condition.lock()
      defer { condition.unlock() }
      while waiting.isEmpty, !isClosed { condition.wait() }
      guard !waiting.isEmpty else { return nil }
      let batch = waiting.removeFirst()
      condition.broadcast()
      return batch
    }
  }
}
