import Foundations
import Threads

/// The occupied part of a permutohedral lattice and how a set of points is tied to it: the structure on which a
/// Gaussian filter over all pairs of points costs O(points) (Adams, Baek & Davis 2010).
///
/// Vertices are numbered from 1 in the order in which the points first touch them; number 0 is an empty vertex that
/// stands for every missing neighbour. Numbers do not depend on the thread count.
final class PermutohedralLattice: Sendable {
  let dimension: Int
  let pointCount: Int
  /// Number of occupied vertices; values have `vertexCount` + 1 rows.
  let vertexCount: Int
  /// The d + 1 vertices of each point's simplex, point after point.
  let vertices: AlignedBuffer<Int32>
  /// The barycentric weights, as `vertices`. Rescaled once by `Filter`, then read only.
  let weights: AlignedBuffer<Float>
  /// For each axis, for each row of values (0 included): the vertex before and the vertex after it along the axis.
  let neighbours: AlignedBuffer<SIMD2<Int32>>

  /// - Parameters:
  ///   - largest: features lie in 0...largest[i]; its count is the dimension.
  ///   - fill: writes the features of points first..<first + 8 (those at or past `pointCount` are ignored) coordinate
  ///     by coordinate.
  init(
    pointCount: Int, largest: [Float], threads: Int,
    fill: (_ first: Int, _ features: UnsafeMutablePointer<SIMD8<Float>>) -> Void
  ) throws {
    let geometry = try LatticeGeometry(largest: largest)
    let d = geometry.dimension
    // Vertices, at most d + 1 new ones a point, and the empty one are numbered by Int32.
    let (most, overflow) = pointCount.multipliedReportingOverflow(by: d + 1)
    guard !overflow, most < Int32.max else {
      throw Failure(
        .data, "an image of \(pointCount) pixels is too large for the CRF: at most \(Int(Int32.max) / (d + 1)) pixels")
    }
    dimension = d
    self.pointCount = pointCount
    vertices = AlignedBuffer(count: pointCount * (d + 1))
    weights = AlignedBuffer(count: pointCount * (d + 1))
    let blocks = (pointCount + 7) / 8
    let builder = LatticeBuilder(geometry: geometry, pointCount: pointCount, vertices: vertices, weights: weights)
    let parts = max(1, min(threads, blocks / 256))
    var tables = [VertexTable?](repeating: nil, count: parts)
    tables.withUnsafeMutableBufferPointer { tables in
      Parallel.forEachRange(blocks, threads: parts) { part, range in
        switch d {
        case 2: tables[part] = builder.attach(blocks: range, dimension: 2, fill: fill)
        case 5: tables[part] = builder.attach(blocks: range, dimension: 5, fill: fill)
        default: tables[part] = builder.attach(blocks: range, dimension: d, fill: fill)
        }
      }
    }
    let table = builder.merge(tables.compactMap { $0 }, blocks: blocks)
    vertexCount = table.keys.count
    neighbours = AlignedBuffer(repeating: .zero, count: (d + 1) * (table.keys.count + 1))
    builder.link(table, neighbours: neighbours, threads: threads)
  }
}

/// The steps of building a lattice.
private struct LatticeBuilder {
  let geometry: LatticeGeometry
  let pointCount: Int
  let vertices: AlignedBuffer<Int32>
  let weights: AlignedBuffer<Float>

  /// Finds the simplices of the points of `blocks` (eight points each) and numbers their vertices from 1 in a table of
  /// this part's own.
  @inline(__always)
  func attach(
    blocks: Range<Int>, dimension d: Int, fill: (_ first: Int, _ features: UnsafeMutablePointer<SIMD8<Float>>) -> Void
  ) -> VertexTable {
    let finder = SimplexFinder(dimension: d)
    var table = VertexTable(expected: max(256, blocks.count / 2))
    var previous: (key: UInt64, walk: UInt64) = (.max, 0)
    geometry.scales.withUnsafeBufferPointer { scales in
      geometry.units.withUnsafeBufferPointer { units in
        geometry.steps.withUnsafeBufferPointer { steps in
          guard let scales = scales.baseAddress, let units = units.baseAddress, let steps = steps.baseAddress else {
            return
          }
          for block in blocks {
            fill(8 &* block, finder.features.base)
            finder.locate(dimension: d, scales: scales)
            for lane in 0..<min(8, pointCount &- 8 &* block) {
              let point = 8 &* block &+ lane
              let target = vertices.base + point &* (d &+ 1)
              let simplex = finder.simplex(
                lane: lane, dimension: d, geometry: (geometry.origin, units), weights: weights.base + point &* (d &+ 1))
              if simplex == previous {
                for k in 0...d { target[k] = target[k &- d &- 1] }
                continue
              }
              previous = simplex
              var key = simplex.key
              for k in 0...d {
                target[k] = table.insert(key) &+ 1
                key = key &+ steps[Int(truncatingIfNeeded: (simplex.walk &>> UInt64(4 &* k)) & 15)]
              }
            }
          }
        }
      }
    }
    return table
  }

  /// One table with all vertices, numbered as a single part would have; rewrites the numbers in `vertices`.
  func merge(_ tables: [VertexTable], blocks: Int) -> VertexTable {
    guard var merged = tables.first else { return VertexTable(expected: 1) }
    let maps = tables.map { table in table.keys.map { merged.insert($0) + 1 } }
    let width = geometry.dimension + 1
    Parallel.forEachRange(blocks, threads: tables.count) { part, range in
      guard part > 0 else { return }
      maps[part].withUnsafeBufferPointer { map in
        for i in 8 * range.lowerBound * width..<min(8 * range.upperBound, pointCount) * width {
          vertices.base[i] = map[Int(vertices.base[i]) &- 1]
        }
      }
    }
    return merged
  }

  /// Fills in the neighbours. Each link is found once, from the vertex before it, and written at both its ends.
  func link(_ table: VertexTable, neighbours: AlignedBuffer<SIMD2<Int32>>, threads: Int) {
    let rows = table.keys.count + 1
    for (axis, step) in geometry.steps.enumerated() {
      let row = UnsafeMutableRawPointer(neighbours.base + axis * rows).assumingMemoryBound(to: Int32.self)
      table.keys.withUnsafeBufferPointer { keys in
        Parallel.forEachRange(keys.count, threads: keys.count < 4096 ? 1 : threads) { _, range in
          for i in range {
            let next = Int(table.find(keys[i] &+ step)) + 1
            guard next > 0 else { continue }
            row[2 &* (i &+ 1) &+ 1] = Int32(next)
            row[2 &* next] = Int32(i &+ 1)
          }
        }
      }
    }
  }
}
