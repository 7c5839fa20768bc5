import Threads

/// A Gaussian filter over all pairs of points, symmetrically normalised and times a weight: w D^-1/2 K D^-1/2 with D =
/// diag(K 1).
///
/// K = slice * blur * splat is symmetric up to the order of the blur's axes, so the factors are put into the
/// barycentric weights once: each weight is multiplied by sqrt(w a) D^-1/2 of its point, where a = 1 / (1 + 2^-d)
/// undoes the gain of the blur, and filtering is then splat, blur and slice alone.
final class Filter: Sendable {
  let lattice: PermutohedralLattice

  /// Takes over `lattice`, whose weights it rescales.
  init(_ lattice: PermutohedralLattice, weight: Float, threads: Int) {
    self.lattice = lattice
    let width = lattice.dimension + 1
    let gain = 1 / (1 + Float(sign: .plus, exponent: -lattice.dimension, significand: 1))
    let field = LatticeField<Float>(lattice, blocks: 1, parts: threads)
    let vertices = lattice.vertices.base, weights = lattice.weights.base
    Parallel.forEachRange(lattice.pointCount, threads: field.parts) { part, range in
      let target = field.splatTarget(part)
      for i in range.lowerBound &* width..<range.upperBound &* width { target[Int(vertices[i])] += weights[i] }
    }
    let blurred = field.blurred(threads: threads)
    Parallel.forEachRange(lattice.pointCount, threads: threads) { _, range in
      for point in range {
        var sum: Float = 0
        for k in point &* width..<(point &+ 1) &* width { sum += weights[k] * blurred[Int(vertices[k])] }
        let degree = (sum * gain + 1e-20).squareRoot()
        let factor = (weight * gain).squareRoot() / degree
        for k in point &* width..<(point &+ 1) &* width { weights[k] *= factor }
      }
    }
  }
}

/// Values at the vertices of a lattice, `blocks` lanes each, and the blur over them.
///
/// Every part of a parallel splat adds into memory of its own; `blurred` sums these in the order of the parts, so that
/// the same number of parts gives the same bits.
final class LatticeField<V: Lanes> {
  let blocks: Int
  /// How many parts may splat at the same time.
  let parts: Int
  private let lattice: PermutohedralLattice
  private let splatted: [AlignedBuffer<V>]
  private let first: AlignedBuffer<V>
  private let second: AlignedBuffer<V>
  /// Splat memory is bounded by this many copies of the values.
  private static var mostParts: Int { 16 }

  init(_ lattice: PermutohedralLattice, blocks: Int, parts: Int) {
    self.lattice = lattice
    self.blocks = blocks
    self.parts = max(1, min(parts, min(Self.mostParts, lattice.pointCount)))
    let count = (lattice.vertexCount + 1) * blocks
    splatted = (0..<self.parts).map { _ in AlignedBuffer(repeating: V.zero, count: count) }
    first = AlignedBuffer(repeating: V.zero, count: count)
    second = AlignedBuffer(repeating: V.zero, count: count)
  }

  /// Where part `part` adds: row after row of `blocks` lanes.
  func splatTarget(_ part: Int) -> UnsafeMutablePointer<V> { splatted[part].base }

  /// Sums and empties what was splatted, then blurs with (1/2, 1, 1/2) along each axis in turn. The result stays valid
  /// until the next call.
  func blurred(threads: Int) -> UnsafeMutablePointer<V> {
    let rows = lattice.vertexCount + 1
    let threads = rows * blocks < 2048 ? 1 : threads
    var source = first.base, target = second.base
    collect(into: source, threads: threads)
    for axis in 0...lattice.dimension {
      let links = lattice.neighbours.base + axis * rows
      let (from, to) = (source, target)
      Parallel.forEachRange(rows - 1, threads: threads) { _, range in
        if self.blocks == 1 {
          Self.blur(range, blocks: 1, links, from, to)
        } else {
          Self.blur(range, blocks: self.blocks, links, from, to)
        }
      }
      swap(&source, &target)
    }
    return source
  }

  private func collect(into target: UnsafeMutablePointer<V>, threads: Int) {
    let parts = splatted.map(\.base)
    Parallel.forEachRange((lattice.vertexCount + 1) * blocks, threads: threads) { _, range in
      target.advanced(by: range.lowerBound).update(from: parts[0] + range.lowerBound, count: range.count)
      for part in parts.dropFirst() {
        for i in range { target[i] = target[i] + part[i] }
      }
      for part in parts { part.advanced(by: range.lowerBound).update(repeating: V.zero, count: range.count) }
    }
  }

  @inline(__always)
  private static func blur(
    _ range: Range<Int>, blocks: Int, _ links: UnsafePointer<SIMD2<Int32>>, _ from: UnsafePointer<V>,
    _ to: UnsafeMutablePointer<V>
  ) {
    for row in range.lowerBound &+ 1..<range.upperBound &+ 1 {
      let link = links[row]
      let before = from + Int(link.x) &* blocks, after = from + Int(link.y) &* blocks
      for b in 0..<blocks {
        to[row &* blocks &+ b] = from[row &* blocks &+ b].adding(before[b] + after[b], times: 0.5)
      }
    }
  }
}
