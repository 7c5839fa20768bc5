import Tensors

/// Convolution and its gradients by their definition: one visit of every (output, input, tap), in double precision.
struct NaiveConvolution {
  let x: Tensor
  let weight: Tensor
  let parameters: ConvolutionParameters

  var outputShape: Shape { parameters.outputShape(input: x.shape, weight: weight.shape) }

  func output(bias: Tensor?) -> Tensor {
    let (xs, ws) = (x.values, weight.values)
    var y = [Double](repeating: 0, count: outputShape.count)
    visit { y[$0] += Double(ws[$1]) * Double(xs[$2]) }
    if let bias {
      let (area, biases) = (outputShape[2] * outputShape[3], bias.values)
      for i in y.indices { y[i] += Double(biases[i / area % biases.count]) }
    }
    return Tensor(outputShape, y.map { Float($0) })
  }

  func inputGradient(_ upstream: Tensor) -> Tensor {
    let (dy, ws) = (upstream.values, weight.values)
    var dx = [Double](repeating: 0, count: x.count)
    visit { dx[$2] += Double(ws[$1]) * Double(dy[$0]) }
    return Tensor(x.shape, dx.map { Float($0) })
  }

  func weightGradient(_ upstream: Tensor) -> Tensor {
    let (dy, xs) = (upstream.values, x.values)
    var dw = [Double](repeating: 0, count: weight.count)
    visit { dw[$1] += Double(xs[$2]) * Double(dy[$0]) }
    return Tensor(weight.shape, dw.map { Float($0) })
  }

  func biasGradient(_ upstream: Tensor) -> Tensor {
    let (dy, area) = (upstream.values, outputShape[2] * outputShape[3])
    var db = [Double](repeating: 0, count: weight.shape[0])
    for i in dy.indices { db[i / area % db.count] += Double(dy[i]) }
    return Tensor([db.count], db.map { Float($0) })
  }

  /// Calls `body(output element, weight element, input element)` for every product of the convolution.
  private func visit(_ body: (Int, Int, Int) -> Void) {
    let (s, w, out) = (x.shape, weight.shape, outputShape)
    for n in 0..<out[0] {
      for o in 0..<out[1] {
        for i in 0..<out[2] {
          for j in 0..<out[3] {
            for c in 0..<s[1] {
              for u in 0..<w[2] {
                guard let row = source(i * parameters.stride + u * parameters.dilation, s[2]) else { continue }
                for v in 0..<w[3] {
                  guard let column = source(j * parameters.stride + v * parameters.dilation, s[3]) else { continue }
                  let y = ((n * out[1] + o) * out[2] + i) * out[3] + j
                  body(y, ((o * s[1] + c) * w[2] + u) * w[3] + v, ((n * s[1] + c) * s[2] + row) * s[3] + column)
                }
              }
            }
          }
        }
      }
    }
  }

  private func source(_ padded: Int, _ length: Int) -> Int? {
    let position = padded - parameters.padding
    if (0..<length).contains(position) { return position }
    guard parameters.paddingMode == .reflect else { return nil }
    return position < 0 ? -position : 2 * length - 2 - position
  }
}
