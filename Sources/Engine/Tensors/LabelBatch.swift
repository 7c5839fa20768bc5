/// Class indices of a batch of images, batch x height x width: 0..<classes, or 255 (`void`) for pixels without a label.
public struct LabelBatch: Sendable, Equatable {
  /// The index that means "no label".
  public static let void: UInt8 = 255

  public let batch: Int
  public let height: Int
  public let width: Int
  /// batch * height * width indices in C order.
  public var labels: [UInt8]

  /// Precondition: `labels.count == batch * height * width`.
  public init(batch: Int, height: Int, width: Int, labels: [UInt8]) {
    precondition(labels.count == batch * height * width, "\(labels.count) labels for \(batch)x\(height)x\(width)")
    self.batch = batch
    self.height = height
    self.width = width
    self.labels = labels
  }

  /// All pixels `label`.
  public init(repeating label: UInt8, batch: Int, height: Int, width: Int) {
    self.init(
      batch: batch, height: height, width: width, labels: [UInt8](repeating: label, count: batch * height * width))
  }

  /// The label of sample `n` at row `y`, column `x`.
  public subscript(n: Int, y: Int, x: Int) -> UInt8 {
    get { labels[(n * height + y) * width + x] }
    set { labels[(n * height + y) * width + x] = newValue }
  }

  /// Samples `range`. Precondition: within the batch.
  public func batch(_ range: Range<Int>) -> LabelBatch {
    let area = height * width
    let rows = Array(labels[range.lowerBound * area..<range.upperBound * area])
    return LabelBatch(batch: range.count, height: height, width: width, labels: rows)
  }

  /// The samples of all batches one after another. Precondition: at least one batch, equal heights and widths.
  public static func stacked(_ batches: [LabelBatch]) -> LabelBatch {
    precondition(!batches.isEmpty, "nothing to stack")
    let (height, width) = (batches[0].height, batches[0].width)
    precondition(batches.allSatisfy { $0.height == height && $0.width == width }, "label batches differ in size")
    return LabelBatch(
      batch: batches.reduce(0) { $0 + $1.batch }, height: height, width: width, labels: batches.flatMap(\.labels))
  }

  /// batch x classes x height x width, 1 at each pixel's class; void pixels are 0 in every class.
  ///
  /// Precondition: every label is below `classes` or void.
  public func oneHot(classes: Int) -> Tensor {
    let area = height * width
    var result = Tensor(zeros: [batch, classes, height, width])
    result.withUnsafeMutableBufferPointer { target in
      for n in 0..<batch {
        for i in 0..<area {
          let label = labels[n * area + i]
          if label == Self.void { continue }
          precondition(label < classes, "label \(label) with \(classes) classes")
          target[(n * classes + Int(label)) * area + i] = 1
        }
      }
    }
    return result
  }
}
