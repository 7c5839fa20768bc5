import DenseCRF
import Foundation
import Tensors

/// Slow twins of the CRF in double precision: the same mean field on filters that are plain functions of one plane.
struct NaiveCRF {
  /// One filter: one value per pixel in, one per pixel out, not normalised.
  typealias Filter = ([Double]) -> [Double]

  let parameters: DenseCRFParameters
  let kernels: [(weight: Double, filter: Filter)]

  /// Q for `probabilities` (labels, pixels).
  func infer(_ probabilities: [[Float]]) -> [[Double]] {
    let pixels = probabilities[0].count
    let unary = probabilities.map { $0.map { -log(Double(min(max($0, parameters.clip), 1))) } }
    let norms = kernels.map { kernel in
      kernel.filter([Double](repeating: 1, count: pixels)).map { 1 / ($0 + 1e-20).squareRoot() }
    }
    var q = Self.softmax(unary.map { $0.map { -$0 } })
    for _ in 0..<parameters.iterations {
      var score = unary.map { $0.map { -$0 } }
      for (kernel, norm) in zip(kernels, norms) {
        for label in score.indices {
          let filtered = kernel.filter(zip(q[label], norm).map { $0 * $1 })
          for i in 0..<pixels { score[label][i] += kernel.weight * norm[i] * filtered[i] }
        }
      }
      q = Self.softmax(score)
    }
    return q
  }

  private static func softmax(_ scores: [[Double]]) -> [[Double]] {
    var result = scores
    for i in scores[0].indices {
      let largest = scores.map { $0[i] }.max() ?? 0
      let total = scores.map { exp($0[i] - largest) }.reduce(0, +)
      for label in scores.indices { result[label][i] = exp(scores[label][i] - largest) / total }
    }
    return result
  }

  /// The features of both kernels, pixel after pixel, in single precision as the fast form has them: whether a point
  /// lies on one side of a simplex border is a matter of rounding.
  static func features(width: Int, height: Int, rgb: [UInt8], _ p: DenseCRFParameters) -> (
    position: [[Float]], bilateral: [[Float]]
  ) {
    var position: [[Float]] = []
    var bilateral: [[Float]] = []
    for y in 0..<height {
      for x in 0..<width {
        let colour = (0..<3).map { Float(rgb[3 * (y * width + x) + $0]) / p.colourSpread }
        position.append([Float(x) / (p.gaussianSpread / p.scaleFactor), Float(y) / (p.gaussianSpread / p.scaleFactor)])
        bilateral.append(
          [Float(x) / (p.bilateralSpread / p.scaleFactor), Float(y) / (p.bilateralSpread / p.scaleFactor)] + colour)
      }
    }
    return (position, bilateral)
  }

  /// On exact Gaussian kernels, each pair of pixels on its own (a pixel with itself included): O(pixels^2).
  static func exact(width: Int, height: Int, rgb: [UInt8], _ p: DenseCRFParameters) -> NaiveCRF {
    func filter(_ features: [[Float]]) -> Filter {
      { values in
        features.map { a in
          var sum = 0.0
          for (b, value) in zip(features, values) {
            var distance = 0.0
            for (p, q) in zip(a, b) { distance += Double((p - q) * (p - q)) }
            sum += value * exp(-0.5 * distance)
          }
          return sum
        }
      }
    }
    let f = features(width: width, height: height, rgb: rgb, p)
    return NaiveCRF(
      parameters: p,
      kernels: [(Double(p.gaussianWeight), filter(f.position)), (Double(p.bilateralWeight), filter(f.bilateral))])
  }

  /// On permutohedral lattices kept in dictionaries by their coordinates.
  static func lattice(width: Int, height: Int, rgb: [UInt8], _ p: DenseCRFParameters) -> NaiveCRF {
    let f = features(width: width, height: height, rgb: rgb, p)
    let position = NaiveLattice(f.position), bilateral = NaiveLattice(f.bilateral)
    return NaiveCRF(
      parameters: p,
      kernels: [(Double(p.gaussianWeight), position.filter), (Double(p.bilateralWeight), bilateral.filter)])
  }
}

/// The permutohedral lattice, as the paper says it: a dictionary from full coordinates to a value.
struct NaiveLattice {
  private let dimension: Int
  /// For each point its d + 1 vertices and weights.
  private let simplices: [[(vertex: [Int], weight: Double)]]

  init(_ features: [[Float]]) {
    let d = features[0].count
    dimension = d
    simplices = features.map { NaiveLattice.simplex($0, d) }
  }

  private static func simplex(_ feature: [Float], _ d: Int) -> [(vertex: [Int], weight: Double)] {
    let deviation = Float((2.0 / 3.0).squareRoot() * Double(d + 1))
    let scaled: [Float] = (0..<d).map { i in
      let scale = 1 / Double((i + 1) * (i + 2)).squareRoot() * Double(deviation)
      return feature[i] * Float(scale)
    }
    var embedded = [Float](repeating: 0, count: d + 1)
    var sum: Float = 0
    for j in (1...d).reversed() {
      embedded[j] = sum - scaled[j - 1] * Float(j)
      sum += scaled[j - 1]
    }
    embedded[0] = sum
    let down = 1 / Float(d + 1)
    var corner: [Int] = embedded.map { Int(($0 * down).rounded(.toNearestOrEven)) * (d + 1) }
    let excess = corner.reduce(0, +) / (d + 1)
    // Axes by falling remainder, of equal ones the earlier first.
    let rest: [Float] = (0...d).map { embedded[$0] - Float(corner[$0]) }
    let order = (0...d).sorted { rest[$0] != rest[$1] ? rest[$0] > rest[$1] : $0 < $1 }
    if excess > 0 { for axis in order.suffix(excess) { corner[axis] -= d + 1 } }
    if excess < 0 { for axis in order.prefix(-excess) { corner[axis] += d + 1 } }
    let remainder: [Double] = (0...d).map { Double(embedded[$0] - Float(corner[$0])) / Double(d + 1) }
    // The axes in the order in which a walk over the simplex steps along them: smallest remainder first.
    let walk = (0...d).sorted { remainder[$0] != remainder[$1] ? remainder[$0] < remainder[$1] : $0 > $1 }
    var vertex = corner
    var result: [(vertex: [Int], weight: Double)] = []
    for k in 0...d {
      let weight = k == 0 ? 1 - remainder[walk[d]] + remainder[walk[0]] : remainder[walk[k]] - remainder[walk[k - 1]]
      result.append((vertex, weight))
      // The vertex of remainder k + 1 adds k + 1 to the axes not yet walked and k - d to the walked ones.
      vertex = (0...d).map { axis in corner[axis] + (walk[...k].contains(axis) ? k - d : k + 1) }
    }
    return result
  }

  func filter(_ values: [Double]) -> [Double] {
    var field: [[Int]: Double] = [:]
    for (simplex, value) in zip(simplices, values) {
      for (vertex, weight) in simplex { field[vertex, default: 0] += weight * value }
    }
    for axis in 0...dimension {
      let step: [Int] = (0...dimension).map { $0 == axis ? -dimension : 1 }
      let old = field
      for vertex in old.keys {
        let after: [Int] = vertex.indices.map { vertex[$0] + step[$0] }
        let before: [Int] = vertex.indices.map { vertex[$0] - step[$0] }
        let sum: Double = (old[after] ?? 0) + (old[before] ?? 0)
        field[vertex, default: 0] += 0.5 * sum
      }
    }
    let gain = 1 / (1 + pow(2, -Double(dimension)))
    return simplices.map { simplex in
      var sum = 0.0
      for (vertex, weight) in simplex { sum += weight * (field[vertex] ?? 0) }
      return gain * sum
    }
  }
}
