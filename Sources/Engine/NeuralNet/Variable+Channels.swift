import Foundations
import LabelMasks
import Tensors

extension Variable {
  /// This variable's channels, then those of `others` in order; all other axes equal.
  public func concatenated(with others: Variable...) -> Variable { Variable.concatenated([self] + others) }

  /// The channels of all parts in order; all other axes equal. Precondition: at least one part.
  public static func concatenated(_ parts: [Variable]) -> Variable {
    precondition(!parts.isEmpty, "nothing to concatenate")
    let (context, channels) = (parts[0].context, parts.map { $0.shape[1] })
    let kernels = context.kernels
    return context.operation(kernels.concatenate(parts.map(\.value)), from: parts) {
      kernels.split($0, channels: channels)
    }
  }

  /// This variable plus, at each pixel, the column of `table` that belongs to its label: x[n,c,i,j] + table[0,c,0,l].
  ///
  /// - Parameter table: (1, channels, 1, labels + 1), the last column for void pixels.
  public func adding(_ table: Variable, at labels: LabelMask) -> Variable {
    let (kernels, shape, wantsTable) = (context.kernels, table.shape, table.wantsGradient)
    return context.operation(kernels.addLabelled(value, table: table.value, labels: labels), from: [self, table]) {
      upstream in
      [upstream, wantsTable ? kernels.labelSums(upstream, labels: labels, table: shape) : nil]
    }
  }

  /// Channel dropout: in training every channel of every sample is zeroed with probability `rate`, the others scaled by
  /// 1/(1 - rate), so that the expectation stays. The same variable in inference and where the context's `dropout` is
  /// off.
  ///
  /// The draw depends on (seed, "dropout", name, step, index of the sample in the whole batch), a word a channel, and
  /// so not on micro-batches.
  ///
  /// - Parameters:
  ///   - rate: 0 <= rate < 1 (precondition).
  ///   - name: of the layer; two layers of one name would drop the same channels.
  public func dropout2d(rate: Float, name: String) -> Variable {
    guard
      let factors = context.factors(of: ChannelDropout(rate: rate, name: name), samples: shape[0], channels: shape[1])
    else { return self }
    let kernels = context.kernels
    return unary(kernels.multiplyPlanes(value, by: factors)) { kernels.multiplyPlanes($0, by: factors) }
  }
}

/// What `dropout2d` drops, for layers that do so in passing.
public struct ChannelDropout: Sendable, Hashable {
  public let rate: Float
  public let name: String

  /// As in `dropout2d`.
  public init(rate: Float, name: String) {
    precondition(rate >= 0 && rate < 1, "dropout rate \(rate)")
    (self.rate, self.name) = (rate, name)
  }
}

extension Context {
  /// The factor of every channel of every sample, (samples, channels); nil where nothing is dropped.
  func factors(of dropout: ChannelDropout, samples: Int, channels: Int) -> Tensor? {
    guard mode == .training, self.dropout, dropout.rate > 0 else { return nil }
    let generators = (0..<samples).map { sample in
      SeededGenerator(seed: seed, "dropout", dropout.name, "\(step)", "\(sampleOffset + sample)")
    }
    return kernels.dropoutFactors(generators, channels: channels, rate: dropout.rate)
  }
}
