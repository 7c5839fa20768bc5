import Foundations
import Imaging
import LabelMasks

/// The classes of a data set: names, the values that stand for them in mask files, and their colours.
///
/// Inside the programs a class is its index in `entries`: 0 is the background, 1...C are the objects, 255 is void. On
/// disk a mask holds `value`s.
public struct ClassTable: Sendable, Equatable {
  /// One class.
  public struct Entry: Sendable, Equatable {
    public let name: String
    /// What stands for the class in mask files.
    public let value: UInt8
    /// The colour in the palette of written masks.
    public let colour: RGB

    /// Without a colour, the class gets the one that PASCAL VOC has for `value`.
    public init(name: String, value: UInt8, colour: RGB? = nil) {
      self.name = name
      self.value = value
      self.colour = colour ?? Palette.voc[value]
    }
  }

  /// What to do with a value in a mask file that no class has.
  public enum UnlistedPolicy: String, Sendable, CaseIterable {
    /// Refuse the mask.
    case error
    /// Treat such pixels as void: for masks that hold more classes than the problem.
    case void
  }

  /// The index that means "no class, do not count" inside the programs, whatever value void has on disk.
  public static let voidIndex: UInt8 = 255

  /// Background first.
  public let entries: [Entry]
  /// What stands for void in mask files.
  public let void: UInt8
  public let unlisted: UnlistedPolicy
  /// Index for each of the 256 mask values: a class, `voidIndex`, or -1 where the value is refused.
  private let indexOfValue: [Int16]
  private let indexOfName: [String: Int]

  /// Throws `Failure(.data)` with the item `class NAME` where the table contradicts itself: the first class must have
  /// value 0, names and values must be unique and differ from void, names keep to `SafeName.problem(withClassName:)`,
  /// no class but the background is called `none`, which says that an image shows no class, and there are 1 to 254
  /// classes beside the background.
  public init(_ entries: [Entry], void: UInt8 = 255, unlisted: UnlistedPolicy = .error) throws {
    guard entries.count >= 2, entries.count <= 255 else {
      throw Failure(
        .data, expected: "the background and 1 to 254 classes", found: "\(entries.count) classes in all",
        item: "classes")
    }
    var values = [Int16](repeating: unlisted == .void ? Int16(Self.voidIndex) : -1, count: 256)
    var names: [String: Int] = [:]
    var taken: [UInt8: String] = [void: "void"]
    for (index, entry) in entries.enumerated() {
      let item = "class \(entry.name)"
      if let problem = SafeName.problem(withClassName: entry.name) {
        throw Failure(.data, "class name \(problem)", item: item)
      }
      if index > 0, entry.name.lowercased() == LabelCell.none {
        throw Failure(
          .data, "\"\(LabelCell.none)\" says that an image shows no class; give the class another name", item: item)
      }
      if index == 0, entry.value != 0 {
        throw Failure(
          .data, expected: "value 0 for the first class, the background", found: "\(entry.value)", item: item)
      }
      if let other = taken[entry.value] {
        throw Failure(.data, "value \(entry.value) is already taken by \(other)", item: item)
      }
      guard names.updateValue(index, forKey: entry.name) == nil else {
        throw Failure(.data, "two classes have this name", item: item)
      }
      taken[entry.value] = entry.name
      values[Int(entry.value)] = Int16(index)
    }
    values[Int(void)] = Int16(Self.voidIndex)
    self.entries = entries
    self.void = void
    self.unlisted = unlisted
    indexOfValue = values
    indexOfName = names
  }

  /// Number of classes with the background: C + 1.
  public var count: Int { entries.count }
  /// Number of classes without the background: C, the outputs of a classifier.
  public var objectCount: Int { entries.count - 1 }
  /// Names by index, background first.
  public var names: [String] { entries.map(\.name) }

  /// Whether a name has a space in it, so that commas alone can separate names.
  public var haveSpaces: Bool { entries.contains { $0.name.contains(" ") } }

  /// What looks like a mistake and may be none, each a sentence: names that differ in case only.
  public var warnings: [String] {
    var first: [String: String] = [:]
    return names.compactMap { name in
      guard let other = first.updateValue(name, forKey: name.lowercased()) else { return nil }
      return "the classes \"\(other)\" and \"\(name)\" differ in upper and lower case only: one class or two?"
    }
  }

  /// The palette for written masks: the colours of the classes and of void at their values, PASCAL VOC's elsewhere.
  public var palette: Palette {
    var colours = Palette.voc.colours
    colours[Int(void)] = Palette.voc[255]
    for entry in entries { colours[Int(entry.value)] = entry.colour }
    return Palette(colours)
  }

  /// The index of a class, nil where there is none of that name.
  public func index(ofName name: String) -> Int? { indexOfName[name] }

  /// The index that a value in a mask file stands for; `voidIndex` for void and, by policy, for unlisted values; nil
  /// where it is refused.
  public func index(ofValue value: UInt8) -> UInt8? {
    let index = indexOfValue[Int(value)]
    return index < 0 ? nil : UInt8(index)
  }

  /// The value in mask files of a class index or of `voidIndex`.
  public func value(ofIndex index: UInt8) -> UInt8 {
    if index == Self.voidIndex { return void }
    precondition(Int(index) < count, "class index \(index) in a table of \(count)")
    return entries[Int(index)].value
  }

  /// A mask of file values as a mask of indices. `Failure(.data)` names the first pixel (row by row) whose value is
  /// refused.
  public func indices(ofValues mask: LabelMask) throws -> LabelMask {
    let present = mask.presentLabels
    let refused = present.filter { indexOfValue[Int($0)] < 0 }
    if !refused.isEmpty, let position = mask.labels.firstIndex(where: { refused.contains($0) }) {
      throw refusal(of: mask.labels[position], x: position % mask.width, y: position / mask.width)
    }
    // VOC's values are its indices.
    if present.allSatisfy({ indexOfValue[Int($0)] == Int16($0) }) { return mask }
    return mask.mapped(through: indexOfValue.map { UInt8(truncatingIfNeeded: $0) })
  }

  /// A mask of indices as the values to write into a file. Indices beyond the table are a programming error.
  public func values(ofIndices mask: LabelMask) -> LabelMask {
    let present = mask.presentLabels
    if present.allSatisfy({ value(ofIndex: $0) == $0 }) { return mask }
    var table = [UInt8](repeating: void, count: 256)
    for index in present { table[Int(index)] = value(ofIndex: index) }
    return mask.mapped(through: table)
  }

  private func refusal(of value: UInt8, x: Int, y: Int) -> Failure {
    let known = entries.map { "\($0.value) (\($0.name))" }.joined(separator: ", ")
    let remedy = "; with `unlisted: void` in the manifest such pixels do not count"
    return Failure(
      .data, expected: "a mask value among \(known) or \(void) (void)", found: "\(value) at x \(x), y \(y)\(remedy)")
  }
}
