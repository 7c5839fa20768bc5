import CPUBackend
import LabelMasks
import NeuralNet
import Tensors
import Testing

@Suite("Layers against finite differences")
struct LayerGradientTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var input: Shape
    var outputs = 2
    var kernel = 3
    var stride = 1
    var dilation = 1
    var padding = 0
    var mode = ConvolutionParameters.PaddingMode.zero
    var bias = true
    var testDescription: String {
      "\(input) -> \(outputs), k\(kernel) s\(stride) d\(dilation) p\(padding) \(mode) bias \(bias)"
    }
  }

  static let cases = [
    Case(input: [1, 1, 1, 1], kernel: 1),
    Case(input: [2, 3, 4, 5], outputs: 4, kernel: 1, bias: false),
    Case(input: [2, 3, 5, 4], kernel: 1, stride: 2),
    Case(input: [2, 2, 5, 6], padding: 1),
    Case(input: [1, 3, 7, 5], stride: 2, padding: 1, bias: false),
    Case(input: [1, 2, 6, 5], dilation: 2, padding: 2),
    Case(input: [1, 2, 9, 10], stride: 2, dilation: 4, padding: 4),
    Case(input: [2, 2, 4, 5], padding: 1, mode: .reflect),
    Case(input: [1, 2, 5, 6], dilation: 3, padding: 3, mode: .reflect),
    Case(input: [1, 2, 4, 4], outputs: 3, kernel: 2),
    Case(input: [1, 1, 6, 7], kernel: 5, stride: 3, padding: 2),
  ]

  /// Two parts of the channels, of which a table gives one, and a part without a gradient.
  @Test func contributions() {
    let layer = Convolution2D(name: "conv", in: 5, out: 3, kernel: 1, bias: false)
    layer.initialise(seed: 3)
    let labels = LabelMask(batch: 2, height: 2, width: 3, labels: [0, 1, 255, 1, 0, 0, 255, 255, 0, 1, 1, 0])
    let (x, table) = (Values.uniform([2, 2, 2, 3], "x"), Values.uniform([1, 3, 1, 3], "table"))
    let mismatches = GradientCheck().mismatches([x, table], parameters: layer.parameters) { _, inputs in
      layer.contribution(of: inputs[0], inputs: 0..<2).adding(
        layer.contribution(of: inputs[1], inputs: 2..<5), at: labels)
    }
    #expect(mismatches == [])
    let context = Context(kernels: CPUKernels(threads: 1))
    let whole = Values.uniform([2, 5, 2, 3], "whole")
    let parts = context.kernels.split(whole, channels: [1, 3, 1]).map(context.constant)
    let sum = zip(parts, [0..<1, 1..<4, 4..<5]).map { layer.contribution(of: $0, inputs: $1) }
    let expected = layer(context.constant(whole)).value.values
    let worst = zip((sum[0] + sum[1] + sum[2]).value.values, expected).map { abs($0 - $1) }.max()
    #expect(worst ?? 1 < 1e-6)
  }

  @Test(arguments: cases)
  func convolution(_ c: Case) {
    let layer = Convolution2D(
      name: "conv", in: c.input[1], out: c.outputs, kernel: c.kernel, stride: c.stride, dilation: c.dilation,
      padding: c.padding,
      paddingMode: c.mode, bias: c.bias)
    layer.initialise(seed: 3)
    let x = Values.uniform(c.input, "conv")
    #expect(GradientCheck().mismatches([x], parameters: layer.parameters) { layer($1[0]) } == [])
    layer.weight.isFrozen = true
    #expect(GradientCheck().mismatches([x], parameters: layer.parameters) { layer($1[0]) } == [], "frozen weight")
    #expect(layer.weight.gradient == nil)
  }

  @Test func convolutionWithReLU() {
    let layer = Convolution2D(name: "conv", in: 2, out: 3, kernel: 3, padding: 1, bias: true)
    layer.initialise(seed: 4)
    let kernels = CPUKernels(threads: 2)
    let (x, upstream) = (Values.uniform([2, 2, 5, 4], "x"), Values.uniform([2, 3, 5, 4], "dy"))
    var results: [[Tensor?]] = []
    for fused in [false, true] {
      let context = Context(kernels: kernels, mode: .training)
      let input = context.input(x)
      let output = fused ? layer(input, relu: true) : layer(input).relu()
      output.backward(upstream)
      results.append([output.value, input.gradient, layer.weight.gradient, layer.bias?.gradient])
      layer.zeroGradients()
    }
    #expect(results[0] == results[1])
  }

  static func norm(channels: Int, _ statistics: BatchNorm2D.Statistics) -> BatchNorm2D {
    let layer = BatchNorm2D(name: "bn", channels: channels, epsilon: 1e-3, statistics: statistics)
    layer.weight.value = Values.uniform([channels], "weight", 0.5, 1.5)
    layer.bias.value = Values.uniform([channels], "bias")
    layer.runningMean.value = Values.uniform([channels], "mean")
    layer.runningVariance.value = Values.uniform([channels], "variance", 0.5, 2)
    return layer
  }

  @Test(
    arguments: [Shape([2, 3, 3, 5]), Shape([1, 1, 2, 3]), Shape([3, 2, 1, 1])], [BatchNorm2D.Statistics.frozen, .batch])
  func batchNorm(_ shape: Shape, _ statistics: BatchNorm2D.Statistics) {
    let layer = Self.norm(channels: shape[1], statistics)
    let x = Values.uniform(shape, "bn", -2, 2)
    let check = GradientCheck(tolerance: 1e-2)
    #expect(check.mismatches([x], parameters: layer.parameters) { layer($1[0]) } == [])
    layer.freeze()
    #expect(check.mismatches([x], parameters: layer.parameters) { layer($1[0]) } == [], "frozen weight and bias")
    layer.bias.isFrozen = false
    #expect(check.mismatches([x], parameters: layer.parameters) { layer($1[0]) } == [], "bias alone")
  }

  @Test(arguments: [BatchNorm2D.Statistics.frozen, .batch], [true, false])
  func batchNormWithReLU(_ statistics: BatchNorm2D.Statistics, frozen: Bool) {
    let (x, upstream) = (Values.uniform([2, 3, 4, 3], "x", -2, 2), Values.uniform([2, 3, 4, 3], "dy"))
    var results: [[Tensor?]] = []
    for fused in [false, true] {
      let layer = Self.norm(channels: 3, statistics)
      layer.freeze(frozen)
      let context = Context(kernels: CPUKernels(threads: 2), mode: .training)
      let input = context.input(x)
      let output = fused ? layer(input, relu: true) : layer(input).relu()
      output.backward(upstream)
      results.append([output.value, input.gradient, layer.weight.gradient, layer.bias.gradient])
    }
    #expect(results[0] == results[1])
    #expect(results[0].contains { $0 == nil } == frozen)
  }

  @Test func runningStatisticsFollowTheBatch() {
    let layer = BatchNorm2D(name: "bn", channels: 2, statistics: .batch)
    #expect(layer.parameters.map(\.name) == ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"])
    let x = Tensor([2, 2, 1, 2], [1, 2, 10, 20, 3, 6, 30, 60])
    let kernels = CPUKernels(threads: 1)
    _ = layer(Context(kernels: kernels, mode: .inference).constant(x))
    #expect(layer.runningMean.value.values == [0, 0], "inference changes nothing")
    let output = layer(Context(kernels: kernels, mode: .training).constant(x)).value
    // Means 3 and 30; sums of squared deviations 14 and 1400, over 3 for the unbiased variance and 4 for the biased
    // one.
    let (mean, variance) = (layer.runningMean.value.values, layer.runningVariance.value.values)
    let unbiased: [Float] = [14.0 / 3, 1400.0 / 3]
    for (value, expected) in zip(mean, [0.3, 3] as [Float]) { #expect(abs(value - expected) < 1e-5) }
    for (value, expected) in zip(variance, unbiased) { #expect(abs(value - 0.9 - 0.1 * expected) < 1e-4) }
    let normalised: Float = -2 / Float(3.50001).squareRoot()
    #expect(abs(output[0, 0, 0, 0] - normalised) < 1e-5)
  }
}
