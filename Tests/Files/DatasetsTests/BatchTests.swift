import Datasets
import Foundation
import Foundations
import Testing

@Suite struct BatchSamplerTests {
  @Test(arguments: [(10, 3, true), (10, 3, false), (12, 4, true), (2, 5, true), (1, 1, false)])
  func everyEpochIsAPermutation(count: Int, batchSize: Int, dropsLast: Bool) {
    let sampler = BatchSampler(count: count, batchSize: batchSize, seed: 4, dropsLast: dropsLast)
    for epoch in 0..<3 {
      let batches = (0..<sampler.batchesPerEpoch).map { sampler.batch(step: epoch * sampler.batchesPerEpoch + $0) }
      #expect(batches.allSatisfy { $0.epoch == epoch })
      let indices = batches.flatMap(\.indices)
      #expect(Set(indices).count == indices.count && indices.allSatisfy((0..<count).contains))
      #expect(indices.count == (dropsLast && count >= batchSize ? count / batchSize * batchSize : count))
      if dropsLast, count >= batchSize { #expect(batches.allSatisfy { $0.indices.count == batchSize }) }
    }
  }

  @Test func permutationsDependOnSeedAndEpoch() {
    let (a, b) = (BatchSampler(count: 50, batchSize: 8, seed: 1), BatchSampler(count: 50, batchSize: 8, seed: 2))
    #expect(a.permutation(epoch: 0) != a.permutation(epoch: 1))
    #expect(a.permutation(epoch: 0) != b.permutation(epoch: 0))
    #expect(a.permutation(epoch: 3) == BatchSampler(count: 50, batchSize: 16, seed: 1).permutation(epoch: 3))
    #expect(BatchSampler(count: 4, batchSize: 2, seed: 1, shuffles: false).batch(step: 3).indices == [2, 3])
  }

  /// Indices of one epoch, written down so that no change of the generator or the shuffle passes unseen: it would
  /// change every trained network.
  @Test func knownPermutation() {
    #expect(BatchSampler(count: 8, batchSize: 8, seed: 7).permutation(epoch: 2) == [7, 2, 5, 6, 0, 1, 3, 4])
  }
}

@Suite struct PrefetcherTests {
  @Test(arguments: [1, 2, 5]) func keepsOrder(depth: Int) throws {
    let batches = Prefetcher(steps: 3..<40, depth: depth) { step -> Int in
      if step % 7 == 0 { usleep(1000) }
      return step * step
    }
    var steps: [Int] = []
    while let batch = try batches.next() { steps.append(batch) }
    #expect(steps == (3..<40).map { $0 * $0 })
    #expect(try batches.next() == nil)
  }

  @Test func resumesWhereItStopped() throws {
    let sampler = BatchSampler(count: 23, batchSize: 4, seed: 11)
    func run(_ steps: Range<Int>) throws -> [BatchSampler.Batch] {
      let batches = Prefetcher(steps: steps) { sampler.batch(step: $0) }
      var all: [BatchSampler.Batch] = []
      while let batch = try batches.next() { all.append(batch) }
      return all
    }
    #expect(try run(0..<17) == run(0..<8) + run(8..<17))
    #expect(try run(5..<5).isEmpty)
  }

  @Test func tellsOfTheStepThatFailed() throws {
    let batches = Prefetcher(steps: 0..<10) { step -> Int in
      if step == 2 { throw Failure(.data, "broken", item: "id-2") }
      return step
    }
    #expect(try batches.next() == 0)
    #expect(try batches.next() == 1)
    expectFailure(.data, "id-2: broken") { _ = try batches.next() }
    #expect(try batches.next() == nil)
  }

  @Test func preparesNoMoreThanItsDepth() throws {
    let prepared = Counter()
    var batches: Prefetcher<Int>? = Prefetcher(steps: 0..<1000, depth: 2) { step in
      prepared.increment()
      return step
    }
    _ = try batches?.next()
    usleep(50_000)
    // One taken, two waiting, one in hand.
    #expect(prepared.value <= 4)
    batches = nil
    usleep(50_000)
    #expect(prepared.value <= 5)
  }
}

private final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0
  func increment() { lock.withLock { count += 1 } }
  var value: Int { lock.withLock { count } }
}
