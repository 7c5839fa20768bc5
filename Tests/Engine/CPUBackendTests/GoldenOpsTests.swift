import CPUBackend
import Tensors
import TestSupport
import Testing

/// The kernels against a reference implementation's numbers (`ops.h5`): every case that the file holds.
@Suite("Golden: operations", .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenOpsTests {
  static let kernels = [CPUKernels(threads: 1), CPUKernels(threads: 2)]
  let golden: GoldenFile

  init() throws { golden = try Golden.open("ops") }

  private func forEachCase(_ group: String, _ body: (CPUKernels, String) throws -> Void) throws {
    let names = try golden.cases(group)
    #expect(!names.isEmpty, "no cases in \(group)")
    for name in names {
      for kernels in Self.kernels { try body(kernels, name) }
    }
  }

  private func expectMatch(_ found: Tensor?, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let found = try #require(found, "\(name)", sourceLocation: sourceLocation)
    let report = try golden.mismatch(found, name)
    #expect(report == nil, sourceLocation: sourceLocation)
  }

  @Test("convolution")
  func convolution() throws {
    try forEachCase("conv") { kernels, name in
      let mode = try #require(ConvolutionParameters.PaddingMode(rawValue: try golden.string("padding_mode", of: name)))
      let parameters = ConvolutionParameters(
        stride: try golden.integer("stride", of: name), dilation: try golden.integer("dilation", of: name),
        padding: try golden.integer("padding", of: name), paddingMode: mode)
      let hasBias = golden.contains("\(name)/b")
      let (x, weight) = (try golden.tensor("\(name)/x"), try golden.tensor("\(name)/w"))
      let bias = hasBias ? try golden.tensor("\(name)/b") : nil
      try expectMatch(kernels.convolution(x, weight: weight, bias: bias, parameters: parameters), "\(name)/y")
      let found = kernels.convolutionGradients(
        x, weight: weight, upstream: try golden.tensor("\(name)/dy"), parameters: parameters,
        wants: ConvolutionWants(bias: hasBias))
      try expectMatch(found.input, "\(name)/dx")
      try expectMatch(found.weight, "\(name)/dw")
      if hasBias { try expectMatch(found.bias, "\(name)/db") }
    }
  }

  @Test("batch norm with fixed statistics")
  func batchNorm() throws {
    try forEachCase("batchnorm") { kernels, name in
      let epsilon = Float(try golden.double("eps", of: name))
      let (x, weight) = (try golden.tensor("\(name)/x"), try golden.tensor("\(name)/weight"))
      let (mean, variance) = (try golden.tensor("\(name)/running_mean"), try golden.tensor("\(name)/running_var"))
      let folded = kernels.foldedBatchNorm(
        mean: mean, variance: variance, weight: weight, bias: try golden.tensor("\(name)/bias"), epsilon: epsilon)
      let y = kernels.scaleShift(x, scale: folded.scale, shift: folded.shift, relu: false)
      try expectMatch(y, "\(name)/y")
      let found = kernels.batchNormGradients(
        x, statistics: ChannelStatistics(mean: mean, variance: variance, epsilon: epsilon, areFixed: true),
        weight: weight, output: y, upstream: try golden.tensor("\(name)/dy"), relu: false, wants: ScaleShiftWants())
      try expectMatch(found.input, "\(name)/dx")
      try expectMatch(found.scale, "\(name)/dweight")
      try expectMatch(found.shift, "\(name)/dbias")
    }
  }

  @Test("activations")
  func activations() throws {
    try forEachCase("activation") { kernels, name in
      let x = try golden.tensor("\(name)/x")
      switch name.split(separator: "/").last {
      case "relu": try compare(name, kernels.relu(x)) { kernels.reluGradient(output: $0, upstream: $1) }
      case "elu": try compare(name, kernels.elu(x)) { kernels.eluGradient(output: $0, upstream: $1) }
      case "sigmoid": try compare(name, kernels.sigmoid(x)) { kernels.sigmoidGradient(output: $0, upstream: $1) }
      case "softmax_dim1": try compare(name, kernels.softmax(x)) { kernels.softmaxGradient(output: $0, upstream: $1) }
      default: Issue.record("unknown activation \(name)")
      }
    }
  }

  private func compare(_ name: String, _ y: Tensor, _ gradient: (Tensor, Tensor) -> Tensor) throws {
    try expectMatch(y, "\(name)/y")
    guard golden.contains("\(name)/dx") else { return }
    try expectMatch(gradient(y, try golden.tensor("\(name)/dy")), "\(name)/dx")
  }

  @Test("maximum pooling 3, stride 2, padding 1, ties included")
  func maximum() throws {
    try forEachCase("maxpool_3_2_1") { kernels, name in
      let x = try golden.tensor("\(name)/x")
      let (y, positions) = kernels.maxPool(x, kernel: 3, stride: 2, padding: 1, ceilMode: false)
      try expectMatch(y, "\(name)/y")
      let upstream = try golden.tensor("\(name)/dy")
      try expectMatch(
        kernels.maxPoolGradient(positions: positions, upstream: upstream, inputShape: x.shape), "\(name)/dx")
    }
  }

  @Test("average pooling")
  func average() throws {
    try forEachCase("avgpool") { kernels, name in
      let (x, kernel) = (try golden.tensor("\(name)/x"), try golden.integer("kernel", of: name))
      try expectMatch(kernels.averagePool(x, kernel: kernel), "\(name)/y")
      let upstream = try golden.tensor("\(name)/dy")
      try expectMatch(
        kernels.averagePoolGradient(upstream: upstream, kernel: kernel, inputShape: x.shape), "\(name)/dx")
    }
  }

  @Test("bilinear resizing")
  func bilinear() throws {
    try forEachCase("bilinear") { kernels, name in
      let x = try golden.tensor("\(name)/x")
      let (height, width) = (try golden.integer("out_h", of: name), try golden.integer("out_w", of: name))
      try expectMatch(kernels.resizeBilinear(x, height: height, width: width), "\(name)/y")
      let upstream = try golden.tensor("\(name)/dy")
      try expectMatch(kernels.resizeBilinearGradient(upstream: upstream, inputShape: x.shape), "\(name)/dx")
    }
  }
}
