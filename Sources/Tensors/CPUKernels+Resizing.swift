/// Where output positions along one axis read: two neighbours and the share of the second.
struct BilinearAxis {
  var first: [Int] = []
  var second: [Int] = []
  var share: [Float] = []

  init(input: Int, output: Int) {
    precondition(input >= 1 && output >= 1, "resizing length \(input) to \(output)")
    let ratio = Float(input) / Float(output)
    for i in 0..<output {
      let position = max(0, (Float(i) + 0.5) * ratio - 0.5)
      let low = min(Int(position), input - 1)
      first.append(low)
      second.append(min(low + 1, input - 1))
      share.append(min(position - Float(low), 1))
    }
  }
}

extension CPUKernels {
  public func resizeBilinear(_ x: Tensor, height: Int, width: Int) -> Tensor {
    let (batch, channels, inHeight, inWidth) = x.shape.image
    if height == inHeight && width == inWidth { return x }
    let (rows, columns) = (BilinearAxis(input: inHeight, output: height), BilinearAxis(input: inWidth, output: width))
    return Tensor(filling: [batch, channels, height, width]) { target in
      x.read { source in
        overPlanes(batch * channels, area: height * width) { plane in
          let (source, target) = (source + plane * inHeight * inWidth, target + plane * height * width)
          for i in 0..<height {
            let (upper, lower, share) = (source + rows.first[i] * inWidth, source + rows.second[i] * inWidth, rows.share[i])
            for j in 0..<width {
              let (a, b, s) = (columns.first[j], columns.second[j], columns.share[j])
              let top = (1 - s) * upper[a] + s * upper[b]
              let bottom = (1 - s) * lower[a] + s * lower[b]
              target[i * width + j] = (1 - share) * top + share * bottom
            }
          }
        }
      }
    }
  }

  public func resizeBilinearGradient(upstream: Tensor, inputShape: Shape) -> Tensor {
    let (batch, channels, height, width) = upstream.shape.image
    let (inHeight, inWidth) = (inputShape.image.height, inputShape.image.width)
    precondition(inputShape[0] == batch && inputShape[1] == channels, "upstream \(upstream.shape) for \(inputShape)")
    if height == inHeight && width == inWidth { return upstream }
    let (rows, columns) = (BilinearAxis(input: inHeight, output: height), BilinearAxis(input: inWidth, output: width))
    return Tensor(filling: inputShape) { target in
      upstream.read { upstream in
        overPlanes(batch * channels, area: height * width) { plane in
          let (upstream, target) = (upstream + plane * height * width, target + plane * inHeight * inWidth)
          target.update(repeating: 0, count: inHeight * inWidth)
          for i in 0..<height {
            let (upper, lower, share) = (target + rows.first[i] * inWidth, target + rows.second[i] * inWidth, rows.share[i])
            for j in 0..<width {
              let (a, b, s, value) = (columns.first[j], columns.second[j], columns.share[j], upstream[i * width + j])
              upper[a] += (1 - share) * (1 - s) * value
              upper[b] += (1 - share) * s * value
              lower[a] += share * (1 - s) * value
              lower[b] += share * s * value
            }
          }
        }
      }
    }
  }
}
