import Foundations
import Tensors

extension Variable {
  /// This variable's channels, then those of `others` in order; all other axes equal.
  public func concatenated(with others: Variable...) -> Variable { Variable.concatenated([self] + others) }

  /// The channels of all parts in order; all other axes equal. Precondition: at least one part.
  public static func concatenated(_ parts: [Variable]) -> Variable {
    precondition(!parts.isEmpty, "nothing to concatenate")
    let (context, channels) = (parts[0].context, parts.map { $0.shape[1] })
    let kernels = context.kernels
    return context.operation(kernels.concatenate(parts.map(\.value)), from: parts) { kernels.split($0, channels: channels) }
  }

  /// Channel dropout: in training every channel of every sample is zeroed with probability `rate`, the others scaled by 1/(1 - rate), so
  /// that the expectation stays. The same variable in inference and where the context's `dropout` is off.
  ///
  /// The draw depends on (seed, "dropout", name, step, index of the sample in the whole batch), a word a channel, and so not on
  /// micro-batches.
  ///
  /// - Parameters:
  ///   - rate: 0 <= rate < 1 (precondition).
  ///   - name: of the layer; two layers of one name would drop the same channels.
  public func dropout2d(rate: Float, name: String) -> Variable {
    precondition(rate >= 0 && rate < 1, "dropout rate \(rate)")
    guard context.mode == .training, context.dropout, rate > 0 else { return self }
    let (kernels, channels) = (context.kernels, shape[1])
    var factors: [Float] = []
    for sample in 0..<shape[0] {
      let index = context.sampleOffset + sample
      var generator = SeededGenerator(seed: context.seed, "dropout", name, "\(context.step)", "\(index)")
      for _ in 0..<channels { factors.append(generator.chance(rate) ? 0 : 1 / (1 - rate)) }
    }
    let mask = Tensor([shape[0], channels], factors)
    return unary(kernels.multiplyPlanes(value, by: mask)) { kernels.multiplyPlanes($0, by: mask) }
  }
}
