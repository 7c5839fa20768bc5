import LabelMasks

/// Scores of an image for some of the classes: those that its image-level labels name, or all.
public struct ClassScores: Sendable {
  /// (k, h, w), one channel per entry of `labels`.
  public var values: Tensor
  /// The class index of each channel, 0 for the background.
  public var labels: [Int]

  /// Precondition: one channel per label.
  public init(values: Tensor, labels: [Int]) {
    precondition(
      values.shape.rank == 3 && values.shape[0] == labels.count, "\(labels.count) labels for \(values.shape)")
    self.values = values
    self.labels = labels
  }
}

extension Kernels {
  /// The highest of all channels at each pixel, (N, channels, h, w); of equal scores the lowest channel wins.
  public func argMax(_ scores: Tensor) -> LabelMask {
    argMax(scores, among: Array(repeating: Array(0..<scores.shape[1]), count: scores.shape[0]))
  }

  /// The class of the highest score at each pixel of one image; of equal scores the first channel wins.
  ///
  /// This is how every mask comes from scores, the one that is scored and the one that is learned.
  public func argMax(_ scores: ClassScores) -> LabelMask {
    let channels = argMax(scores.values.reshaped(Shape([1] + scores.values.shape.dimensions)))
    var table = [UInt8](repeating: LabelMask.void, count: 256)
    for (channel, label) in scores.labels.enumerated() { table[channel] = UInt8(label) }
    return channels.mapped(through: table)
  }
}
