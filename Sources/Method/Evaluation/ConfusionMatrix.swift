import Foundations
import Imaging
import LabelMasks

/// Pixel counts by true class (rows) and predicted class (columns). Starts empty; matrices of parts of a set add up to
/// the whole set's.
public struct ConfusionMatrix: Sendable, Equatable {
  /// Number of classes, background included.
  public let classes: Int
  /// `counts[truth * classes + prediction]`.
  public private(set) var counts: [Int]
  /// Images added, for reports.
  public private(set) var images = 0

  /// Precondition: 1 to 255 classes (255 is void).
  public init(classes: Int) {
    precondition((1...255).contains(classes), "\(classes) classes")
    self.classes = classes
    counts = [Int](repeating: 0, count: classes * classes)
  }

  /// A matrix of pixels that were counted elsewhere. Precondition: `counts[truth * classes + prediction]` for each
  /// pair, none negative.
  public init(classes: Int, counts: [Int], images: Int) {
    precondition(
      counts.count == classes * classes && counts.allSatisfy { $0 >= 0 },
      "\(counts.count) counts for \(classes) classes")
    self.init(classes: classes)
    self.counts = counts
    self.images = images
  }

  /// Pixels of class `truth` that were predicted as `prediction`.
  public subscript(truth: Int, prediction: Int) -> Int {
    precondition(
      truth >= 0 && truth < classes && prediction >= 0 && prediction < classes,
      "cell (\(truth), \(prediction)) of \(classes) classes")
    return counts[truth * classes + prediction]
  }

  /// Counts one image. Pixels whose truth is `void` are left out whatever is predicted there.
  ///
  /// Both masks hold class indices 0..<classes. Throws a `Failure` (and adds nothing) where the sizes differ or a pixel
  /// that counts has a label that is no class, a prediction of void included: a prediction has to decide.
  /// - Parameters:
  ///   - item: the image's id, for the message.
  ///   - names: the paths or names of the two masks, for the message.
  public mutating func add(
    truth: LabelMask, prediction: LabelMask, void: UInt8 = LabelMask.void, item: String? = nil,
    names: (truth: String, prediction: String) = ("truth", "prediction")
  ) throws {
    guard truth.width == prediction.width, truth.height == prediction.height else {
      throw Failure(
        .data,
        "\(names.prediction) is \(prediction.width) x \(prediction.height), \(names.truth) is \(truth.width) x "
          + "\(truth.height)",
        item: item)
    }
    // Labels are looked at before any pixel counts: nothing is added when one turns out to be wrong.
    let (truths, predictions) = (truth.presentLabels, prediction.presentLabels)
    if let wrong = truths.first(where: { $0 >= classes && $0 != void }) {
      throw wrongLabel(
        wrong, in: truth, names.truth, "class indices 0...\(classes - 1) or void \(void)", truth: truth, void: void,
        item: item)
    }
    let pairs = Self.pairCounts(truth.labels, truths, prediction.labels, predictions)
    var added = counts
    for (row, t) in truths.enumerated() where t != void {
      for (column, p) in predictions.enumerated() {
        let count = pairs[row * predictions.count + column]
        guard count > 0 else { continue }
        guard p < classes else {
          throw wrongLabel(
            p, in: prediction, names.prediction, "class indices 0...\(classes - 1)", truth: truth, void: void,
            item: item)
        }
        added[Int(t) * classes + Int(p)] += count
      }
    }
    counts = added
    images += 1
  }

  /// The most pixels and images that a matrix may count: every number up to here is exact as a `Double` too, so scores
  /// are, and no sum overflows.
  public static let mostCounted = 1 << 53

  /// Adds the counts of `other`. Precondition: as many classes. Throws a `Failure`, and adds nothing, where the sum has
  /// more than `mostCounted` pixels.
  public mutating func merge(_ other: ConfusionMatrix) throws {
    precondition(classes == other.classes, "merging matrices of \(classes) and \(other.classes) classes")
    guard total + other.total <= Self.mostCounted, images + other.images <= Self.mostCounted else {
      throw Failure(.data, expected: "at most \(Self.mostCounted) pixels and images in all", found: "more")
    }
    for i in counts.indices { counts[i] += other.counts[i] }
    images += other.images
  }

  /// The sum of `matrices`; nil of none. Throws as `merge` does.
  public static func merged(_ matrices: some Sequence<ConfusionMatrix>) throws -> ConfusionMatrix? {
    var sum: ConfusionMatrix?
    for matrix in matrices {
      if sum == nil { sum = matrix } else { try sum?.merge(matrix) }
    }
    return sum
  }

  /// How often each pair of labels occurs: one row per label of `truths`, one column per label of `predictions`, the
  /// labels that occur.
  ///
  /// Masks are areas of one label, so most groups of eight pixels hold one pair, which is seen by turning the eight
  /// bytes by one place and counted at once.
  private static func pairCounts(_ truth: [UInt8], _ truths: [UInt8], _ prediction: [UInt8], _ predictions: [UInt8])
    -> [Int]
  {
    var (rows, columns) = ([Int](repeating: 0, count: 256), [Int](repeating: 0, count: 256))
    for (index, label) in truths.enumerated() { rows[Int(label)] = index * predictions.count }
    for (index, label) in predictions.enumerated() { columns[Int(label)] = index }
    var pairs = [Int](repeating: 0, count: truths.count * predictions.count)
    pairs.withUnsafeMutableBufferPointer { pairs in
      rows.withUnsafeBufferPointer { rows in
        columns.withUnsafeBufferPointer { columns in
          truth.withUnsafeBytes { truth in
            prediction.withUnsafeBytes { prediction in
              let whole = truth.count / 8 * 8
              for i in stride(from: 0, to: whole, by: 8) {
                let t = truth.loadUnaligned(fromByteOffset: i, as: UInt64.self)
                let p = prediction.loadUnaligned(fromByteOffset: i, as: UInt64.self)
                if t == (t << 8 | t >> 56), p == (p << 8 | p >> 56) {
                  pairs[rows[Int(t & 255)] + columns[Int(p & 255)]] &+= 8
                } else {
                  for k in i..<i + 8 { pairs[rows[Int(truth[k])] + columns[Int(prediction[k])]] &+= 1 }
                }
              }
              for k in whole..<truth.count { pairs[rows[Int(truth[k])] + columns[Int(prediction[k])]] &+= 1 }
            }
          }
        }
      }
    }
    return pairs
  }

  /// Says where `label` first counts in `mask`: its first pixel with the value whose truth is not `void`.
  private func wrongLabel(
    _ label: UInt8, in mask: LabelMask, _ name: String, _ expected: String, truth: LabelMask, void: UInt8, item: String?
  ) -> Failure {
    let index = mask.labels.indices.first { mask.labels[$0] == label && truth.labels[$0] != void } ?? 0
    return Failure(
      .data, "\(name): expected \(expected), found \(label) at (\(index % mask.width), \(index / mask.width))",
      item: item)
  }
}

extension ConfusionMatrix: Codable {
  private enum Key: String, CodingKey {
    case classes, images, counts
  }

  /// Throws where the counts do not fit the number of classes, one is negative, or they count more than `mostCounted`
  /// pixels or images.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let classes = try container.decode(Int.self, forKey: .classes)
    let counts = try container.decode([Int].self, forKey: .counts)
    let images = try container.decode(Int.self, forKey: .images)
    guard (1...255).contains(classes), counts.count == classes * classes, counts.allSatisfy({ $0 >= 0 }), images >= 0
    else {
      throw Failure(
        .data, "a confusion matrix of \(classes) classes with \(counts.count) counts, one negative or too few")
    }
    let total = counts.reduce((sum: 0, overflow: false)) { sum, count in
      let (next, overflow) = sum.sum.addingReportingOverflow(count)
      return (next, sum.overflow || overflow)
    }
    guard !total.overflow, total.sum <= Self.mostCounted, images <= Self.mostCounted else {
      throw Failure(
        .data, expected: "a confusion matrix of at most \(Self.mostCounted) pixels and images", found: "more")
    }
    self.classes = classes
    self.counts = counts
    self.images = images
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(classes, forKey: .classes)
    try container.encode(images, forKey: .images)
    try container.encode(counts, forKey: .counts)
  }
}

// MARK: - Scores

extension ConfusionMatrix {
  /// Pixels that count.
  public var total: Int { counts.reduce(0, +) }

  /// Pixels whose truth is `index`.
  public func truthCount(of index: Int) -> Int { (0..<classes).reduce(0) { $0 + self[index, $1] } }

  /// Pixels predicted as `index`.
  public func predictionCount(of index: Int) -> Int { (0..<classes).reduce(0) { $0 + self[$1, index] } }

  /// Pixels that are of class `index` in truth or prediction.
  public func union(of index: Int) -> Int { truthCount(of: index) + predictionCount(of: index) - self[index, index] }

  /// Intersection over union of each class; nil for a class that occurs in neither truth nor prediction.
  public var intersectionOverUnion: [Double?] {
    (0..<classes).map { index in
      let union = self.union(of: index)
      return union == 0 ? nil : Double(self[index, index]) / Double(union)
    }
  }

  /// Mean IoU over the classes that occur, the practice of PASCAL VOC; nil of an empty matrix. A class that occurs only
  /// in predictions counts with 0.
  public var meanIntersectionOverUnion: Double? {
    let present = intersectionOverUnion.compactMap { $0 }
    return present.isEmpty ? nil : present.reduce(0, +) / Double(present.count)
  }

  /// Mean IoU over all classes, one that does not occur counting 0.
  public var meanIntersectionOverUnionWithAbsentAsZero: Double {
    intersectionOverUnion.reduce(0) { $0 + ($1 ?? 0) } / Double(classes)
  }

  /// Share of the pixels whose class is right; nil of an empty matrix.
  public var pixelAccuracy: Double? {
    let total = self.total
    return total == 0 ? nil : Double((0..<classes).reduce(0) { $0 + self[$1, $1] }) / Double(total)
  }
}
