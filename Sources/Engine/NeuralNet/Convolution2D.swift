import Tensors

/// Two-dimensional cross-correlation over (N, C, H, W) with an optional bias.
public final class Convolution2D: Module {
  public let name: String
  /// `NAME.weight`, (outputs, inputs, kernel, kernel).
  public let weight: Parameter
  /// `NAME.bias`, (outputs).
  public let bias: Parameter?
  public let convolution: ConvolutionParameters

  /// Weights and bias start as PyTorch's do unless `weight.initialiser` is set to another rule; they are zero until
  /// `initialise(seed:)` or a weights file fills them.
  public init(
    name: String, in inputs: Int, out outputs: Int, kernel: Int, stride: Int = 1, dilation: Int = 1, padding: Int = 0,
    paddingMode: ConvolutionParameters.PaddingMode = .zero, bias: Bool = false
  ) {
    let standard = Initialiser.pyTorchDefault(fanIn: inputs * kernel * kernel)
    self.name = name
    weight = Parameter(
      name: "\(name).weight", shape: [outputs, inputs, kernel, kernel], role: .weight,
      initialiser: standard)
    self.bias = bias ? Parameter(name: "\(name).bias", shape: [outputs], role: .bias, initialiser: standard) : nil
    convolution = ConvolutionParameters(stride: stride, dilation: dilation, padding: padding, paddingMode: paddingMode)
  }

  public var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }

  /// The convolution of `x`, with `relu` followed by max(0, .) in the same pass over the output.
  ///
  /// Keeps `x` only if the weight is trained, and the output only with `relu`.
  public func callAsFunction(_ x: Variable, relu: Bool = false) -> Variable {
    let (context, parameters) = (x.context, convolution)
    let kernels = context.kernels
    let output = kernels.convolution(
      x.value, weight: weight.value, bias: bias?.value, parameters: parameters, relu: relu)
    let sources = [x.source, context.source(of: weight), bias.flatMap { context.source(of: $0) }]
    let wants = ConvolutionWants(input: sources[0] != nil, weight: sources[1] != nil, bias: sources[2] != nil)
    let (kept, shape, kernel) = (wants.weight ? x.value : nil, x.shape, weight.value)
    let mask = relu ? output : nil
    return context.record(output, from: sources) { upstream in
      let dy = mask.map { kernels.reluGradient(output: $0, upstream: upstream) } ?? upstream
      let input = kept ?? Tensor(shapeOnly: shape)
      let gradients = kernels.convolutionGradients(
        input, weight: kernel, upstream: dy, parameters: parameters, wants: wants)
      return [gradients.input, gradients.weight, gradients.bias]
    }
  }

  /// What the input channels `inputs` add to the convolution of all. So channels that are known apart, or that several
  /// inputs share, need not be joined: over a partition of the channels the contributions sum up to the convolution.
  /// Precondition: no bias.
  ///
  /// - Parameter x: these channels alone.
  public func contribution(of x: Variable, inputs: Range<Int>) -> Variable {
    precondition(bias == nil && x.shape[1] == inputs.count, "\(name): \(x.shape) for channels \(inputs)")
    let (context, parameters, whole) = (x.context, convolution, weight.shape)
    let kernels = context.kernels
    let cuts = [inputs.lowerBound, inputs.count, whole[1] - inputs.upperBound]
    let part = kernels.split(weight.value, channels: cuts)[1]
    let output = kernels.convolution(x.value, weight: part, bias: nil, parameters: parameters)
    let sources = [x.source, context.source(of: weight)]
    let wants = ConvolutionWants(input: sources[0] != nil, weight: sources[1] != nil, bias: false)
    let (kept, shape) = (wants.weight ? x.value : nil, x.shape)
    return context.record(output, from: sources) { upstream in
      let input = kept ?? Tensor(shapeOnly: shape)
      let gradients = kernels.convolutionGradients(
        input, weight: part, upstream: upstream, parameters: parameters, wants: wants)
      let padded = gradients.weight.map { gradient in
        let rest = [cuts[0], cuts[2]].map { Tensor(zeros: [whole[0], $0, whole[2], whole[3]]) }
        return kernels.concatenate([rest[0], gradient, rest[1]])
      }
      return [gradients.input, padded]
    }
  }
}

extension Tensor {
  /// For a kernel that reads no more than the shape: the memory is not touched, so it costs none.
  init(shapeOnly shape: Shape) { self.init(shape) { _ in } }
}
