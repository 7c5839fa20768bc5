import Foundations

/// The cell of a table that says what an image shows: class names, `none` or `-`.
package enum LabelCell {
  /// Says that an image shows no class.
  package static let none = "none"
  /// Says that it is not known what an image shows.
  package static let unknown = "-"

  /// The names in a cell, each once: empty for `none`, nil for `-`.
  ///
  /// - Parameter byCommas: names are separated by commas alone, because some hold spaces; else by commas and spaces.
  /// - Throws: `Failure(.data)` for an empty cell, a name that occurs twice, and `none` or `-` beside a name.
  package static func names(_ cell: Substring, byCommas: Bool) throws -> [String]? {
    let (comma, space) = (UInt8(ascii: ","), UInt8(ascii: " "))
    let parts = cell.utf8.split { $0 == comma || (!byCommas && $0 == space) }.map { trimmed($0) }.filter { !$0.isEmpty }
    if parts.isEmpty {
      throw Failure(
        .data,
        "no label: give class names, \"\(none)\" where it shows no class, or \"\(unknown)\" where that is not known")
    }
    if parts == [unknown] { return nil }
    if parts == [none] { return [] }
    if let word = parts.first(where: { $0 == none || $0 == unknown }) {
      throw Failure(.data, "\"\(word)\" beside class names")
    }
    var seen: Set<String> = []
    if let twice = parts.first(where: { !seen.insert($0).inserted }) {
      throw Failure(.data, "the class \"\(twice)\" twice")
    }
    return parts
  }

  /// The cell that reads back as `names`.
  package static func text(_ names: [String]?, byCommas: Bool) -> String {
    guard let names else { return unknown }
    return names.isEmpty ? none : names.joined(separator: byCommas ? ", " : " ")
  }

  /// Without spaces at both ends.
  private static func trimmed(_ text: Substring.UTF8View) -> String {
    var rest = text.drop { $0 == UInt8(ascii: " ") }
    while rest.last == UInt8(ascii: " ") { rest.removeLast() }
    return String(Substring(rest))
  }
}
