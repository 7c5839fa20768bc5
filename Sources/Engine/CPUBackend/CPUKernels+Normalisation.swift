import Threads
@_spi(HostMemory) import Tensors

extension CPUKernels {
  public func foldedBatchNorm(
    mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, epsilon: Float
  ) -> (scale: Tensor, shift: Tensor) {
    let (means, variances, weights, biases) = (mean.values, variance.values, weight.values, bias.values)
    let scale = zip(weights, variances).map { Float(Double($0) / (Double($1) + Double(epsilon)).squareRoot()) }
    let shift = scale.indices.map { biases[$0] - means[$0] * scale[$0] }
    return (Tensor([scale.count], scale), Tensor([shift.count], shift))
  }

  public func follow(_ value: Tensor, with running: inout Tensor, share: Float, correction: Float) {
    precondition(value.shape == running.shape, "statistics \(value.shape) of \(running.shape)")
    let count = value.count
    value.read { value in
      running.write { running in
        for i in 0..<count { running[i] = (1 - share) * running[i] + share * correction * value[i] }
      }
    }
  }

  public func scaleShift(_ x: Tensor, scale: Tensor, shift: Tensor, relu: Bool) -> Tensor {
    let (batch, channels, area) = x.shape.planes
    precondition(
      scale.shape == [channels] && shift.shape == [channels],
      "scale \(scale.shape), shift \(shift.shape) for \(x.shape)")
    return Tensor(filling: x.shape) { target in
      x.read { source in
        scale.read { scale in
          shift.read { shift in
            overPlanes(batch * channels, area: area) { plane in
              let (factor, offset) = (scale[plane % channels], shift[plane % channels])
              let (source, target) = (source + plane * area, target + plane * area)
              if relu {
                for i in 0..<area {
                  let value = factor * source[i] + offset
                  target[i] = value < 0 ? 0 : value
                }
              } else {
                for i in 0..<area { target[i] = factor * source[i] + offset }
              }
            }
          }
        }
      }
    }
  }

  public func scaleShiftGradients(
    _ x: Tensor, scale: Tensor, output: Tensor, upstream: Tensor, relu: Bool, wants: ScaleShiftWants
  ) -> ScaleShiftGradients {
    if relu, !wants.scale, !wants.shift {
      return ScaleShiftGradients(input: wants.input ? scaledWhere(output, upstream, scale: scale) : nil)
    }
    let upstream = relu ? reluGradient(output: output, upstream: upstream) : upstream
    let (_, channels, _) = upstream.shape.planes
    let zeros = Tensor(zeros: [channels])
    var result = ScaleShiftGradients()
    if wants.input { result.input = scaleShift(upstream, scale: scale, shift: zeros, relu: false) }
    if wants.shift { result.shift = Tensor([channels], channelSums(upstream).map { Float($0) }) }
    if wants.scale { result.scale = Tensor([channels], channelProducts(upstream, x, zeros.values).map { Float($0) }) }
    return result
  }

  /// scale[c] upstream where the output is positive, else 0, in one pass.
  private func scaledWhere(_ output: Tensor, _ upstream: Tensor, scale: Tensor) -> Tensor {
    let (batch, channels, area) = upstream.shape.planes
    precondition(
      output.shape == upstream.shape && scale.shape == [channels],
      "scale \(scale.shape), output \(output.shape) for \(upstream.shape)")
    return Tensor(filling: upstream.shape) { target in
      output.read { output in
        upstream.read { upstream in
          scale.read { scale in
            overPlanes(batch * channels, area: area) { plane in
              let factor = scale[plane % channels]
              let (output, upstream, target) = (output + plane * area, upstream + plane * area, target + plane * area)
              for i in 0..<area { target[i] = factor * (output[i] > 0 ? upstream[i] : 0) }
            }
          }
        }
      }
    }
  }

  public func batchStatistics(_ x: Tensor) -> (mean: Tensor, variance: Tensor) {
    let (batch, channels, area) = x.shape.planes
    let count = Double(batch * area)
    let means = channelSums(x).map { Float($0 / count) }
    let variances = channelProducts(x, x, means, centredTwice: true).map { Float($0 / count) }
    return (Tensor([channels], means), Tensor([channels], variances))
  }

  public func batchNormGradients(
    _ x: Tensor, statistics: ChannelStatistics, weight: Tensor, output: Tensor, upstream: Tensor, relu: Bool,
    wants: ScaleShiftWants
  ) -> ScaleShiftGradients {
    let (batch, channels, area) = upstream.shape.planes
    let upstream = relu ? reluGradient(output: output, upstream: upstream) : upstream
    let (means, fixed) = (statistics.mean.values, statistics.areFixed)
    let inverse = statistics.variance.values.map { 1 / (Double($0) + Double(statistics.epsilon)).squareRoot() }
    let factors = zip(weight.values, inverse).map { Float(Double($0) * $1) }
    let throughStatistics = wants.input && !fixed
    var result = ScaleShiftGradients()
    let shift = wants.shift || throughStatistics ? channelSums(upstream) : []
    let scale =
      wants.scale || throughStatistics ? zip(channelProducts(upstream, x, means), inverse).map { $0 * $1 } : []
    if wants.shift { result.shift = Tensor([channels], shift.map { Float($0) }) }
    if wants.scale { result.scale = Tensor([channels], scale.map { Float($0) }) }
    guard wants.input else { return result }
    if fixed {
      result.input = scaleShift(
        upstream, scale: Tensor([channels], factors), shift: Tensor(zeros: [channels]), relu: false)
      return result
    }
    // dx = factor (dy - sum(dy)/m - (x - mean) inverse^2 sum(dy (x - mean))/m), written as factor dy + slope x + offset
    let count = Double(batch * area)
    let slopes = (0..<channels).map { -Double(factors[$0]) * scale[$0] * inverse[$0] / count }
    result.input = Tensor(filling: x.shape) { target in
      x.read { x in
        upstream.read { upstream in
          overPlanes(batch * channels, area: area) { plane in
            let c = plane % channels
            let (factor, slope, mean, offset) = (
              factors[c], Float(slopes[c]), means[c], -factors[c] * Float(shift[c] / count)
            )
            let (x, upstream, target) = (x + plane * area, upstream + plane * area, target + plane * area)
            for i in 0..<area { target[i] = factor * upstream[i] + slope * (x[i] - mean) + offset }
          }
        }
      }
    }
    return result
  }

  /// Sum of each channel over batch and area.
  func channelSums(_ x: Tensor) -> [Double] {
    let (batch, channels, area) = x.shape.planes
    return perChannel(channels, work: x.count) { c in
      x.read { source in
        (0..<batch).reduce(0) { $0 + doubleSum(source + ($1 * channels + c) * area, area) }
      }
    }
  }

  /// Sum of each channel of x (y - centre[c]) over batch and area; with `centredTwice` of (x - centre)(y - centre).
  private func channelProducts(_ x: Tensor, _ y: Tensor, _ centres: [Float], centredTwice: Bool = false) -> [Double] {
    let (batch, channels, area) = x.shape.planes
    precondition(
      x.shape == y.shape && centres.count == channels, "shapes \(x.shape) and \(y.shape), \(centres.count) centres")
    return perChannel(channels, work: x.count) { c in
      x.read { x in
        y.read { y in
          (0..<batch).reduce(0) { sum, n in
            let start = (n * channels + c) * area
            return sum
              + doubleProductSum(x + start, y + start, area, subtracting: (centredTwice ? centres[c] : 0, centres[c]))
          }
        }
      }
    }
  }

  private func perChannel(_ channels: Int, work: Int, _ body: (Int) -> Double) -> [Double] {
    [Double](unsafeUninitializedCapacity: channels) { target, count in
      count = channels
      let target = target
      Parallel.forEach(channels, threads: work < Self.smallCount ? 1 : threads) { c in target[c] = body(c) }
    }
  }
}
