import Foundations

/// One label a pixel, 0...255, rows from the top: the label at (x, y) is `labels[y * width + x]`.
///
/// What a value means is the manifest's; 255 is void everywhere in this project.
public struct LabelMask: Sendable, Equatable {
  /// The value of pixels that belong to no class and count in no loss and no score.
  public static let void: UInt8 = 255

  public let width: Int
  public let height: Int
  public var labels: [UInt8]

  /// Precondition: both sides are positive and `labels` holds `width * height` bytes.
  public init(width: Int, height: Int, labels: [UInt8]) {
    precondition(width > 0 && height > 0, "a mask of \(width) x \(height)")
    precondition(labels.count == width * height, "\(labels.count) labels for a mask of \(width) x \(height)")
    self.width = width
    self.height = height
    self.labels = labels
  }

  /// A mask of one label.
  public init(width: Int, height: Int, label: UInt8 = 0) {
    self.init(width: width, height: height, labels: [UInt8](repeating: label, count: width * height))
  }

  /// The label at column `x`, row `y`.
  public subscript(x: Int, y: Int) -> UInt8 {
    get {
      precondition(x >= 0 && x < width && y >= 0 && y < height, "pixel (\(x), \(y)) of a mask of \(width) x \(height)")
      return labels[y * width + x]
    }
    set {
      precondition(x >= 0 && x < width && y >= 0 && y < height, "pixel (\(x), \(y)) of a mask of \(width) x \(height)")
      labels[y * width + x] = newValue
    }
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
    return LabelMask(width: width, height: height, labels: mapped)
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
