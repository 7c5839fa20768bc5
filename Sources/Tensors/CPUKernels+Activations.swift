import Foundation

extension CPUKernels {
  public func relu(_ x: Tensor) -> Tensor {
    elementwise(x) { source, target, range in for i in range { target[i] = source[i] < 0 ? 0 : source[i] } }
  }

  public func reluGradient(output: Tensor, upstream: Tensor) -> Tensor {
    elementwise(output, upstream) { output, upstream, target, range in
      for i in range { target[i] = output[i] > 0 ? upstream[i] : 0 }
    }
  }

  public func elu(_ x: Tensor) -> Tensor {
    elementwise(x) { source, target, range in for i in range { target[i] = source[i] > 0 ? source[i] : expm1(source[i]) } }
  }

  public func eluGradient(output: Tensor, upstream: Tensor) -> Tensor {
    elementwise(output, upstream) { output, upstream, target, range in
      for i in range { target[i] = output[i] > 0 ? upstream[i] : upstream[i] * (output[i] + 1) }
    }
  }

  public func sigmoid(_ x: Tensor) -> Tensor {
    elementwise(x) { source, target, range in
      for i in range {
        let power = exp(-abs(source[i]))
        target[i] = (source[i] < 0 ? power : 1) / (1 + power)
      }
    }
  }

  public func sigmoidGradient(output: Tensor, upstream: Tensor) -> Tensor {
    elementwise(output, upstream) { output, upstream, target, range in
      for i in range { target[i] = upstream[i] * output[i] * (1 - output[i]) }
    }
  }

  public func softmax(_ x: Tensor) -> Tensor { softmax(x, logarithmic: false) }

  public func logSoftmax(_ x: Tensor) -> Tensor { softmax(x, logarithmic: true) }

  private func softmax(_ x: Tensor, logarithmic: Bool) -> Tensor {
    let (batch, channels, area) = x.shape.planes
    return Tensor(filling: x.shape) { target in
      x.read { source in
        Parallel.forEach(batch, threads: threads) { n in
          let (source, target) = (source + n * channels * area, target + n * channels * area)
          for i in 0..<area {
            var maximum = -Float.infinity
            for c in 0..<channels { maximum = max(maximum, source[c * area + i]) }
            var sum: Float = 0
            for c in 0..<channels { sum += exp(source[c * area + i] - maximum) }
            let logSum = log(sum)
            for c in 0..<channels {
              let difference = source[c * area + i] - maximum
              target[c * area + i] = logarithmic ? difference - logSum : exp(difference) / sum
            }
          }
        }
      }
    }
  }

  public func softmaxGradient(output: Tensor, upstream: Tensor) -> Tensor {
    let (_, channels, area) = output.shape.planes
    return elementwiseSamples(output, upstream) { output, upstream, target in
      for i in 0..<area {
        var dot: Float = 0
        for c in 0..<channels { dot += output[c * area + i] * upstream[c * area + i] }
        for c in 0..<channels { target[c * area + i] = output[c * area + i] * (upstream[c * area + i] - dot) }
      }
    }
  }

  public func logSoftmaxGradient(output: Tensor, upstream: Tensor) -> Tensor {
    let (_, channels, area) = output.shape.planes
    return elementwiseSamples(output, upstream) { output, upstream, target in
      for i in 0..<area {
        var sum: Float = 0
        for c in 0..<channels { sum += upstream[c * area + i] }
        for c in 0..<channels { target[c * area + i] = upstream[c * area + i] - exp(output[c * area + i]) * sum }
      }
    }
  }

  private func elementwiseSamples(
    _ x: Tensor, _ y: Tensor, _ body: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) -> Tensor {
    precondition(x.shape == y.shape, "shapes \(x.shape) and \(y.shape) differ")
    let (batch, row) = (x.shape[0], x.shape.rowCount)
    return Tensor(filling: x.shape) { target in
      x.read { x in
        y.read { y in Parallel.forEach(batch, threads: threads) { n in body(x + n * row, y + n * row, target + n * row) } }
      }
    }
  }
}
