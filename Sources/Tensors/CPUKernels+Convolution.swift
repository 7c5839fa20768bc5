/// The lengths of one convolution.
struct ConvolutionGeometry {
  let batch, inputs, height, width: Int
  let outputs, kernelHeight, kernelWidth: Int
  let outHeight, outWidth: Int
  let parameters: ConvolutionParameters

  init(input: Shape, weight: Shape, parameters: ConvolutionParameters) {
    let output = parameters.outputShape(input: input, weight: weight)
    (batch, inputs, height, width) = input.image
    (outputs, kernelHeight, kernelWidth) = (weight[0], weight[2], weight[3])
    (outHeight, outWidth) = (output[2], output[3])
    self.parameters = parameters
  }

  var area: Int { height * width }
  var outArea: Int { outHeight * outWidth }
  /// Rows of the column matrix: inputs x kernel.
  var taps: Int { inputs * kernelHeight * kernelWidth }

  /// The input row or column that `position` (which may lie in the padding) reads, nil for a zero.
  func source(_ position: Int, length: Int) -> Int? {
    if position >= 0 && position < length { return position }
    if parameters.paddingMode == .zero { return nil }
    return position < 0 ? -position : 2 * (length - 1) - position
  }
}

extension CPUKernels {
  public func convolution(_ x: Tensor, weight: Tensor, bias: Tensor?, parameters: ConvolutionParameters, relu: Bool) -> Tensor {
    let g = ConvolutionGeometry(input: x.shape, weight: weight.shape, parameters: parameters)
    precondition(bias == nil || bias?.shape == [g.outputs], "bias of weight \(weight.shape)")
    let biases = bias?.values ?? []
    return Tensor(filling: [g.batch, g.outputs, g.outHeight, g.outWidth]) { target in
      x.read { x in
        weight.read { weight in
          Parallel.forEach(g.batch, threads: threads) { n in
            scratch.with(g.taps * g.outArea) { columns in
              let target = target + n * g.outputs * g.outArea
              gather(g, x + n * g.inputs * g.area, into: columns)
              multiplyMatrices(
                Matrix(weight, stride: g.taps), Matrix(columns, stride: g.outArea), into: target, stride: g.outArea, rows: g.outputs,
                columns: g.outArea, inner: g.taps)
              for o in 0..<g.outputs {
                let bias = biases.isEmpty ? 0 : biases[o]
                let row = target + o * g.outArea
                for i in 0..<g.outArea { row[i] = relu ? max(0, row[i] + bias) : row[i] + bias }
              }
            }
          }
        }
      }
    }
  }

  public func convolutionGradients(
    _ x: Tensor, weight: Tensor, upstream: Tensor, parameters: ConvolutionParameters, wants: ConvolutionWants
  ) -> ConvolutionGradients {
    let g = ConvolutionGeometry(input: x.shape, weight: weight.shape, parameters: parameters)
    precondition(upstream.shape == [g.batch, g.outputs, g.outHeight, g.outWidth], "upstream \(upstream.shape) of \(x.shape)")
    var result = ConvolutionGradients()
    if wants.input { result.input = inputGradient(g, weight: weight, upstream: upstream, shape: x.shape) }
    if wants.weight { result.weight = weightGradient(g, x, upstream: upstream, shape: weight.shape) }
    if wants.bias { result.bias = Tensor([g.outputs], channelSums(upstream).map { Float($0) }) }
    return result
  }

  private func inputGradient(_ g: ConvolutionGeometry, weight: Tensor, upstream: Tensor, shape: Shape) -> Tensor {
    Tensor(filling: shape) { target in
      weight.read { weight in
        upstream.read { upstream in
          Parallel.forEach(g.batch, threads: threads) { n in
            scratch.with(g.taps * g.outArea) { columns in
              multiplyMatrices(
                Matrix(weight, stride: g.taps, transposed: true), Matrix(upstream + n * g.outputs * g.outArea, stride: g.outArea),
                into: columns, stride: g.outArea, rows: g.taps, columns: g.outArea, inner: g.outputs)
              scatter(g, columns, into: target + n * g.inputs * g.area)
            }
          }
        }
      }
    }
  }

  private func weightGradient(_ g: ConvolutionGeometry, _ x: Tensor, upstream: Tensor, shape: Shape) -> Tensor {
    Tensor(filling: shape) { target in
      x.read { x in
        upstream.read { upstream in
          scratch.with(g.taps * g.outArea) { columns in
            for n in 0..<g.batch {
              gather(g, x + n * g.inputs * g.area, into: columns)
              multiplyMatrices(
                Matrix(upstream + n * g.outputs * g.outArea, stride: g.outArea), Matrix(columns, stride: g.outArea, transposed: true),
                into: target, stride: g.taps, rows: g.outputs, columns: g.taps, inner: g.outArea, adding: n > 0)
            }
          }
        }
      }
    }
  }

  /// Column matrix of one sample: row (c, u, v), column = output position.
  private func gather(_ g: ConvolutionGeometry, _ x: UnsafePointer<Float>, into columns: UnsafeMutablePointer<Float>) {
    forEachTap(g) { row, i, j, source in columns[row * g.outArea + i * g.outWidth + j] = source.map { x[$0] } ?? 0 }
  }

  private func scatter(_ g: ConvolutionGeometry, _ columns: UnsafePointer<Float>, into x: UnsafeMutablePointer<Float>) {
    x.update(repeating: 0, count: g.inputs * g.area)
    forEachTap(g) { row, i, j, source in
      if let source { x[source] += columns[row * g.outArea + i * g.outWidth + j] }
    }
  }

  @inline(__always)
  private func forEachTap(_ g: ConvolutionGeometry, _ body: (_ row: Int, _ i: Int, _ j: Int, _ source: Int?) -> Void) {
    let p = g.parameters
    for row in 0..<g.taps {
      let (c, u, v) = (row / (g.kernelHeight * g.kernelWidth), row / g.kernelWidth % g.kernelHeight, row % g.kernelWidth)
      for i in 0..<g.outHeight {
        let y = g.source(i * p.stride + u * p.dilation - p.padding, length: g.height)
        for j in 0..<g.outWidth {
          let x = g.source(j * p.stride + v * p.dilation - p.padding, length: g.width)
          body(row, i, j, y.flatMap { y in x.map { (c * g.height + y) * g.width + $0 } })
        }
      }
    }
  }
}
