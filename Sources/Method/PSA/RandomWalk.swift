import Foundation
import Foundations
import Tensors
import Threads

/// The random walk that spreads scores over cells of high affinity (PSA, section 3.3): scores <- scores T^(2^logt), T =
/// A^beta (elementwise, symmetric, unit diagonal) with every column divided by its sum.
///
/// T has at most 69 non-zeros per column, so 2^logt steps along them cost a fraction of squaring it as a dense matrix,
/// in memory too. The coefficients lie in blocks of eight cells: for a block first the one of staying, then for each
/// offset the two of coming from ahead and from behind. A neighbour is always a fixed distance away in memory; pairs
/// that would leave the map have the coefficient 0, so no border needs a test.
public struct RandomWalk: Sendable {
  public let height: Int
  public let width: Int
  private let pairs: AffinityPairs
  private let blocks: Int
  private let coefficients: [SIMD8<Float>]

  /// Distance in memory of each offset.
  private var steps: [Int] { pairs.offsets.map { $0.dy * width + $0.dx } }
  /// Zeros before the first cell and behind the last one, as many as the farthest neighbour.
  private var margin: Int { (pairs.radius - 1) * (width + 1) }

  /// - Parameters:
  ///   - affinities: (1, offsets, n) or (offsets, n), in 0...1, of `affinities(_:pairs:)` for a map of height x width
  ///     cells.
  ///   - beta: exponent that makes small affinities smaller.
  /// - Throws: `Failure` `.data` where an affinity is not in 0...1.
  public init(affinities: Tensor, height: Int, width: Int, pairs: AffinityPairs = AffinityPairs(), beta: Float = 8)
    throws
  {
    let starts = pairs.startCount(height: height, width: width)
    precondition(
      affinities.count == pairs.offsets.count * starts, "affinities \(affinities.shape) for \(height)x\(width) cells")
    self.height = height
    self.width = width
    self.pairs = pairs
    blocks = (height * width + 7) / 8
    let powers = try affinities.values.map { affinity in
      guard affinity >= 0, affinity <= 1.0001 else {
        throw Failure(.data, expected: "affinities in 0...1", found: "\(affinity)")
      }
      return pow(affinity, beta)
    }
    coefficients = Self.coefficients(powers, pairs: pairs, height: height, width: width, blocks: blocks)
  }

  private static func coefficients(
    _ powers: [Float], pairs: AffinityPairs, height: Int, width: Int, blocks: Int
  ) -> [SIMD8<Float>] {
    let (rows, columns) = pairs.starts(height: height, width: width)
    let perBlock = 1 + 2 * pairs.offsets.count
    var table = [SIMD8<Float>](repeating: .zero, count: blocks * perBlock)
    var sums = [Float](repeating: 1, count: blocks * 8)
    func set(_ cell: Int, _ entry: Int, _ value: Float) {
      table[cell / 8 * perBlock + entry][cell % 8] = value
      sums[cell] += value
    }
    var next = 0
    for (index, offset) in pairs.offsets.enumerated() {
      for y in rows {
        for x in columns {
          let from = y * width + x
          set(from, 1 + 2 * index, powers[next])
          set(from + offset.dy * width + offset.dx, 2 + 2 * index, powers[next])
          next += 1
        }
      }
    }
    for cell in 0..<height * width { table[cell / 8 * perBlock][cell % 8] = 1 }
    for block in 0..<blocks {
      var inverse = SIMD8<Float>.zero
      for lane in 0..<8 { inverse[lane] = 1 / sums[8 * block + lane] }
      for entry in 0..<perBlock { table[block * perBlock + entry] *= inverse }
    }
    return table
  }

  /// The scores after 2^`logt` steps: (channels, height, width) to the same shape.
  public func walk(_ scores: Tensor, logt: Int = 8, threads: Int = 1) -> Tensor {
    let shape = scores.shape
    precondition(
      shape.rank == 3 && shape[1] == height && shape[2] == width, "scores \(shape) for \(height)x\(width) cells")
    precondition((0..<31).contains(logt), "2^\(logt) steps")
    let (values, area) = (scores.values, height * width)
    var result = [Float](repeating: 0, count: values.count)
    // Four channels at once share each coefficient that is read and keep their sums in registers.
    for first in Swift.stride(from: 0, to: shape[0], by: 4) {
      let channels = first..<min(first + 4, shape[0])
      var grids = channels.map { grid(of: values[$0 * area..<($0 + 1) * area]) }
      while grids.count < 4 { grids.append(grids[0]) }
      let walked = advance(grids, steps: 1 << logt, channels: channels.count, threads: threads)
      for (index, channel) in channels.enumerated() {
        result.replaceSubrange(channel * area..<(channel + 1) * area, with: walked[index][margin..<margin + area])
      }
    }
    return Tensor(shape, result)
  }

  private func grid(of plane: ArraySlice<Float>) -> [Float] {
    var grid = [Float](repeating: 0, count: 2 * margin + blocks * 8)
    for (cell, score) in plane.enumerated() { grid[margin + cell] = score }
    return grid
  }

  private func advance(_ grids: [[Float]], steps count: Int, channels: Int, threads: Int) -> [[Float]] {
    var current = grids.flatMap { $0 }
    var next = [Float](repeating: 0, count: current.count)
    let plane = grids[0].count
    let offsets = steps
    for _ in 0..<count {
      current.withUnsafeBufferPointer { current in
        next.withUnsafeMutableBufferPointer { next in
          coefficients.withUnsafeBufferPointer { table in
            offsets.withUnsafeBufferPointer { offsets in
              guard let from = current.baseAddress, let to = next.baseAddress, let table = table.baseAddress else {
                return
              }
              Parallel.forEachRange(blocks, threads: blocks < 64 ? 1 : threads) { _, range in
                let work = Step(from: from + margin, to: to + margin, plane: plane, table: table, offsets: offsets)
                switch channels {
                case 1: work.advance(range, channels: 1)
                case 2: work.advance(range, channels: 2)
                case 3: work.advance(range, channels: 3)
                default: work.advance(range, channels: 4)
                }
              }
            }
          }
        }
      }
      swap(&current, &next)
    }
    return (0..<channels).map { Array(current[$0 * plane..<($0 + 1) * plane]) }
  }

  /// One step from a set of grids to another.
  private struct Step {
    let from: UnsafePointer<Float>
    let to: UnsafeMutablePointer<Float>
    let plane: Int
    let table: UnsafePointer<SIMD8<Float>>
    let offsets: UnsafeBufferPointer<Int>

    @inline(__always) private func load(_ channel: Int, _ cell: Int) -> SIMD8<Float> {
      UnsafeRawPointer(from + (channel &* plane &+ cell)).loadUnaligned(as: SIMD8<Float>.self)
    }

    @inline(__always) func advance(_ range: Range<Int>, channels: Int) {
      let perBlock = 1 &+ 2 &* offsets.count
      for block in range {
        let cell = 8 &* block
        let row = table + block &* perBlock
        var sums = (load(0, cell) * row[0], SIMD8<Float>.zero, SIMD8<Float>.zero, SIMD8<Float>.zero)
        if channels > 1 { sums.1 = load(1, cell) * row[0] }
        if channels > 2 { sums.2 = load(2, cell) * row[0] }
        if channels > 3 { sums.3 = load(3, cell) * row[0] }
        for index in 0..<offsets.count {
          let ahead = row[1 &+ 2 &* index], behind = row[2 &+ 2 &* index]
          let after = cell &+ offsets[index], before = cell &- offsets[index]
          sums.0.addProduct(ahead, load(0, after))
          sums.0.addProduct(behind, load(0, before))
          if channels > 1 {
            sums.1.addProduct(ahead, load(1, after))
            sums.1.addProduct(behind, load(1, before))
          }
          if channels > 2 {
            sums.2.addProduct(ahead, load(2, after))
            sums.2.addProduct(behind, load(2, before))
          }
          if channels > 3 {
            sums.3.addProduct(ahead, load(3, after))
            sums.3.addProduct(behind, load(3, before))
          }
        }
        store(sums.0, 0, cell)
        if channels > 1 { store(sums.1, 1, cell) }
        if channels > 2 { store(sums.2, 2, cell) }
        if channels > 3 { store(sums.3, 3, cell) }
      }
    }

    @inline(__always) private func store(_ value: SIMD8<Float>, _ channel: Int, _ cell: Int) {
      UnsafeMutableRawPointer(to + (channel &* plane &+ cell)).storeBytes(of: value, as: SIMD8<Float>.self)
    }
  }
}
