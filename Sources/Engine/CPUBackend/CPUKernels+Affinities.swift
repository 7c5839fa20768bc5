import Foundation
import Threads
@_spi(HostMemory) import Tensors

extension CPUKernels {
  public func affinities(_ features: Tensor, pairs: CellPairs) -> Tensor {
    let map = PairMap(features.shape, pairs)
    return Tensor(filling: [map.batch, pairs.offsets.count, map.starts]) { target in
      guard map.starts > 0 else { return }
      features.read { source in
        Parallel.forEach(map.batch * pairs.offsets.count, threads: threads) { index in
          let (sample, offset) = index.quotientAndRemainder(dividingBy: pairs.offsets.count)
          map.affinities(
            source + sample * map.channels * map.area, pairs.offsets[offset], into: target + index * map.starts)
        }
      }
    }
  }

  /// With a = exp(-m), m the mean distance: da/df_to = -a sign(f_to - f_from) / C, and the opposite for f_from.
  public func affinityGradient(_ features: Tensor, pairs: CellPairs, affinities: Tensor, upstream: Tensor) -> Tensor {
    precondition(affinities.shape == upstream.shape, "affinities \(affinities.shape), upstream \(upstream.shape)")
    let map = PairMap(features.shape, pairs)
    let scale = -1 / Float(map.channels)
    let factors = elementwise(affinities, upstream) { affinities, upstream, target, range in
      for i in range { target[i] = affinities[i] * (upstream[i] * scale) }
    }
    return Tensor(filling: features.shape) { target in
      features.read { source in
        factors.read { factors in
          Parallel.forEach(map.batch * map.channels, threads: threads) { plane in
            let sample = plane / map.channels
            let target = target + plane * map.area
            target.update(repeating: 0, count: map.area)
            map.scatter(
              source + plane * map.area, factors + sample * pairs.offsets.count * map.starts, offsets: pairs.offsets,
              into: target)
          }
        }
      }
    }
  }
}

/// The inner loops over pairs, on rows of contiguous cells.
private struct PairMap {
  let batch: Int, channels: Int, height: Int, width: Int
  let rows: Range<Int>, columns: Range<Int>
  var area: Int { height * width }
  var starts: Int { rows.count * columns.count }

  init(_ shape: Shape, _ pairs: CellPairs) {
    (batch, channels, height, width) = shape.image
    precondition(channels > 0, "features without channels: \(shape)")
    (rows, columns) = (pairs.rows, pairs.columns)
  }

  /// Affinities of one sample over one offset, `starts` of them.
  func affinities(
    _ features: UnsafePointer<Float>, _ offset: CellPairs.Offset, into target: UnsafeMutablePointer<Float>
  ) {
    let step = offset.dy * width + offset.dx
    let count = columns.count
    target.update(repeating: 0, count: starts)
    for channel in 0..<channels {
      for row in rows {
        let from = features + (channel &* area &+ row &* width &+ columns.lowerBound)
        let to = from + step
        let sums = target + (row &- rows.lowerBound) &* count
        for i in 0..<count { sums[i] += abs(to[i] - from[i]) }
      }
    }
    let scale = -1 / Float(channels)
    for i in 0..<starts { target[i] = exp(target[i] * scale) }
  }

  /// Adds to one channel's gradient plane: + factor sign(f_to - f_from) at the end of each pair and its opposite at
  /// the start.
  func scatter(
    _ plane: UnsafePointer<Float>, _ factors: UnsafePointer<Float>, offsets: [CellPairs.Offset],
    into target: UnsafeMutablePointer<Float>
  ) {
    let count = columns.count
    withUnsafeTemporaryAllocation(of: Float.self, capacity: max(count, 1)) { pulls in
      for (index, offset) in offsets.enumerated() {
        let step = offset.dy * width + offset.dx
        for row in rows {
          let start = row &* width &+ columns.lowerBound
          let from = plane + start, to = from + step
          let factor = factors + (index &* starts &+ (row &- rows.lowerBound) &* count)
          // Through a buffer, as start and end of neighbouring pairs are the same cells where dy is 0.
          for i in 0..<count {
            let difference = to[i] - from[i]
            pulls[i] = difference > 0 ? factor[i] : difference < 0 ? -factor[i] : 0
          }
          let back = target + start, ahead = back + step
          for i in 0..<count { back[i] -= pulls[i] }
          for i in 0..<count { ahead[i] += pulls[i] }
        }
      }
    }
  }
}
