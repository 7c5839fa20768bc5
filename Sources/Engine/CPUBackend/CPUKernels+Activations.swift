import Tensors

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
    elementwise(x) { source, target, range in
      mapEight(source, target, range) { x in
        EightExponentials(x.replacing(with: 0, where: x .> 0)).powerMinusOne.replacing(with: x, where: x .> 0)
      }
    }
  }

  public func eluGradient(output: Tensor, upstream: Tensor) -> Tensor {
    elementwise(output, upstream) { output, upstream, target, range in
      for i in range { target[i] = output[i] > 0 ? upstream[i] : upstream[i] * (output[i] + 1) }
    }
  }

  public func sigmoid(_ x: Tensor) -> Tensor {
    elementwise(x) { source, target, range in
      mapEight(source, target, range) { x in
        let power = EightExponentials(x.replacing(with: -x, where: x .> 0)).power
        return power.replacing(with: 1, where: x .>= 0) / (power + 1)
      }
    }
  }

  public func sigmoidGradient(output: Tensor, upstream: Tensor) -> Tensor {
    elementwise(output, upstream) { output, upstream, target, range in
      for i in range { target[i] = upstream[i] * output[i] * (1 - output[i]) }
    }
  }
}
