import Foundations

/// One label per pixel of one image, or of a batch of images of one size.
///
/// The label of sample n at row y, column x is `labels[(n * height + y) * width + x]`. A file's mask holds the
/// manifest's mask values; readers turn them into class indices (0 is background) at once, and everything between
/// readers and writers works on these. 255 is void in both.
///
///     var mask = LabelMask(width: 4, height: 3)     // one image, background everywhere
///     mask[2, 1] = 5                                // column 2, row 1
///     let batch = LabelMask.stacked([mask, mask])   // batch[1, 1, 2] == 5: sample 1, row 1, column 2
public struct LabelMask: Sendable, Equatable {
  /// The label of pixels that belong to no class and count in no loss and no score.
  public static let void: UInt8 = 255

  /// Number of images; 1 for the mask of a file.
  public let batch: Int
  public let height: Int
  public let width: Int
  /// batch * height * width labels in C order.
  public var labels: [UInt8]

  /// Preconditions: no side is negative and `labels` holds `batch * height * width` bytes.
  public init(batch: Int, height: Int, width: Int, labels: [UInt8]) {
    precondition(batch >= 0 && height >= 0 && width >= 0, "\(batch) masks of \(width) x \(height)")
    precondition(
      labels.count == batch * height * width, "\(labels.count) labels for \(batch) masks of \(width) x \(height)")
    self.batch = batch
    self.height = height
    self.width = width
    self.labels = labels
  }

  /// A batch of one label.
  public init(repeating label: UInt8, batch: Int, height: Int, width: Int) {
    self.init(
      batch: batch, height: height, width: width, labels: [UInt8](repeating: label, count: batch * height * width))
  }

  /// The mask of one image. Preconditions: both sides are positive and `labels` holds `width * height` bytes.
  public init(width: Int, height: Int, labels: [UInt8]) {
    precondition(width > 0 && height > 0, "a mask of \(width) x \(height)")
    self.init(batch: 1, height: height, width: width, labels: labels)
  }

  /// The mask of one image, of one label.
  public init(width: Int, height: Int, label: UInt8 = 0) {
    self.init(width: width, height: height, labels: [UInt8](repeating: label, count: width * height))
  }

  /// The masks of all batches one after another. Precondition: at least one, all of one size.
  public static func stacked(_ masks: [LabelMask]) -> LabelMask {
    precondition(!masks.isEmpty, "nothing to stack")
    let (height, width) = (masks[0].height, masks[0].width)
    precondition(masks.allSatisfy { $0.height == height && $0.width == width }, "masks of different sizes")
    return LabelMask(
      batch: masks.reduce(0) { $0 + $1.batch }, height: height, width: width, labels: masks.flatMap(\.labels))
  }

  /// Samples `range`. Precondition: within the batch.
  public func batch(_ range: Range<Int>) -> LabelMask {
    let area = height * width
    let rows = Array(labels[range.lowerBound * area..<range.upperBound * area])
    return LabelMask(batch: range.count, height: height, width: width, labels: rows)
  }

  /// The label of sample `n` at row `y`, column `x`.
  public subscript(n: Int, y: Int, x: Int) -> UInt8 {
    get { labels[(n * height + y) * width + x] }
    set { labels[(n * height + y) * width + x] = newValue }
  }

  /// The label at column `x`, row `y` of the mask of one image.
  public subscript(x: Int, y: Int) -> UInt8 {
    get { labels[position(x, y)] }
    set { labels[position(x, y)] = newValue }
  }

  private func position(_ x: Int, _ y: Int) -> Int {
    precondition(batch == 1, "the pixel of one image, asked of \(batch)")
    precondition(x >= 0 && x < width && y >= 0 && y < height, "pixel (\(x), \(y)) of a mask of \(width) x \(height)")
    return y * width + x
  }

  /// The labels that occur, ascending.
  public var presentLabels: [UInt8] {
    var seen = [Bool](repeating: false, count: 256)
    labels.withUnsafeBytes { labels in
      let whole = labels.count / 8 * 8
      // Masks are areas of one label: most groups of eight pixels are as the one before.
      var last: UInt64 = 0
      for i in stride(from: 0, to: whole, by: 8) {
        let group = labels.loadUnaligned(fromByteOffset: i, as: UInt64.self)
        if group == last, i > 0 { continue }
        last = group
        for k in i..<i + 8 { seen[Int(labels[k])] = true }
      }
      for k in whole..<labels.count { seen[Int(labels[k])] = true }
    }
    return (0...255).filter { seen[$0] }.map { UInt8($0) }
  }

  /// Every label replaced by `table[label]`. Precondition: the table has 256 entries.
  public func mapped(through table: [UInt8]) -> LabelMask {
    precondition(table.count == 256, "a label table of \(table.count) entries")
    let mapped = [UInt8](unsafeUninitializedCapacity: labels.count) { target, count in
      labels.withUnsafeBufferPointer { labels in
        table.withUnsafeBufferPointer { table in
          for i in 0..<labels.count { target[i] = table[Int(labels[i])] }
        }
      }
      count = labels.count
    }
    return LabelMask(batch: batch, height: height, width: width, labels: mapped)
  }

  /// The same labels, void where `other` is. Precondition: of one size.
  public func voided(by other: LabelMask) -> LabelMask {
    precondition(labels.count == other.labels.count, "\(other.labels.count) labels for \(labels.count)")
    var result = self
    for i in labels.indices where other.labels[i] == Self.void { result.labels[i] = Self.void }
    return result
  }

  /// Throws where the mask does not have the size of what it belongs to.
  /// - Parameter other: the file that the size was taken from, or what else tells it, for the message: "images/a.jpg",
  ///   "the manifest".
  public func requireSize(width: Int, height: Int, of other: String, file: String? = nil, item: String? = nil) throws {
    guard self.width == width, self.height == height else {
      throw Failure(
        .data, Self.sizeMessage("the mask", (self.width, self.height), other, (width, height)), file: file, item: item)
    }
  }

  /// `the mask is 4 x 3, images/a.jpg is 3 x 4`, with what may be the cause where the sides are exchanged.
  public static func sizeMessage(_ what: String, _ size: (Int, Int), _ other: String, _ otherSize: (Int, Int)) -> String
  {
    let isTurned = size == (otherSize.1, otherSize.0)
    let hint = "; the sides are exchanged: does `orientation: apply` or `ignore` in the manifest fit these files?"
    return "\(what) is \(size.0) x \(size.1), \(other) is \(otherSize.0) x \(otherSize.1)\(isTurned ? hint : "")"
  }
}
