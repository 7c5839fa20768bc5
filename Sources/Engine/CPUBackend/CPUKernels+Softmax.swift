import Foundation
import Threads
@_spi(HostMemory) import Tensors

extension CPUKernels {
  public func softmax(_ x: Tensor) -> Tensor { softmax(x, logarithmic: false) }

  public func logSoftmax(_ x: Tensor) -> Tensor { softmax(x, logarithmic: true) }

  private func softmax(_ x: Tensor, logarithmic: Bool) -> Tensor {
    let (_, channels, area) = x.shape.planes
    return Tensor(filling: x.shape) { target in
      x.read { source in
        overPixelBlocks(x.shape) { start, count, maxima, sums in
          let (source, target) = (source + start, target + start)
          maxima.update(from: source, count: count)
          for c in 1..<channels {
            let plane = source + c * area
            for i in 0..<count { maxima[i] = plane[i] > maxima[i] ? plane[i] : maxima[i] }
          }
          sums.update(repeating: 0, count: count)
          for c in 0..<channels {
            let (plane, powers) = (source + c * area, target + c * area)
            for i in 0..<count { powers[i] = plane[i] - maxima[i] }
            mapEight(powers, powers, 0..<count) { EightExponentials($0).power }
            for i in 0..<count { sums[i] += powers[i] }
          }
          for i in 0..<count { sums[i] = logarithmic ? log(sums[i]) : 1 / sums[i] }
          for c in 0..<channels {
            let (plane, result) = (source + c * area, target + c * area)
            if logarithmic {
              for i in 0..<count { result[i] = (plane[i] - maxima[i]) - sums[i] }
            } else {
              for i in 0..<count { result[i] *= sums[i] }
            }
          }
        }
      }
    }
  }

  public func softmaxGradient(output: Tensor, upstream: Tensor) -> Tensor {
    precondition(output.shape == upstream.shape, "shapes \(output.shape) and \(upstream.shape) differ")
    let (_, channels, area) = output.shape.planes
    return Tensor(filling: output.shape) { target in
      output.read { y in
        upstream.read { dy in
          overPixelBlocks(output.shape) { start, count, dots, _ in
            dots.update(repeating: 0, count: count)
            for c in 0..<channels {
              let (y, dy) = (y + start + c * area, dy + start + c * area)
              for i in 0..<count { dots[i] += y[i] * dy[i] }
            }
            for c in 0..<channels {
              let (y, dy, target) = (y + start + c * area, dy + start + c * area, target + start + c * area)
              for i in 0..<count { target[i] = y[i] * (dy[i] - dots[i]) }
            }
          }
        }
      }
    }
  }

  public func logSoftmaxGradient(output: Tensor, upstream: Tensor) -> Tensor {
    precondition(output.shape == upstream.shape, "shapes \(output.shape) and \(upstream.shape) differ")
    let (_, channels, area) = output.shape.planes
    return Tensor(filling: output.shape) { target in
      output.read { y in
        upstream.read { dy in
          overPixelBlocks(output.shape) { start, count, sums, _ in
            sums.update(repeating: 0, count: count)
            for c in 0..<channels {
              let dy = dy + start + c * area
              for i in 0..<count { sums[i] += dy[i] }
            }
            for c in 0..<channels {
              let (y, dy, target) = (y + start + c * area, dy + start + c * area, target + start + c * area)
              mapEight(y, target, 0..<count) { EightExponentials($0).power }
              for i in 0..<count { target[i] = dy[i] - target[i] * sums[i] }
            }
          }
        }
      }
    }
  }

  /// Calls `body(offset of the first channel's first pixel, pixels, row, other row)` for blocks of neighbouring
  /// pixels; the rows are scratch memory for one value per pixel. A block's channels are `area` apart and together stay
  /// in the nearer caches.
  private func overPixelBlocks(
    _ shape: Shape, _ body: (Int, Int, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) {
    let (batch, channels, area) = shape.planes
    if channels == 0 { return }
    let blocks = ConvolutionGeometry.ranges(area, most: 512)
    Parallel.forEachRange(batch * blocks.count, threads: shape.count < Self.smallCount ? 1 : threads) { _, units in
      scratch.with(1024) { rows in
        for unit in units {
          let block = blocks[unit % blocks.count]
          body(unit / blocks.count * channels * area + block.lowerBound, block.count, rows, rows + 512)
        }
      }
    }
  }
}
