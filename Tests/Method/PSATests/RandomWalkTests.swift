import CPUBackend
import Foundation
import Foundations
import PSA
import Tensors
import TestSupport
import Testing

private let kernels = CPUKernels(threads: 2)

private func random(_ shape: Shape, _ name: String) -> Tensor {
  var generator = SeededGenerator(seed: 8, name)
  return Tensor(shape, (0..<shape.count).map { _ in generator.unit() })
}

/// The walk by dense squaring in double precision.
struct DenseWalk {
  /// T after 2^logt steps, row after row.
  private var matrix: [[Double]]

  init(_ affinities: Tensor, height: Int, width: Int, pairs: AffinityPairs, beta: Double) {
    let cells = height * width
    matrix = (0..<cells).map { row in (0..<cells).map { $0 == row ? 1 : 0 } }
    let (rows, columns) = pairs.starts(height: height, width: width)
    var powers = affinities.values.map { pow(Double($0), beta) }.makeIterator()
    for offset in pairs.offsets {
      for y in rows {
        for x in columns {
          let (from, to) = (y * width + x, (y + offset.dy) * width + x + offset.dx)
          let power = powers.next() ?? 0
          matrix[from][to] = power
          matrix[to][from] = power
        }
      }
    }
    for column in 0..<cells {
      let sum = matrix.reduce(0) { $0 + $1[column] }
      for row in 0..<cells { matrix[row][column] /= sum }
    }
  }

  mutating func square() {
    let columns = matrix.indices.map { column in matrix.map { $0[column] } }
    matrix = matrix.map { row in
      columns.map { column in
        var sum = 0.0
        for (a, b) in zip(row, column) { sum += a * b }
        return sum
      }
    }
  }

  func apply(_ scores: [Float]) -> [Float] {
    matrix.indices.map { column in
      var sum = 0.0
      for (score, row) in zip(scores, matrix) { sum += Double(score) * row[column] }
      return Float(sum)
    }
  }
}

@Suite("Random walk") struct RandomWalkTests {
  @Test("agrees with dense squaring", arguments: [(6, 10, 5), (5, 9, 5), (3, 7, 3), (4, 4, 2), (1, 5, 1), (7, 13, 4)])
  func dense(height: Int, width: Int, radius: Int) throws {
    let pairs = AffinityPairs(radius: radius)
    let affinities = random([1, pairs.offsets.count, pairs.startCount(height: height, width: width)], "affinities")
    let walk = try RandomWalk(affinities: affinities, height: height, width: width, pairs: pairs, beta: 2)
    var twin = DenseWalk(affinities, height: height, width: width, pairs: pairs, beta: 2)
    let area = height * width
    for logt in 0..<5 {
      for channels in [1, 2, 3, 4, 5, 9] {
        let scores = random([channels, height, width], "scores\(channels)")
        let values = scores.values
        let expected = (0..<channels).flatMap { twin.apply(Array(values[$0 * area..<($0 + 1) * area])) }
        for threads in [1, 3] {
          #expect(
            mismatch(walk.walk(scores, logt: logt, threads: threads), Tensor(scores.shape, expected), tolerance: 5e-6)
              == nil)
        }
      }
      twin.square()
    }
  }

  @Test("no affinity leaves the scores as they are")
  func identity() throws {
    let pairs = AffinityPairs()
    let scores = random([2, 12, 13], "identity")
    let walk = try RandomWalk(
      affinities: Tensor(zeros: [1, 34, pairs.startCount(height: 12, width: 13)]), height: 12, width: 13)
    #expect(walk.walk(scores) == scores)
  }

  @Test("a constant map stays as it is: columns sum to 1")
  func constant() throws {
    let affinities = random([34, AffinityPairs().startCount(height: 12, width: 17)], "constant")
    let walk = try RandomWalk(affinities: affinities, height: 12, width: 17)
    #expect(
      mismatch(walk.walk(Tensor(repeating: 0.3, [1, 12, 17])), Tensor(repeating: 0.3, [1, 12, 17]), tolerance: 1e-5)
        == nil)
  }

  @Test("the threads do not change a bit")
  func threads() throws {
    let affinities = random([34, AffinityPairs().startCount(height: 40, width: 50)], "threads")
    let walk = try RandomWalk(affinities: affinities, height: 40, width: 50)
    let scores = random([3, 40, 50], "threads")
    let one = walk.walk(scores, threads: 1)
    for threads in [2, 5] { #expect(walk.walk(scores, threads: threads) == one) }
  }

  @Test("what is no affinity is refused", arguments: [Float.nan, -0.1, 1.5, .infinity])
  func refusals(value: Float) {
    var affinities = Tensor(zeros: [34, AffinityPairs().startCount(height: 6, width: 9)])
    affinities[1, 1] = value
    #expect(throws: Failure.self) { try RandomWalk(affinities: affinities, height: 6, width: 9) }
  }

  @Test("pooling counts pixels outside as 0, and the way back crops")
  func pooling() {
    let pooled = pooledScores(Tensor(repeating: 1, [2, 3, 5]), stride: 4, kernels: kernels)
    #expect(mismatch(pooled, Tensor([2, 1, 2], [0.75, 0.1875, 0.75, 0.1875]), tolerance: 1e-7) == nil)
    let back = upsampledScores(Tensor(repeating: 0.5, [2, 1, 2]), height: 3, width: 5, stride: 4, kernels: kernels)
    #expect(mismatch(back, Tensor(repeating: 0.5, [2, 3, 5]), tolerance: 1e-7) == nil)
  }

  @Test(
    "seeds of equal features are mixed within reach, tiny images pass",
    arguments: [(1, 1), (5, 7), (90, 121), (16, 200)])
  func seeds(height: Int, width: Int) throws {
    let maps = random([2, height, width], "maps")
    let (rows, columns) = ((height + 7) / 8, (width + 7) / 8)
    let seeds = try refinedSeeds(
      maps, features: Tensor(repeating: 0.7, [1, 3, rows, columns]), kernels: kernels, threads: 2)
    #expect(seeds.shape == [3, height, width])
    #expect(seeds.values.allSatisfy { $0.isFinite && $0 >= 0 && $0 <= 1 })
  }
}
