import Foundations
import LabelMasks
@_spi(HostMemory) import Tensors

/// Kernels that allocate but do not compute, to predict memory: results have the shapes that `CPUKernels` gives, and 0
/// everywhere until somebody writes them.
///
/// They make sense in a dry pool only, where a tensor is counted and takes no memory; `MemoryPrediction` brings the two
/// together. Whatever a CPU kernel holds while it runs is held here too, so that the counts agree.
struct ShapeKernels: Kernels {
  /// Takes what the threads share as scratch memory; what each has for itself is small, `CPUKernels.scratchBytes`.
  private let scratch = Scratch()

  func convolution(
    _ x: Tensor, weight: Tensor, bias: Tensor?, parameters: ConvolutionParameters, relu: Bool
  ) -> Tensor {
    holdScratch(ConvolutionGeometry(input: x.shape, weight: weight.shape, parameters: parameters), .forward)
    return blank(parameters.outputShape(input: x.shape, weight: weight.shape))
  }

  func convolutionGradients(
    _ x: Tensor, weight: Tensor, upstream: Tensor, parameters: ConvolutionParameters, wants: ConvolutionWants
  ) -> ConvolutionGradients {
    let g = ConvolutionGeometry(input: x.shape, weight: weight.shape, parameters: parameters)
    if wants.input { holdScratch(g, .inputGradient) }
    if wants.weight { holdScratch(g, .weightGradient) }
    return ConvolutionGradients(
      input: wants.input ? blank(x.shape) : nil, weight: wants.weight ? blank(weight.shape) : nil,
      bias: wants.bias ? blank([weight.shape[0]]) : nil)
  }

  private func holdScratch(_ g: ConvolutionGeometry, _ pass: ConvolutionAlgorithm.Pass) {
    guard let transform = ConvolutionAlgorithm.choose(g, pass).transform else { return }
    let count =
      switch pass {
      case .forward: WinogradCorrelation(forward: g, transform).scratchCount
      case .inputGradient: WinogradCorrelation(inputGradient: g, transform).scratchCount
      case .weightGradient: WinogradWeightGradient(g, transform).scratchCount
      }
    scratch.with(count) { _ in }
  }

  func scaleShift(_ x: Tensor, scale: Tensor, shift: Tensor, relu: Bool) -> Tensor { blank(x.shape) }

  func scaleShiftGradients(
    _ x: Tensor, scale: Tensor, output: Tensor, upstream: Tensor, relu: Bool, wants: ScaleShiftWants
  ) -> ScaleShiftGradients {
    let masked = relu && (wants.scale || wants.shift) ? blank(upstream.shape) : upstream
    return withExtendedLifetime(masked) { channelGradients(upstream.shape, wants) }
  }

  func batchStatistics(_ x: Tensor) -> (mean: Tensor, variance: Tensor) { (blank([x.shape[1]]), blank([x.shape[1]])) }

  func batchNormGradients(
    _ x: Tensor, statistics: ChannelStatistics, weight: Tensor, output: Tensor, upstream: Tensor, relu: Bool,
    wants: ScaleShiftWants
  ) -> ScaleShiftGradients {
    let masked = relu ? blank(upstream.shape) : upstream
    return withExtendedLifetime(masked) { channelGradients(upstream.shape, wants) }
  }

  func relu(_ x: Tensor) -> Tensor { blank(x.shape) }
  func reluGradient(output: Tensor, upstream: Tensor) -> Tensor { blank(upstream.shape) }
  func elu(_ x: Tensor) -> Tensor { blank(x.shape) }
  func eluGradient(output: Tensor, upstream: Tensor) -> Tensor { blank(upstream.shape) }
  func sigmoid(_ x: Tensor) -> Tensor { blank(x.shape) }
  func sigmoidGradient(output: Tensor, upstream: Tensor) -> Tensor { blank(upstream.shape) }
  func softmax(_ x: Tensor) -> Tensor { blank(x.shape) }
  func softmaxGradient(output: Tensor, upstream: Tensor) -> Tensor { blank(upstream.shape) }
  func logSoftmax(_ x: Tensor) -> Tensor { blank(x.shape) }
  func logSoftmaxGradient(output: Tensor, upstream: Tensor) -> Tensor { blank(upstream.shape) }

  func maxPool(_ x: Tensor, kernel: Int, stride: Int, padding: Int, ceilMode: Bool) -> (
    output: Tensor, positions: PoolPositions
  ) {
    let (batch, channels, height, width) = x.shape.image
    let window = MaxWindow(
      height: height, width: width, kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode)
    let output = blank([batch, channels, window.outHeight, window.outWidth])
    return (output, PoolPositions(count: output.count) { _ in })
  }

  func maxPoolGradient(positions: PoolPositions, upstream: Tensor, inputShape: Shape) -> Tensor { blank(inputShape) }

  func averagePool(_ x: Tensor, kernel: Int) -> Tensor {
    let (batch, channels, height, width) = x.shape.image
    return blank([batch, channels, height / kernel, width / kernel])
  }

  func averagePoolGradient(upstream: Tensor, kernel: Int, inputShape: Shape) -> Tensor { blank(inputShape) }
  func globalAveragePool(_ x: Tensor) -> Tensor { blank([x.shape[0], x.shape[1], 1, 1]) }
  func globalAveragePoolGradient(upstream: Tensor, inputShape: Shape) -> Tensor { blank(inputShape) }
  func resizeBilinear(_ x: Tensor, height: Int, width: Int) -> Tensor {
    blank([x.shape[0], x.shape[1], height, width])
  }
  func resizeBilinearGradient(upstream: Tensor, inputShape: Shape) -> Tensor { blank(inputShape) }

  func add(_ x: Tensor, _ y: Tensor) -> Tensor { blank(x.shape) }
  func multiply(_ x: Tensor, _ y: Tensor) -> Tensor { blank(x.shape) }
  func scaled(_ x: Tensor, by factor: Float) -> Tensor { blank(x.shape) }
  /// Copies a shared target, as a kernel that writes into it would.
  func accumulate(_ y: Tensor, scaledBy factor: Float, into target: inout Tensor) { target.write { _ in } }
  func multiplyPlanes(_ x: Tensor, by factors: Tensor) -> Tensor { blank(x.shape) }
  func sum(_ x: Tensor) -> Double { 0 }

  func concatenate(_ tensors: [Tensor]) -> Tensor {
    let first = tensors[0].shape.dimensions
    return blank(Shape([first[0], tensors.reduce(0) { $0 + $1.shape[1] }] + first.dropFirst(2)))
  }

  func split(_ x: Tensor, channels: [Int]) -> [Tensor] {
    channels.map { blank(Shape([x.shape[0], $0] + x.shape.dimensions.dropFirst(2))) }
  }

  func addLabelled(_ x: Tensor, table: Tensor, labels: LabelMask) -> Tensor { blank(x.shape) }
  func labelSums(_ x: Tensor, labels: LabelMask, table: Shape) -> Tensor { blank(table) }
  func flipHorizontally(_ x: Tensor) -> Tensor { blank(x.shape) }

  func matrixProduct(_ a: Tensor, _ b: Tensor, transposeA: Bool, transposeB: Bool) -> Tensor {
    blank([a.shape[transposeA ? 1 : 0], b.shape[transposeB ? 0 : 1]])
  }

  /// Holds the logarithms of the softmax meanwhile.
  func crossEntropySum(_ logits: Tensor, labels: LabelMask, ignoring void: UInt8) -> Double {
    withExtendedLifetime(blank(logits.shape)) { 0 }
  }

  func crossEntropyGradient(_ logits: Tensor, labels: LabelMask, ignoring void: UInt8, factor: Float) -> Tensor {
    blank(logits.shape)
  }

  func binaryCrossEntropySum(_ logits: Tensor, targets: Tensor, weights: Tensor?) -> Double { 0 }

  func binaryCrossEntropyGradient(_ logits: Tensor, targets: Tensor, weights: Tensor?, factor: Double) -> Tensor {
    blank(logits.shape)
  }

  func logLossSum(_ probabilities: Tensor, weights: Tensor, complement: Bool, epsilon: Float) -> Double { 0 }

  func logLossGradient(
    _ probabilities: Tensor, weights: Tensor, complement: Bool, epsilon: Float, factor: Double
  ) -> Tensor { blank(probabilities.shape) }

  func zerosAndOnes(_ x: Tensor) -> [ZerosAndOnes] { Array(repeating: ZerosAndOnes(), count: x.shape[0]) }
  func weightsOfZerosAndOnes(_ x: Tensor, zeros: [Float], ones: [Float]) -> Tensor { blank(x.shape) }
  func firstNonFinite(_ x: Tensor) -> Float? { nil }

  /// The first candidate everywhere.
  func argMax(_ scores: Tensor, among candidates: [[Int]]) -> LabelMask {
    let (batch, _, height, width) = scores.shape.image
    let labels = candidates.flatMap { [UInt8](repeating: UInt8($0[0]), count: height * width) }
    return LabelMask(batch: batch, height: height, width: width, labels: labels)
  }

  func adding(_ addend: Float, to x: Tensor, among candidates: [[Int]]) -> Tensor { blank(x.shape) }
  func softmax(_ x: Tensor, among candidates: [[Int]], temperature: Float) -> Tensor { blank(x.shape) }

  func affinities(_ features: Tensor, pairs: CellPairs) -> Tensor {
    blank([features.shape[0], pairs.offsets.count, pairs.startCount])
  }

  /// Holds one factor per pair meanwhile.
  func affinityGradient(_ features: Tensor, pairs: CellPairs, affinities: Tensor, upstream: Tensor) -> Tensor {
    withExtendedLifetime(blank(affinities.shape)) { blank(features.shape) }
  }

  func dropoutFactors(_ generators: [SeededGenerator], channels: Int, rate: Float) -> Tensor {
    blank([generators.count, channels])
  }

  func foldedBatchNorm(
    mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, epsilon: Float
  ) -> (scale: Tensor, shift: Tensor) { (blank(mean.shape), blank(mean.shape)) }

  /// Leaves the statistic as it is.
  func follow(_ value: Tensor, with running: inout Tensor, share: Float, correction: Float) {}

  /// Leaves the parameter as it is.
  func sgdStep(
    parameter: inout Tensor, gradient: Tensor, velocity: inout Tensor?, rate: Float, momentum: Float, decay: Float
  ) {}

  private func channelGradients(_ shape: Shape, _ wants: ScaleShiftWants) -> ScaleShiftGradients {
    let channels: Shape = [shape[1]]
    return ScaleShiftGradients(
      input: wants.input ? blank(shape) : nil, scale: wants.scale ? blank(channels) : nil,
      shift: wants.shift ? blank(channels) : nil)
  }

  private func blank(_ shape: Shape) -> Tensor { Tensor(filling: shape) { _ in } }
}
