import CPUBackend
import Tensors
import Testing

@Suite("Memory prediction") struct MemoryPredictionTests {
  /// 64 KiB, the smallest tensor that a pool counts, and multiples of it.
  private func tensor(_ units: Int) -> Tensor { Tensor(repeating: 1, [units, 1 << 14]) }
  private let unit = 1 << 16

  /// The numbers of a rehearsal are 0, what it writes itself apart, and its copies on write are counted as real ones are.
  @Test func aRehearsalCountsAndKnowsNoNumbers() {
    let x = tensor(4)
    let bytes = MemoryPrediction.peak(threads: 1) { kernels in
      var copy = kernels.relu(x)
      #expect(copy.values.allSatisfy { $0 == 0 })
      let shared = copy
      kernels.accumulate(x, scaledBy: 1, into: &copy)
      #expect(shared.shape == copy.shape)
    }
    #expect(bytes >= 8 * unit && bytes < 8 * unit + (4 << 20))
    #expect(x.values.allSatisfy { $0 == 1 })
    let (held, size) = MemoryPrediction.held { (tensor(2), tensor(1).shape) }
    #expect(size == 2 * unit && held.0.count == 2 << 14)
  }

  /// Every kernel gives the shapes that computing gives.
  @Test func shapesOfARehearsalAreThoseOfTheKernels() {
    func shapes(_ kernels: any Kernels) -> [Shape] {
      let x = Tensor(repeating: 0.5, [2, 4, 9, 7])
      let convolution = ConvolutionParameters(stride: 2, dilation: 2, padding: 2, paddingMode: .reflect)
      let weight = Tensor(repeating: 0.1, [3, 4, 3, 3])
      let y = kernels.convolution(x, weight: weight, bias: nil, parameters: convolution)
      let dy = kernels.convolutionGradients(x, weight: weight, upstream: y, parameters: convolution, wants: ConvolutionWants())
      let (pooled, positions) = kernels.maxPool(x, kernel: 3, stride: 2, padding: 1, ceilMode: true)
      let scale = Tensor(repeating: 1, [4])
      let gradients = kernels.scaleShiftGradients(x, scale: scale, output: x, upstream: x, relu: true, wants: ScaleShiftWants())
      let matrix = Tensor(repeating: 1, [2, 3])
      let tensors: [Tensor?] =
        [
          y, dy.input, dy.weight, dy.bias, pooled, kernels.maxPoolGradient(positions: positions, upstream: pooled, inputShape: x.shape),
          kernels.scaleShift(x, scale: scale, shift: scale, relu: true), gradients.input, gradients.scale, gradients.shift,
          kernels.batchStatistics(x).mean, kernels.averagePool(x, kernel: 2), kernels.globalAveragePool(x),
          kernels.resizeBilinear(x, height: 5, width: 11), kernels.concatenate([x, x]), kernels.flipHorizontally(x), kernels.logSoftmax(x),
          kernels.matrixProduct(matrix, matrix, transposeA: true, transposeB: false),
          kernels.matrixProduct(matrix, matrix, transposeA: false, transposeB: true),
        ] + kernels.split(x, channels: [1, 3])
      return tensors.compactMap { $0?.shape } + [[positions.count]]
    }
    let expected = shapes(CPUKernels(threads: 1))
    var found: [Shape] = []
    _ = MemoryPrediction.peak(threads: 1) { found = shapes($0) }
    #expect(found == expected)
  }
}
