import Foundation
import Synchronization
import Tensors
import Testing

@Suite("Tensors, label batches, parallel loops")
struct TensorTests {
  @Test("copies are independent")
  func valueSemantics() {
    let first = Tensor([2, 2], [1, 2, 3, 4])
    var second = first
    second[1, 0] = 9
    #expect(first.values == [1, 2, 3, 4] && second.values == [1, 2, 9, 4])
    var reshaped = first.reshaped([4])
    reshaped.withUnsafeMutableBufferPointer { $0[0] = 7 }
    #expect(first[0, 0] == 1 && reshaped[0] == 7)
    #expect(Tensor(3).item == 3 && Tensor(3).shape.rank == 0)
    #expect(Tensor(zeros: [0, 3]).values.isEmpty)
  }

  @Test("rows and stacking")
  func rows() {
    let x = noise([5, 2, 3], "x")
    #expect(Tensor.stacked([x.batch(0..<2), x.batch(2..<2), x.batch(2..<5)]) == x)
    #expect(x.batch(3..<4).shape == [1, 2, 3])
    #expect(x.batch(3..<4)[0, 1, 2] == x[3, 1, 2])
  }

  @Test("planes are cut on the right and below, or filled up with zeros")
  func planes() {
    let x = Tensor([2, 2, 3], (1...12).map { Float($0) })
    #expect(x.resizingPlanes(height: 1, width: 2) == Tensor([2, 1, 2], [1, 2, 7, 8]))
    #expect(x.resizingPlanes(height: 3, width: 2) == Tensor([2, 3, 2], [1, 2, 4, 5, 0, 0, 7, 8, 10, 11, 0, 0]))
    #expect(x.reshaped([1, 2, 2, 3]).resizingPlanes(height: 1, width: 4) == Tensor([1, 2, 1, 4], [1, 2, 3, 0, 7, 8, 9, 0]))
    #expect(x.resizingPlanes(height: 2, width: 3) == x)
    #expect(Tensor([2, 0], []).resizingPlanes(height: 1, width: 1) == Tensor(zeros: [1, 1]))
  }

  @Test("descriptions")
  func descriptions() {
    #expect(Shape([8, 3, 320, 320]).description == "8x3x320x320")
    #expect(Shape([]).description == "scalar")
    #expect(Tensor([2], [1, 2]).description == "Tensor 2 [1.0, 2.0]")
  }

  @Test("one-hot labels, void is zero")
  func labels() {
    var batch = LabelBatch(repeating: LabelBatch.void, batch: 2, height: 1, width: 2)
    batch[0, 0, 1] = 2
    batch[1, 0, 0] = 0
    let expected = Tensor([2, 3, 1, 2], [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    #expect(batch.oneHot(classes: 3) == expected)
    #expect(LabelBatch.stacked([batch.batch(0..<1), batch.batch(1..<2)]) == batch)
  }

  @Test("output lengths of convolutions")
  func lengths() {
    #expect(ConvolutionParameters(stride: 2, padding: 1).outputLength(321, kernel: 3) == 161)
    #expect(ConvolutionParameters(dilation: 12, padding: 12).outputLength(40, kernel: 3) == 40)
    #expect(ConvolutionParameters(stride: 2).outputLength(224, kernel: 3) == 111)
  }

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
          isCutRight[range.lowerBound] = !range.isEmpty && range.lowerBound % 7 == 0 && (range.upperBound % 7 == 0 || range.upperBound == count)
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
