import Foundation
import NeuralNet
import Tensors
import Threads

/// Affinity of each pair of cells: exp(-1/C sum over channels of |f_to - f_from|) (PSA, Eq. 2). Differentiable; where two features are equal the
/// derivative of the distance is taken as 0.
///
/// - Parameter features: (N, C, h, w), C >= 1.
/// - Returns: (N, offsets, n), n the starting cells in reading order (`AffinityPairs.startCount`).
public func affinities(_ features: Variable, pairs: AffinityPairs = AffinityPairs()) -> Variable {
  let (kernels, values) = (features.context.kernels, features.value)
  let result = affinities(values, pairs: pairs, threads: kernels.threads)
  return features.context.operation(result, from: [features]) { upstream in
    [affinityGradient(values, affinities: result, upstream: upstream, pairs: pairs, threads: kernels.threads)]
  }
}

/// As for variables, on plain tensors.
public func affinities(_ features: Tensor, pairs: AffinityPairs = AffinityPairs(), threads: Int) -> Tensor {
  let map = PairMap(features.shape, pairs)
  return features.withUnsafeBufferPointer { source in
    Tensor([map.batch, pairs.offsets.count, map.starts]) { target in
      guard let source = source.baseAddress, let target = target.baseAddress, map.starts > 0 else { return }
      Parallel.forEach(map.batch * pairs.offsets.count, threads: threads) { index in
        let (sample, offset) = index.quotientAndRemainder(dividingBy: pairs.offsets.count)
        map.distances(source + sample * map.channels * map.area, pairs.offsets[offset], into: target + index * map.starts)
      }
    }
  }
}

/// dL/d(features) from dL/d(affinities). With a = exp(-m), m the mean distance: da/df_to = -a sign(f_to - f_from) / C, and the opposite for f_from.
private func affinityGradient(_ features: Tensor, affinities: Tensor, upstream: Tensor, pairs: AffinityPairs, threads: Int) -> Tensor {
  let map = PairMap(features.shape, pairs)
  let scale = -1 / Float(map.channels)
  var factors = affinities
  factors.withUnsafeMutableBufferPointer { factors in
    upstream.withUnsafeBufferPointer { upstream in
      for i in factors.indices { factors[i] *= upstream[i] * scale }
    }
  }
  var gradient = Tensor(zeros: features.shape)
  features.withUnsafeBufferPointer { source in
    factors.withUnsafeBufferPointer { factors in
      gradient.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let factors = factors.baseAddress, let target = target.baseAddress else { return }
        Parallel.forEach(map.batch * map.channels, threads: threads) { plane in
          let sample = plane / map.channels
          map.scatter(
            source + plane * map.area, factors + sample * pairs.offsets.count * map.starts, offsets: pairs.offsets, into: target + plane * map.area)
        }
      }
    }
  }
  return gradient
}

/// The inner loops over pairs, on rows of contiguous cells.
private struct PairMap {
  let batch: Int, channels: Int, height: Int, width: Int
  let rows: Range<Int>, columns: Range<Int>
  var area: Int { height * width }
  var starts: Int { rows.count * columns.count }

  init(_ shape: Shape, _ pairs: AffinityPairs) {
    precondition(shape.rank == 4 && shape[1] > 0, "features have the shape (N, C, h, w), not \(shape)")
    (batch, channels, height, width) = (shape[0], shape[1], shape[2], shape[3])
    (rows, columns) = pairs.starts(height: height, width: width)
  }

  /// Affinities of one sample over one offset, `starts` of them.
  func distances(_ features: UnsafePointer<Float>, _ offset: AffinityPairs.Offset, into target: UnsafeMutablePointer<Float>) {
    let step = offset.dy * width + offset.dx
    let count = columns.count
    target.update(repeating: 0, count: starts)
    for channel in 0..<channels {
      for row in rows {
        let from = features + (channel &* area &+ row &* width &+ columns.lowerBound)
        let to = from + step
        let sums = target + row &* count
        for i in 0..<count { sums[i] += abs(to[i] - from[i]) }
      }
    }
    let scale = -1 / Float(channels)
    for i in 0..<starts { target[i] = exp(target[i] * scale) }
  }

  /// Adds to one channel's gradient plane: + factor sign(f_to - f_from) at the end of each pair and its opposite at the start.
  func scatter(
    _ plane: UnsafePointer<Float>, _ factors: UnsafePointer<Float>, offsets: [AffinityPairs.Offset], into target: UnsafeMutablePointer<Float>
  ) {
    let count = columns.count
    withUnsafeTemporaryAllocation(of: Float.self, capacity: max(count, 1)) { pulls in
      for (index, offset) in offsets.enumerated() {
        let step = offset.dy * width + offset.dx
        for row in rows {
          let start = row &* width &+ columns.lowerBound
          let from = plane + start, to = from + step
          let factor = factors + (index &* starts &+ row &* count)
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
