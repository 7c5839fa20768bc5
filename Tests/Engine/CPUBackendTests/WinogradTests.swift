import CPUBackend
import Tensors
import Testing

@Suite("Winograd against the definition of a convolution")
struct WinogradTests {
  /// Odd lengths and channels, complete and incomplete tiles, phases of unequal length, borders up to the whole kernel.
  static let cases: [ConvolutionCase] = {
    var cases: [ConvolutionCase] = []
    for (height, width) in [(1, 1), (3, 5), (4, 4), (6, 19), (9, 7), (13, 33), (20, 18)] {
      for dilation in [1, 2, 3, 4, 12] {
        for padding in Set([0, 1, dilation, 2 * dilation]).sorted() where padding <= 2 * dilation {
          for mode in [ConvolutionParameters.PaddingMode.zero, .reflect] {
            if 2 * dilation >= min(height, width) + 2 * padding { continue }
            if mode == .reflect && (padding == 0 || padding >= min(height, width)) { continue }
            cases.append(
              ConvolutionCase(
                batch: cases.count % 2 == 0 ? 1 : 3, inputs: 1 + cases.count * 5 % 19,
                outputs: 1 + cases.count * 3 % 13, height: height,
                width: width, parameters: .init(dilation: dilation, padding: padding, paddingMode: mode)))
          }
        }
      }
    }
    return cases
  }()

  /// Several blocks of tiles, parts of channels and shares of rows.
  static let larger: [ConvolutionCase] = [
    ConvolutionCase(batch: 1, inputs: 8, outputs: 10, height: 130, width: 139, parameters: .init(padding: 1)),
    ConvolutionCase(batch: 3, inputs: 33, outputs: 290, height: 18, width: 21, parameters: .init(padding: 1)),
    ConvolutionCase(
      batch: 2, inputs: 520, outputs: 70, height: 26, width: 25, parameters: .init(dilation: 2, padding: 2)),
    ConvolutionCase(batch: 1, inputs: 700, outputs: 350, height: 9, width: 9, parameters: .init(padding: 1)),
    ConvolutionCase(
      batch: 1, inputs: 40, outputs: 24, height: 40, width: 41,
      parameters: .init(dilation: 12, padding: 12, paddingMode: .reflect)),
  ]

  @Test("small shapes: within 1.5e-5 of each result's size, 3e-5 in tiles of 5x5")
  func small() {
    for item in Self.cases {
      compare(item, .winograd4, threads: [1, 3], tolerance: 1.5e-5)
      compare(item, .winograd5, threads: [1, 3], tolerance: 3e-5)
    }
  }

  @Test("larger shapes: the worst element within 3e-5 of the typical one, 6e-5 in tiles of 5x5", arguments: larger)
  func large(_ item: ConvolutionCase) {
    compare(item, .winograd4, threads: [1, 2, 5], tolerance: 3e-5)
    compare(item, .winograd5, threads: [1, 2, 5], tolerance: 6e-5)
  }

  @Test("every instruction set gives the same to rounding", arguments: PanelKernelTests.sets)
  func instructionSets(_ set: InstructionSet) {
    for item in Self.cases.enumerated().filter({ $0.offset % 7 == 0 }).map(\.element) + [Self.larger[1]] {
      compare(item, .winograd4, threads: [2], tolerance: 3e-5, set)
      compare(item, .winograd5, threads: [2], tolerance: 6e-5, set)
    }
  }

  @Test("the number of threads does not change a bit of an output or a gradient by the input")
  func threadsDoNotMatter() {
    for item in Self.larger {
      let (x, weight, _, upstream) = item.tensors
      let results = [1, 2, 3].map { threads in
        let kernels = CPUKernels(threads: threads, algorithm: .winograd4)
        let wants = ConvolutionWants(input: true, weight: true, bias: false)
        let gradients = kernels.convolutionGradients(
          x, weight: weight, upstream: upstream, parameters: item.parameters, wants: wants)
        return [
          kernels.convolution(x, weight: weight, bias: nil, parameters: item.parameters), gradients.input,
          gradients.weight,
        ]
      }
      #expect(results[0] == results[1] && results[0] == results[2], "\(item)")
    }
  }

  @Test("kept weights give the same bits, for another image and for weights that changed too")
  func keptWeights() {
    for item in Self.larger {
      let (x, weight, _, _) = item.tensors
      let (kernels, keeping) = (
        CPUKernels(threads: 2, algorithm: .winograd5), CPUKernels(threads: 2, algorithm: .winograd5, keepsWeights: true)
      )
      func expectSame(_ x: Tensor, _ weight: Tensor) {
        let results = [kernels, keeping].map {
          $0.convolution(x, weight: weight, bias: nil, parameters: item.parameters, relu: false).values
        }
        #expect(results[0] == results[1], "\(item)")
      }
      expectSame(x, weight)
      expectSame(x, weight)
      expectSame(Tensor(repeating: 0.5, [2, item.inputs, item.height + 3, item.width + 6]), weight)
      var changed = weight
      changed[0, 0, 0, 0] += 1
      expectSame(x, changed)
      expectSame(x, weight)
    }
  }

  @Test("kept weights serve images whose sizes take tiles of 4x4 and of 5x5")
  func keptWeightsOfBothTiles() {
    let parameters = ConvolutionParameters(dilation: 4, padding: 4)
    let cases = [56, 60, 56, 64].map {
      ConvolutionCase(inputs: 32, outputs: 32, height: $0, width: $0, parameters: parameters)
    }
    let chosen = cases.map {
      ConvolutionAlgorithm.choose(input: [1, 32, $0.height, $0.width], weight: [32, 32, 3, 3], parameters, .forward)
    }
    #expect(Set(chosen) == [.winograd4, .winograd5])
    let (kernels, keeping) = (CPUKernels(threads: 2), CPUKernels(threads: 2, keepsWeights: true))
    let weight = cases[0].tensors.1
    for item in cases {
      let x = item.tensors.0
      let results = [kernels, keeping].map {
        $0.convolution(x, weight: weight, bias: nil, parameters: parameters, relu: false).values
      }
      #expect(results[0] == results[1], "\(item)")
    }
  }

  @Test("same bits in every run")
  func reproducible() {
    let kernels = CPUKernels(threads: 2, algorithm: .winograd4)
    for item in Self.larger {
      let (x, weight, _, upstream) = item.tensors
      func run() -> [Tensor?] {
        let gradients = kernels.convolutionGradients(
          x, weight: weight, upstream: upstream, parameters: item.parameters, wants: ConvolutionWants())
        return [
          kernels.convolution(x, weight: weight, bias: nil, parameters: item.parameters), gradients.input,
          gradients.weight,
        ]
      }
      #expect(run() == run())
    }
  }

  @Test("where it is chosen")
  func choice() {
    func chosen(_ item: ConvolutionCase, _ pass: ConvolutionAlgorithm.Pass = .forward) -> ConvolutionAlgorithm {
      .choose(
        input: [item.batch, item.inputs, item.height, item.width],
        weight: [item.outputs, item.inputs, item.kernel, item.kernel],
        item.parameters, pass)
    }
    let padded = ConvolutionParameters(padding: 1)
    #expect(chosen(ConvolutionCase(inputs: 128, outputs: 128, height: 56, width: 56, parameters: padded)) == .winograd4)
    let head = ConvolutionParameters(dilation: 12, padding: 12)
    #expect(chosen(ConvolutionCase(inputs: 128, outputs: 128, height: 56, width: 56, parameters: head)) == .winograd5)
    #expect(chosen(ConvolutionCase(inputs: 3, outputs: 128, height: 56, width: 56, parameters: padded)) == .columns)
    #expect(chosen(ConvolutionCase(inputs: 128, outputs: 128, height: 56, width: 56, kernel: 1)) == .pointwise)
    #expect(
      chosen(
        ConvolutionCase(inputs: 128, outputs: 128, height: 56, width: 56, parameters: .init(stride: 2, padding: 1)))
        == .columns)
    let wide = ConvolutionCase(inputs: 128, outputs: 128, height: 56, width: 56, parameters: .init(padding: 3))
    #expect(chosen(wide, .inputGradient) == .columns)
  }

  private func compare(
    _ item: ConvolutionCase, _ algorithm: ConvolutionAlgorithm, threads: [Int], tolerance: Float,
    _ set: InstructionSet = .best
  ) {
    let (x, weight, bias, upstream) = item.tensors
    let naive = NaiveConvolution(x: x, weight: weight, parameters: item.parameters)
    let output = naive.output(bias: bias)
    let (input, weights) = (naive.inputGradient(upstream), naive.weightGradient(upstream))
    for threads in threads {
      let kernels = CPUKernels(threads: threads, algorithm: algorithm, instructions: set)
      let name = "\(item.testDescription), \(algorithm), \(threads) threads, \(set)"
      let y = kernels.convolution(x, weight: weight, bias: bias, parameters: item.parameters)
      expectClose(y, output, tolerance * magnitude(output), "y, \(name)")
      #expect(
        kernels.convolution(x, weight: weight, bias: bias, parameters: item.parameters, relu: true) == kernels.relu(y))
      let gradients = kernels.convolutionGradients(
        x, weight: weight, upstream: upstream, parameters: item.parameters, wants: ConvolutionWants())
      expectClose(gradients.input, input, tolerance * magnitude(input), "dx, \(name)")
      expectClose(gradients.weight, weights, tolerance * magnitude(weights), "dw, \(name)")
    }
  }

  /// The root mean square of the elements, at least a third: the errors of few products that happen to be small are
  /// those of their factors.
  private func magnitude(_ x: Tensor) -> Float {
    max(1 / 3, Float((dot(x, x) / Double(x.count)).squareRoot()))
  }
}
