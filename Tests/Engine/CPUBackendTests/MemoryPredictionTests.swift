import CPUBackend
import Foundations
import LabelMasks
import Tensors
import Testing

@Suite("Memory prediction") struct MemoryPredictionTests {
  /// 64 KiB, the smallest tensor that a pool counts, and multiples of it.
  private func tensor(_ units: Int) -> Tensor { Tensor(repeating: 1, [units, 1 << 14]) }
  private let unit = 1 << 16

  /// The numbers of a rehearsal are 0, what it writes itself apart, and its copies on write are counted as real ones
  /// are.
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

  private func lossTensors(_ kernels: any Kernels, _ x: Tensor) -> [Tensor?] {
    let labels = LabelMask(repeating: 1, batch: 2, height: 9, width: 7)
    let offsets = [CellPairs.Offset(dy: 0, dx: 1), CellPairs.Offset(dy: 1, dx: 0)]
    let pairs = CellPairs(offsets: offsets, rows: 0..<8, columns: 0..<6, height: 9, width: 7)
    let affinities = kernels.affinities(x, pairs: pairs)
    let statistics = Tensor(repeating: 1, [4])
    let folded = kernels.foldedBatchNorm(
      mean: statistics, variance: statistics, weight: statistics, bias: statistics, epsilon: 1)
    return [
      kernels.crossEntropyGradient(x, labels: labels, ignoring: 255, factor: 1),
      kernels.binaryCrossEntropyGradient(x, targets: x, weights: x, factor: 1),
      kernels.logLossGradient(x, weights: x, complement: true, epsilon: 1, factor: 1),
      kernels.weightsOfZerosAndOnes(x, zeros: [1, 1], ones: [1, 1]), kernels.adding(1, to: x, among: [[0], [1]]),
      kernels.softmax(x, among: [[0], [1]], temperature: 1), affinities,
      kernels.affinityGradient(x, pairs: pairs, affinities: affinities, upstream: affinities),
      kernels.dropoutFactors([SeededGenerator(seed: 1, "a")], channels: 5, rate: 0.5), folded.scale, folded.shift,
    ]
  }

  /// Every kernel gives the shapes that computing gives.
  @Test func shapesOfARehearsalAreThoseOfTheKernels() {
    func shapes(_ kernels: any Kernels) -> [Shape] {
      let x = Tensor(repeating: 0.5, [2, 4, 9, 7])
      let convolution = ConvolutionParameters(stride: 2, dilation: 2, padding: 2, paddingMode: .reflect)
      let weight = Tensor(repeating: 0.1, [3, 4, 3, 3])
      let y = kernels.convolution(x, weight: weight, bias: nil, parameters: convolution)
      let dy = kernels.convolutionGradients(
        x, weight: weight, upstream: y, parameters: convolution, wants: ConvolutionWants())
      let (pooled, positions) = kernels.maxPool(x, kernel: 3, stride: 2, padding: 1, ceilMode: true)
      let scale = Tensor(repeating: 1, [4])
      let gradients = kernels.scaleShiftGradients(
        x, scale: scale, output: x, upstream: x, relu: true, wants: ScaleShiftWants())
      let matrix = Tensor(repeating: 1, [2, 3])
      let tensors: [Tensor?] =
        [
          y, dy.input, dy.weight, dy.bias, pooled,
          kernels.maxPoolGradient(positions: positions, upstream: pooled, inputShape: x.shape),
          kernels.scaleShift(x, scale: scale, shift: scale, relu: true), gradients.input, gradients.scale,
          gradients.shift,
          kernels.batchStatistics(x).mean, kernels.averagePool(x, kernel: 2), kernels.globalAveragePool(x),
          kernels.resizeBilinear(x, height: 5, width: 11), kernels.concatenate([x, x]), kernels.flipHorizontally(x),
          kernels.logSoftmax(x),
          kernels.matrixProduct(matrix, matrix, transposeA: true, transposeB: false),
          kernels.matrixProduct(matrix, matrix, transposeA: false, transposeB: true),
        ] + kernels.split(x, channels: [1, 3]) + lossTensors(kernels, x)
      let winners = kernels.argMax(x, among: [[0, 1], [2]])
      let counts = kernels.zerosAndOnes(x).count
      return tensors.compactMap { $0?.shape } + [
        [positions.count], [winners.batch, winners.height, winners.width], [counts],
      ]
    }
    let expected = shapes(CPUKernels(threads: 1))
    var found: [Shape] = []
    _ = MemoryPrediction.peak(threads: 1) { found = shapes($0) }
    #expect(found == expected)
  }
}
