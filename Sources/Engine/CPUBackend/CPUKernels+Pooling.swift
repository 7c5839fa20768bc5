import Threads
@_spi(HostMemory) import Tensors

extension CPUKernels {
  public func maxPool(_ x: Tensor, kernel: Int, stride: Int, padding: Int, ceilMode: Bool) -> (
    output: Tensor, positions: PoolPositions
  ) {
    let (batch, channels, height, width) = x.shape.image
    let window = MaxWindow(
      height: height, width: width, kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode)
    let area = window.outHeight * window.outWidth
    let shape: Shape = [batch, channels, window.outHeight, window.outWidth]
    var output = Tensor(filling: shape) { _ in }
    let positions = PoolPositions(count: shape.count) { positions in
      output.write { target in
        x.read { source in
          Parallel.forEachRange(batch * channels, threads: x.count < Self.smallCount ? 1 : threads) { _, planes in
            scratch.with(window.scratchCount) { scratch in
              for plane in planes {
                window.pool(source + plane * height * width, target + plane * area, positions + plane * area, scratch)
              }
            }
          }
        }
      }
    }
    return (output, positions)
  }

  public func maxPoolGradient(positions: PoolPositions, upstream: Tensor, inputShape: Shape) -> Tensor {
    let (batch, channels, height, width) = inputShape.image
    precondition(
      positions.count == upstream.count && upstream.shape.rank == 4 && upstream.shape[0] == batch
        && upstream.shape[1] == channels,
      "\(positions.count) positions, upstream \(upstream.shape) for \(inputShape)")
    let area = upstream.shape[2] * upstream.shape[3]
    return Tensor(filling: inputShape) { target in
      upstream.read { upstream in
        positions.read { positions in
          overPlanes(batch * channels, area: height * width) { plane in
            let target = target + plane * height * width
            target.update(repeating: 0, count: height * width)
            for i in plane * area..<(plane + 1) * area { target[Int(positions[i])] += upstream[i] }
          }
        }
      }
    }
  }

  public func averagePool(_ x: Tensor, kernel: Int) -> Tensor {
    let (batch, channels, height, width) = x.shape.image
    precondition(kernel >= 1 && kernel <= min(height, width), "average pooling \(kernel) of \(x.shape)")
    let (outHeight, outWidth) = (height / kernel, width / kernel)
    let factor = 1 / Float(kernel * kernel)
    return Tensor(filling: [batch, channels, outHeight, outWidth]) { target in
      x.read { source in
        overPlanes(batch * channels, area: height * width) { plane in
          let (source, target) = (source + plane * height * width, target + plane * outHeight * outWidth)
          for i in 0..<outHeight {
            for j in 0..<outWidth {
              var sum: Float = 0
              for r in i * kernel..<(i + 1) * kernel {
                for c in j * kernel..<(j + 1) * kernel { sum += source[r * width + c] }
              }
              target[i * outWidth + j] = sum * factor
            }
          }
        }
      }
    }
  }

  public func averagePoolGradient(upstream: Tensor, kernel: Int, inputShape: Shape) -> Tensor {
    let (batch, channels, height, width) = inputShape.image
    let (outHeight, outWidth) = (height / kernel, width / kernel)
    precondition(
      upstream.shape == [batch, channels, outHeight, outWidth], "upstream \(upstream.shape) for \(inputShape)")
    let factor = 1 / Float(kernel * kernel)
    return Tensor(filling: inputShape) { target in
      upstream.read { upstream in
        overPlanes(batch * channels, area: height * width) { plane in
          let (upstream, target) = (upstream + plane * outHeight * outWidth, target + plane * height * width)
          target.update(repeating: 0, count: height * width)
          for r in 0..<outHeight * kernel {
            for j in 0..<outWidth {
              let value = upstream[r / kernel * outWidth + j] * factor
              for c in j * kernel..<(j + 1) * kernel { target[r * width + c] = value }
            }
          }
        }
      }
    }
  }

  public func globalAveragePool(_ x: Tensor) -> Tensor {
    let (batch, channels, area) = x.shape.planes
    return Tensor(filling: [batch, channels, 1, 1]) { target in
      x.read { source in
        overPlanes(batch * channels, area: area) { plane in
          target[plane] = Float(doubleSum(source + plane * area, area) / Double(area))
        }
      }
    }
  }

  public func globalAveragePoolGradient(upstream: Tensor, inputShape: Shape) -> Tensor {
    let (batch, channels, area) = inputShape.planes
    precondition(upstream.count == batch * channels, "upstream \(upstream.shape) for \(inputShape)")
    return Tensor(filling: inputShape) { target in
      upstream.read { upstream in
        overPlanes(batch * channels, area: area) { plane in
          (target + plane * area).update(repeating: upstream[plane] / Float(area), count: area)
        }
      }
    }
  }
}
