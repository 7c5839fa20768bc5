extension CPUKernels {
  public func maxPool(_ x: Tensor, kernel: Int, stride: Int, padding: Int, ceilMode: Bool) -> (output: Tensor, indices: [Int32]) {
    let (batch, channels, height, width) = x.shape.image
    precondition(kernel >= 1 && padding * 2 <= kernel && stride >= 1, "max pooling \(kernel), stride \(stride), padding \(padding)")
    func length(_ input: Int) -> Int {
      let span = input + 2 * padding - kernel
      precondition(span >= 0, "max pooling \(kernel), padding \(padding) of \(x.shape)")
      let count = (ceilMode ? span + stride - 1 : span) / stride + 1
      return ceilMode && (count - 1) * stride >= input + padding ? count - 1 : count
    }
    let window = MaxWindow(
      height: height, width: width, outHeight: length(height), outWidth: length(width), kernel: kernel, stride: stride, padding: padding)
    let area = window.outHeight * window.outWidth
    var indices: [Int32] = []
    let output = Tensor(filling: [batch, channels, window.outHeight, window.outWidth]) { target in
      indices = [Int32](unsafeUninitializedCapacity: batch * channels * area) { positions, count in
        count = batch * channels * area
        guard let positions = positions.baseAddress else { return }
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
    return (output, indices)
  }

  public func maxPoolGradient(indices: [Int32], upstream: Tensor, inputShape: Shape) -> Tensor {
    let (batch, channels, height, width) = inputShape.image
    precondition(
      indices.count == upstream.count && upstream.shape.rank == 4 && upstream.shape[0] == batch && upstream.shape[1] == channels,
      "\(indices.count) indices, upstream \(upstream.shape) for \(inputShape)")
    let area = upstream.shape[2] * upstream.shape[3]
    return Tensor(filling: inputShape) { target in
      upstream.read { upstream in
        indices.withUnsafeBufferPointer { indices in
          overPlanes(batch * channels, area: height * width) { plane in
            let target = target + plane * height * width
            target.update(repeating: 0, count: height * width)
            for i in plane * area..<(plane + 1) * area { target[Int(indices[i])] += upstream[i] }
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
    precondition(upstream.shape == [batch, channels, outHeight, outWidth], "upstream \(upstream.shape) for \(inputShape)")
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
