import Imaging
import LabelMasks

/// How masks and image-level labels agree, counted image by image.
///
/// An image labelled "cat" whose mask shows no pixel of a cat, or a dog that nobody named, are two statements about
/// one image that contradict each other.
/// Many of them mean that a table or a folder of masks is not what it is taken for: values in another order, instances
/// in place of classes.
public struct LabelAgreement: Sendable, Equatable {
  /// By class index: images that are labelled with the class and show no pixel of it.
  private var missing: [Int]
  /// By class index: images that show the class and are not labelled with it.
  private var unnamed: [Int]
  /// Images that show any class that they are not labelled with.
  private var imagesWithUnnamed = 0
  /// Images that show any class at all.
  public private(set) var imagesWithObjects = 0
  /// Pixels of the background or of a class: not of void.
  public private(set) var countedPixels = 0
  private let names: [String]

  public init(_ classes: ClassTable) {
    names = classes.names
    missing = [Int](repeating: 0, count: classes.count)
    unnamed = missing
  }

  /// Counts an image's mask of class indices; labels that are not known contradict nothing.
  public mutating func add(_ mask: LabelMask, labels: [Int]?) {
    let shown = Set(mask.presentLabels.map(Int.init)).subtracting([0, Int(ClassTable.voidIndex)])
    countedPixels += mask.labels.count { $0 != ClassTable.voidIndex }
    if !shown.isEmpty { imagesWithObjects += 1 }
    guard let labels else { return }
    for label in labels where !shown.contains(label) { missing[label] += 1 }
    let others = shown.subtracting(labels)
    for label in others { unnamed[label] += 1 }
    if !others.isEmpty { imagesWithUnnamed += 1 }
  }

  /// Adds what was counted of other images of the same classes.
  public mutating func merge(_ other: LabelAgreement) {
    for index in missing.indices {
      missing[index] += other.missing[index]
      unnamed[index] += other.unnamed[index]
    }
    imagesWithUnnamed += other.imagesWithUnnamed
    imagesWithObjects += other.imagesWithObjects
    countedPixels += other.countedPixels
  }

  /// The contradictions, as one sentence with their counts; nil where there are none.
  ///
  /// - Parameter what: whose masks: "truth masks".
  public func contradictions(of what: String) -> String? {
    var parts = names.indices.filter { missing[$0] > 0 }.map {
      "\(missing[$0]) images labelled \(names[$0]) show no pixel of \(names[$0])"
    }
    if imagesWithUnnamed > 0 {
      let classes = names.indices.filter { unnamed[$0] > 0 }.map { "\(names[$0]) in \(unnamed[$0])" }.joined(
        separator: ", ")
      parts.append("\(imagesWithUnnamed) have pixels of a class that they are not labelled with (\(classes))")
    }
    return parts.isEmpty
      ? nil : "\(what) and image-level labels contradict each other: " + parts.joined(separator: "; ")
  }
}
