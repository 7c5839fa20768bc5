import Tensors
import Testing

@Suite("Memory pool") struct MemoryPoolTests {
  /// 64 KiB, the smallest tensor that a pool counts, and multiples of it.
  private func tensor(_ units: Int) -> Tensor { Tensor(repeating: 1, [units, 1 << 14]) }
  private let unit = 1 << 16

  @Test func aFreedBlockIsUsedAgain() {
    let pool = MemoryPool()
    MemoryPool.$current.withValue(pool) {
      for _ in 0..<5 { #expect(tensor(3).values.allSatisfy { $0 == 1 }) }
    }
    let counts = pool.statistics
    #expect(
      counts.inUse == 0 && counts.mostInUse == 3 * unit && counts.resident == 3 * unit && counts.taken == 5
        && counts.fresh == 1, "\(counts)")
  }

  @Test func gapsThatTouchAreOne() {
    let pool = MemoryPool()
    MemoryPool.$current.withValue(pool) {
      var tensors: [Tensor?] = [1, 2, 1, 3, 1].map(tensor)
      for index in [1, 3, 2] { tensors[index] = nil }
      tensors[2] = tensor(6)
      #expect(pool.statistics.resident == 8 * unit && pool.statistics.fresh == 5)
      // The lowest gap that is large enough, then the rest of it.
      tensors[2] = nil
      tensors[1] = tensor(4)
      tensors[3] = tensor(2)
      #expect(pool.statistics.resident == 8 * unit && pool.statistics.inUse == 8 * unit && pool.statistics.fresh == 5)
      tensors[2] = tensor(1)
      #expect(pool.statistics.resident == 9 * unit)
      tensors[4] = nil
      tensors[2] = nil
      // What is free at the end is the start of what does not fit below.
      tensors[4] = tensor(3)
      #expect(pool.statistics.resident == 10 * unit)
    }
    #expect(pool.statistics.inUse == 0)
  }

  @Test func tensorsKeepTheirValuesWhileOthersComeAndGo() {
    let pool = MemoryPool()
    MemoryPool.$current.withValue(pool) {
      var kept: [Tensor] = []
      for round in 0..<40 {
        let value = Float(round)
        let passing = Tensor(repeating: -1, [1 + round % 5, 1 << 14])
        kept.append(Tensor(repeating: value, [1 + round % 3, 1 << 14]))
        if round % 4 == 3 { kept.remove(at: round % kept.count) }
        #expect(passing.values.allSatisfy { $0 == -1 })
      }
      for tensor in kept { #expect(Set(tensor.values).count == 1 && tensor[0, 0] >= 0) }
    }
  }

  @Test func aTensorMayOutliveTheUseOfItsPool() {
    let tensor = MemoryPool.$current.withValue(MemoryPool()) { self.tensor(2) }
    #expect(tensor.values.allSatisfy { $0 == 1 })
  }
}
