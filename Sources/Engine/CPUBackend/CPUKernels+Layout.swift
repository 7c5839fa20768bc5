import Foundations
import Threads
@_spi(HostMemory) import Tensors

extension CPUKernels {
  public func dropoutFactors(_ generators: [SeededGenerator], channels: Int, rate: Float) -> Tensor {
    var factors: [Float] = []
    for var generator in generators {
      for _ in 0..<channels { factors.append(generator.chance(rate) ? 0 : 1 / (1 - rate)) }
    }
    return Tensor([generators.count, channels], factors)
  }

  public func concatenate(_ tensors: [Tensor]) -> Tensor {
    precondition(!tensors.isEmpty, "nothing to concatenate")
    let (batch, _, area) = tensors[0].shape.planes
    let rest = tensors[0].shape.dimensions.dropFirst(2)
    for tensor in tensors {
      precondition(
        tensor.shape[0] == batch && tensor.shape.dimensions.dropFirst(2) == rest,
        "cannot join \(tensor.shape) with \(tensors[0].shape)")
    }
    let channels = tensors.reduce(0) { $0 + $1.shape[1] }
    return Tensor(filling: Shape([batch, channels] + rest)) { target in
      var first = 0
      for tensor in tensors {
        let row = tensor.shape.rowCount
        let start = target + first * area
        tensor.read { source in
          Parallel.forEach(batch, threads: tensor.count < Self.smallCount ? 1 : threads) { n in
            (start + n * channels * area).update(from: source + n * row, count: row)
          }
        }
        first += tensor.shape[1]
      }
    }
  }

  public func split(_ x: Tensor, channels: [Int]) -> [Tensor] {
    let (batch, total, area) = x.shape.planes
    precondition(channels.reduce(0, +) == total, "splitting \(x.shape) into channels \(channels)")
    var first = 0
    return channels.map { count in
      defer { first += count }
      return Tensor(filling: Shape([batch, count] + x.shape.dimensions.dropFirst(2))) { target in
        x.read { source in
          Parallel.forEach(batch, threads: batch * count * area < Self.smallCount ? 1 : threads) { n in
            (target + n * count * area).update(from: source + (n * total + first) * area, count: count * area)
          }
        }
      }
    }
  }

  public func flipHorizontally(_ x: Tensor) -> Tensor {
    precondition(x.shape.rank >= 1, "flipping a scalar")
    let width = x.shape[x.shape.rank - 1]
    return Tensor(filling: x.shape) { target in
      x.read { source in
        overPlanes(width == 0 ? 0 : x.count / width, area: width) { row in
          let (source, target) = (source + row * width, target + row * width)
          for i in 0..<width { target[i] = source[width &- 1 &- i] }
        }
      }
    }
  }
}
