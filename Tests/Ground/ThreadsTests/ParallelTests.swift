import Foundation
import Synchronization
import Testing
import Threads

@Suite("Parallel loops")
struct ParallelTests {
  @Test("every index runs once", arguments: [0, 1, 2, 7, 100], [1, 2, 5])
  func parallel(count: Int, threads: Int) {
    var visits = [Int](repeating: 0, count: count)
    var parts = [Int](repeating: -1, count: count)
    visits.withUnsafeMutableBufferPointer { visits in
      parts.withUnsafeMutableBufferPointer { parts in
        let (visits, parts) = (visits, parts)
        Parallel.forEachRange(count, threads: threads) { part, range in
          for i in range {
            visits[i] += 1
            parts[i] = part
          }
        }
        Parallel.forEach(count, threads: threads) { visits[$0] += 1 }
      }
    }
    #expect(visits.allSatisfy { $0 == 2 })
    #expect(parts == parts.sorted() && parts.allSatisfy { $0 >= 0 && $0 < threads })
  }

  @Test("chunks cover every index once and are cut at multiples", arguments: [0, 1, 7, 100, 5000], [1, 2, 5])
  func chunks(count: Int, threads: Int) {
    var visits = [Int](repeating: 0, count: count)
    var isCutRight = [Bool](repeating: true, count: max(count, 1))
    visits.withUnsafeMutableBufferPointer { visits in
      isCutRight.withUnsafeMutableBufferPointer { isCutRight in
        let (visits, isCutRight) = (visits, isCutRight)
        Parallel.forEachChunk(count, of: 7, threads: threads) { range in
          let isWhole = range.upperBound % 7 == 0 || range.upperBound == count
          isCutRight[range.lowerBound] = !range.isEmpty && range.lowerBound % 7 == 0 && isWhole
          for i in range { visits[i] += 1 }
        }
      }
    }
    #expect(visits.allSatisfy { $0 == 1 } && isCutRight.allSatisfy { $0 })
  }

  @Test("many short loops on several threads at once, with pauses, all finish")
  func short() async {
    let counts = await withTaskGroup(of: Int.self) { group in
      for task in 0..<4 {
        group.addTask {
          var count = 0
          for round in 0..<2000 {
            if round % 500 == 499 { usleep(2000) }
            let units = 1 + (round + task) % 9
            let sum = Atomic<Int>(0)
            Parallel.forEach(units, threads: 3) { sum.add($0 + 1, ordering: .relaxed) }
            if sum.load(ordering: .relaxed) == units * (units + 1) / 2 { count += 1 }
          }
          return count
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(counts == [2000, 2000, 2000, 2000])
  }

  @Test("nested loops finish")
  func nested() {
    var sums = [Int](repeating: 0, count: 8)
    sums.withUnsafeMutableBufferPointer { sums in
      let sums = sums
      Parallel.forEach(8, threads: 4) { i in
        var inner = [Int](repeating: 0, count: 8)
        inner.withUnsafeMutableBufferPointer { inner in
          let inner = inner
          Parallel.forEach(8, threads: 4) { inner[$0] = $0 }
        }
        sums[i] = inner.reduce(0, +)
      }
    }
    #expect(sums == [Int](repeating: 28, count: 8))
  }
}
