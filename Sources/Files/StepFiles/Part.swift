import Foundations

/// One of `count` disjoint parts of a step's items: the second of three is `Part(index: 2, count: 3)`, `2/3` on a
/// command line and `part-2-of-3` in names of files.
///
/// Item k, counted from 0 in the manifest's order, belongs to part k mod count + 1, so that neighbouring images, often
/// of similar cost, spread over the parts. What is computed for an item does not depend on its part.
public struct Part: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// More are a mistake rather than a wish, and a number in a file's name is not to be trusted with memory.
  public static let maximumCount = 9999

  /// From 1 to `count`.
  public let index: Int
  /// From 1 to `maximumCount`.
  public let count: Int

  /// Precondition: 1 <= index <= count <= `maximumCount`.
  public init(index: Int = 1, count: Int = 1) {
    precondition(Self.isValid(index, count), "part \(index) of \(count)")
    self.index = index
    self.count = count
  }

  /// `2/3`; nil for anything else, and where it is not 1 <= index <= count <= `maximumCount`.
  public init?(argument: String) {
    let words = argument.split(separator: "/", omittingEmptySubsequences: false)
    guard words.count == 2, let index = Int(words[0]), let count = Int(words[1]), Self.isValid(index, count) else {
      return nil
    }
    self.init(index: index, count: count)
  }

  /// `part-2-of-3` and then `suffix`, such as `.h5`, without leading zeros; nil for any other name.
  public init?(fileName: String, suffix: String) {
    guard fileName.hasSuffix(suffix) else { return nil }
    let words = fileName.dropLast(suffix.count).split(separator: "-", omittingEmptySubsequences: false)
    guard words.count == 4, let index = Int(words[1]), let count = Int(words[3]), Self.isValid(index, count) else {
      return nil
    }
    self.init(index: index, count: count)
    if stem + suffix != fileName { return nil }
  }

  private static func isValid(_ index: Int, _ count: Int) -> Bool {
    index >= 1 && index <= count && count <= maximumCount
  }

  /// Whether a name begins as those of parts do, whatever its numbers.
  public static func isPartName(_ name: String) -> Bool { name.hasPrefix("part-") && name.contains("-of-") }

  /// `part-2-of-3`.
  public var stem: String { "part-\(numbers)" }

  /// `2-of-3`.
  var numbers: String { "\(index)-of-\(count)" }

  /// `2/3`.
  public var description: String { "\(index)/\(count)" }

  public static func < (a: Part, b: Part) -> Bool { (a.count, a.index) < (b.count, b.index) }

  /// All parts of a division, in their order.
  public static func all(of count: Int) -> [Part] { (1...count).map { Part(index: $0, count: count) } }

  /// The items of this part, in their order.
  public func select<Item>(_ items: [Item]) -> [Item] {
    stride(from: index - 1, to: items.count, by: count).map { items[$0] }
  }

  /// The parts of the one division that the names of a folder's files tell; nil where none is a part's.
  ///
  /// - Parameters:
  ///   - names: all names in the folder.
  ///   - suffix: of the files that count, such as `.h5`.
  ///   - what: what the parts hold, for the message: `maps`.
  /// - Throws: `Failure(.data)` for two divisions or for a name with numbers that no part has, `Failure(.noInput)`
  ///   where a part is missing; both name `folder`.
  public static func complete(in names: [String], suffix: String, of folder: String) throws -> [Part]? {
    let candidates = names.filter { $0.hasSuffix(suffix) && isPartName($0) }
    let found = Set(candidates.compactMap { Part(fileName: $0, suffix: suffix) })
    if let odd = candidates.sorted().first(where: { Part(fileName: $0, suffix: suffix) == nil }) {
      throw Failure(
        .data, "is not a part: expected part-I-of-N\(suffix) with 1 <= I <= N <= \(maximumCount)",
        file: "\(folder)/\(odd)")
    }
    let counts = Set(found.map(\.count)).sorted()
    guard let count = counts.first else { return nil }
    guard counts.count == 1 else {
      let divisions = counts.map(String.init).joined(separator: " and of ")
      throw Failure(.data, "holds parts of more than one set (of \(divisions)); remove the old one", file: folder)
    }
    let parts = all(of: count)
    let missing = parts.filter { !found.contains($0) }.map { $0.stem + suffix }
    guard missing.isEmpty else {
      let list = missing.prefix(5).joined(separator: ", ") + (missing.count > 5 ? " and \(missing.count - 5) more" : "")
      throw Failure(.noInput, "is incomplete: \(list) of \(count) parts missing", file: folder)
    }
    return parts
  }
}
