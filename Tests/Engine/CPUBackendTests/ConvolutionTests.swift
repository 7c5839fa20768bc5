import CPUBackend
import Tensors
import Testing

/// One combination of lengths.
struct ConvolutionCase: Sendable, CustomTestStringConvertible {
  var batch = 1
  var inputs = 3
  var outputs = 4
  var height = 9
  var width = 7
  var kernel = 3
  var parameters = ConvolutionParameters()

  var testDescription: String {
    "\(batch)x\(inputs)x\(height)x\(width) -> \(outputs), kernel \(kernel), stride \(parameters.stride), dilation "
      + "\(parameters.dilation), padding \(parameters.padding) \(parameters.paddingMode.rawValue)"
  }

  /// Noise of the case's shapes.
  var tensors: (x: Tensor, weight: Tensor, bias: Tensor, upstream: Tensor) {
    let x = noise([batch, inputs, height, width], "x")
    let weight = noise([outputs, inputs, kernel, kernel], "w")
    let output = parameters.outputShape(input: x.shape, weight: weight.shape)
    return (x, weight, noise([outputs], "b"), noise(output, "dy"))
  }

  /// Every combination of small lengths that fits.
  static let grid: [ConvolutionCase] = {
    var cases: [ConvolutionCase] = []
    for (kernel, stride) in [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (3, 3), (5, 2), (7, 2)] {
      for dilation in [1, 2, 3, 4] {
        for padding in [0, 1, 2, 5] {
          for mode in [ConvolutionParameters.PaddingMode.zero, .reflect] {
            for (height, width) in [(9, 7), (16, 21), (6, 33)] {
              let span = dilation * (kernel - 1)
              if kernel == 1 && dilation > 1 || span >= min(height, width) + 2 * padding { continue }
              if mode == .reflect && (padding == 0 || padding >= min(height, width)) { continue }
              let parameters = ConvolutionParameters(
                stride: stride, dilation: dilation, padding: padding, paddingMode: mode)
              let batch = (cases.count % 3) + 1
              cases.append(
                ConvolutionCase(
                  batch: batch, inputs: 1 + cases.count % 5, outputs: 1 + cases.count % 7, height: height, width: width,
                  kernel: kernel, parameters: parameters))
            }
          }
        }
      }
    }
    return cases
  }()

  /// Larger ones, to reach tiling and the splitting by samples, channels and rows.
  static let large: [ConvolutionCase] = [
    ConvolutionCase(batch: 3, inputs: 16, outputs: 40, height: 41, width: 37, kernel: 1),
    ConvolutionCase(batch: 1, inputs: 70, outputs: 1, height: 50, width: 51, kernel: 1),
    ConvolutionCase(batch: 2, inputs: 24, outputs: 48, height: 61, width: 53, kernel: 3, parameters: .init(padding: 1)),
    ConvolutionCase(
      batch: 1, inputs: 40, outputs: 20, height: 65, width: 64, kernel: 3, parameters: .init(dilation: 2, padding: 2)),
    ConvolutionCase(batch: 1, inputs: 12, outputs: 8, height: 60, width: 40, kernel: 3, parameters: .init(padding: 1)),
    ConvolutionCase(
      batch: 1, inputs: 32, outputs: 16, height: 40, width: 41, kernel: 3,
      parameters: .init(dilation: 12, padding: 12, paddingMode: .reflect)),
    ConvolutionCase(
      batch: 5, inputs: 3, outputs: 64, height: 63, width: 65, kernel: 3, parameters: .init(stride: 2, padding: 1)),
    ConvolutionCase(
      batch: 1, inputs: 3, outputs: 16, height: 97, width: 99, kernel: 3, parameters: .init(stride: 2, padding: 1)),
    ConvolutionCase(
      batch: 2, inputs: 200, outputs: 130, height: 12, width: 13, kernel: 3,
      parameters: .init(dilation: 4, padding: 4)),
  ]
}

@Suite("Convolution against its definition")
struct ConvolutionTests {
  @Test("every small combination")
  func grid() {
    for item in ConvolutionCase.grid { compare(item, threads: [1, 3]) }
  }

  @Test("larger shapes", arguments: ConvolutionCase.large)
  func large(_ item: ConvolutionCase) {
    compare(item, threads: [1, 2, 4])
  }

  @Test("same bits in every run")
  func reproducible() {
    let kernels = CPUKernels(threads: 2)
    for item in ConvolutionCase.large {
      let (x, weight, _, upstream) = item.tensors
      func run() -> [Tensor?] {
        let gradients = kernels.convolutionGradients(
          x, weight: weight, upstream: upstream, parameters: item.parameters, wants: ConvolutionWants())
        let y = kernels.convolution(x, weight: weight, bias: nil, parameters: item.parameters)
        return [y, gradients.input, gradients.weight, gradients.bias]
      }
      #expect(run() == run())
    }
  }

  @Test("a channel of NaN or infinity stays in its sample")
  func notANumber() {
    let item = ConvolutionCase.large[2]
    let tensors = item.tensors
    var x = tensors.x
    x[1, 0, 3, 3] = .nan
    let y = CPUKernels(threads: 2).convolution(x, weight: tensors.weight, bias: nil, parameters: item.parameters)
    #expect(y.batch(0..<1).values.allSatisfy { $0.isFinite })
    #expect(y[1, 0, 3, 3].isNaN)
  }

  private func compare(_ item: ConvolutionCase, threads: [Int]) {
    let (x, weight, bias, upstream) = item.tensors
    let naive = NaiveConvolution(x: x, weight: weight, parameters: item.parameters)
    let (expected, plainExpected) = (naive.output(bias: bias), naive.output(bias: nil))
    let (input, weights, biases) = (
      naive.inputGradient(upstream), naive.weightGradient(upstream), naive.biasGradient(upstream)
    )
    let scale = Float(item.inputs * item.kernel * item.kernel).squareRoot()
    let outScale = Float(item.outputs * item.kernel * item.kernel).squareRoot()
    let areaScale = Float(item.batch * expected.shape[2] * expected.shape[3]).squareRoot()
    for threads in threads {
      let kernels = CPUKernels(threads: threads, algorithm: item.kernel == 1 ? nil : .columns)
      let name = "\(item.testDescription), \(threads) threads"
      let plain = kernels.convolution(x, weight: weight, bias: bias, parameters: item.parameters)
      expectClose(plain, expected, 3e-6 * scale, "y, \(name)")
      let positive = kernels.convolution(x, weight: weight, bias: bias, parameters: item.parameters, relu: true)
      #expect(positive == kernels.relu(plain))
      let withoutBias = kernels.convolution(x, weight: weight, bias: nil, parameters: item.parameters)
      expectClose(withoutBias, plainExpected, 3e-6 * scale, "y without bias, \(name)")
      let gradients = kernels.convolutionGradients(
        x, weight: weight, upstream: upstream, parameters: item.parameters, wants: ConvolutionWants())
      expectClose(gradients.input, input, 1e-5 * outScale, "dx, \(name)")
      expectClose(gradients.weight, weights, 1e-5 * areaScale, "dw, \(name)")
      expectClose(gradients.bias, biases, 1e-5 * areaScale, "db, \(name)")
      let none = kernels.convolutionGradients(
        x, weight: weight, upstream: upstream, parameters: item.parameters,
        wants: ConvolutionWants(input: false, weight: false, bias: false))
      #expect(none.input == nil && none.weight == nil && none.bias == nil)
    }
  }
}
