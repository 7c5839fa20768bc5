import Tensors

/// Batch normalisation of (N, C, ...): y = weight (x - mean) / sqrt(variance + epsilon) + bias for every channel.
///
/// With `.frozen` statistics, the method's choice everywhere, mean and variance are the running ones, folded into one
/// factor and one addend a channel: samples do not depend on each other, so micro-batches change nothing. With `.batch`
/// statistics a training pass uses those of its own micro-batch, lets the gradient flow through them and updates the
/// running ones; inference uses the running ones.
public final class BatchNorm2D: Module {
  public enum Statistics: String, Sendable, Codable {
    case frozen
    case batch
  }

  public let name: String
  public let epsilon: Float
  /// Share of the batch in an update of the running statistics.
  public let momentum: Float
  public var statistics: Statistics
  /// `NAME.weight`, (channels).
  public let weight: Parameter
  /// `NAME.bias`, (channels).
  public let bias: Parameter
  /// `NAME.running_mean`, (channels).
  public let runningMean: Parameter
  /// `NAME.running_var`, (channels): with `.batch` statistics a mean of unbiased variances, as PyTorch's.
  public let runningVariance: Parameter

  public init(
    name: String, channels: Int, epsilon: Float = 1e-5, statistics: Statistics = .frozen, momentum: Float = 0.1
  ) {
    self.name = name
    self.epsilon = epsilon
    self.statistics = statistics
    self.momentum = momentum
    weight = Parameter(name: "\(name).weight", shape: [channels], role: .scale, initialiser: .ones)
    bias = Parameter(name: "\(name).bias", shape: [channels], role: .shift, initialiser: .zeros)
    runningMean = Parameter(name: "\(name).running_mean", shape: [channels], role: .runningMean, initialiser: .zeros)
    runningVariance = Parameter(
      name: "\(name).running_var", shape: [channels], role: .runningVariance, initialiser: .ones)
  }

  public var parameters: [Parameter] { [weight, bias, runningMean, runningVariance] }

  /// The normalised `x`, with `relu` followed by max(0, .) in the same pass.
  ///
  /// Frozen, it keeps `x` only if the weight is trained, and the output only with `relu`; weight and bias get gradients
  /// unless frozen themselves.
  ///
  /// - Parameter dropout: channel dropout of the result (`dropout2d`). Done here the output without it is not kept.
  public func callAsFunction(_ x: Variable, relu: Bool = false, dropout: ChannelDropout? = nil) -> Variable {
    let factors = dropout.flatMap { x.context.factors(of: $0, samples: x.shape[0], channels: x.shape[1]) }
    return isByBatch(x.context)
      ? normalisedByBatch(x, relu: relu, factors: factors) : normalisedByRunning(x, relu: relu, factors: factors)
  }

  /// Whether a pass normalises by its own micro-batch, so that a value depends on all others of its channel.
  public func isByBatch(_ context: Context) -> Bool { statistics == .batch && context.mode == .training }

  private func normalisedByRunning(_ x: Variable, relu: Bool, factors: Tensor?) -> Variable {
    let (context, kernels) = (x.context, x.context.kernels)
    let (mean, variance) = (runningMean.value, runningVariance.value)
    let (output, scale) = folded(
      x.value, mean: mean, variance: variance, relu: relu, factors: factors, kernels: kernels)
    let sources = [x.source, context.source(of: weight), context.source(of: bias)]
    let wants = ScaleShiftWants(input: sources[0] != nil, scale: sources[1] != nil, shift: sources[2] != nil)
    let mask = relu ? output : nil
    guard wants.scale else {
      return context.record(output, from: sources) { upstream in
        let upstream = Self.multiplied(upstream, by: factors, kernels)
        // Neither is read: the scale's gradient is not wanted, and there is an output wherever the ReLU needs one.
        let unread = mask ?? upstream
        let gradients = kernels.scaleShiftGradients(
          unread, scale: scale, output: unread, upstream: upstream, relu: relu, wants: wants)
        return [gradients.input, nil, gradients.shift]
      }
    }
    let fixed = ChannelStatistics(mean: mean, variance: variance, epsilon: epsilon, areFixed: true)
    return recorded(x, output, fixed, relu: relu, factors: factors)
  }

  private func normalisedByBatch(_ x: Variable, relu: Bool, factors: Tensor?) -> Variable {
    let kernels = x.context.kernels
    let (mean, variance) = kernels.batchStatistics(x.value)
    let count = Double(x.value.count / x.shape[1])
    kernels.follow(mean, with: &runningMean.value, share: momentum, correction: 1)
    let unbiased = Float(count / max(count - 1, 1))
    kernels.follow(variance, with: &runningVariance.value, share: momentum, correction: unbiased)
    let (output, _) = folded(x.value, mean: mean, variance: variance, relu: relu, factors: factors, kernels: kernels)
    let own = ChannelStatistics(mean: mean, variance: variance, epsilon: epsilon, areFixed: false)
    return recorded(x, output, own, relu: relu, factors: factors)
  }

  private func folded(
    _ x: Tensor, mean: Tensor, variance: Tensor, relu: Bool, factors: Tensor?, kernels: any Kernels
  ) -> (output: Tensor, scale: Tensor) {
    let (scale, shift) = kernels.foldedBatchNorm(
      mean: mean, variance: variance, weight: weight.value, bias: bias.value, epsilon: epsilon)
    return (Self.multiplied(kernels.scaleShift(x, scale: scale, shift: shift, relu: relu), by: factors, kernels), scale)
  }

  private static func multiplied(_ x: Tensor, by factors: Tensor?, _ kernels: any Kernels) -> Tensor {
    factors.map { kernels.multiplyPlanes(x, by: $0) } ?? x
  }

  /// The output, with dropout, serves as the ReLU's mask: where a channel is dropped the upstream gradient is 0.
  private func recorded(
    _ x: Variable, _ output: Tensor, _ statistics: ChannelStatistics, relu: Bool, factors: Tensor?
  ) -> Variable {
    let (context, kernels) = (x.context, x.context.kernels)
    let sources = [x.source, context.source(of: weight), context.source(of: bias)]
    let wants = ScaleShiftWants(input: sources[0] != nil, scale: sources[1] != nil, shift: sources[2] != nil)
    let (input, factor, mask) = (x.value, weight.value, relu ? output : nil)
    return context.record(output, from: sources) { upstream in
      let upstream = Self.multiplied(upstream, by: factors, kernels)
      let gradients = kernels.batchNormGradients(
        input, statistics: statistics, weight: factor, output: mask ?? upstream, upstream: upstream, relu: relu,
        wants: wants)
      return [gradients.input, gradients.scale, gradients.shift]
    }
  }
}
