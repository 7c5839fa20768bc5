/// A table as tab-separated text with a line of column names first, as spreadsheets write it.
///
///     let table = try TabTable(text, known: ["id", "labels", "split"], required: ["id", "labels"], file: path)
///     for row in table.rows { print(row.line, row["id"] ?? "") }
public struct TabTable {
  public struct Row {
    /// From 1, that of the column names.
    public let line: Int
    fileprivate let cells: [Substring]
    fileprivate let places: [String: Int]

    /// The cell of a column; nil where the table lacks the column, the row is too short, or the cell is empty.
    public subscript(column: String) -> Substring? {
      guard let place = places[column], place < cells.count, !cells[place].isEmpty else { return nil }
      return cells[place]
    }
  }

  public let columns: [String]
  /// Without empty lines.
  public let rows: [Row]

  /// - Parameters:
  ///   - known: columns that a table may have; nil for any, and then rows may have fewer cells than there are columns.
  ///   - required: columns that it must have.
  ///   - file: for messages.
  /// - Throws: `Failure(.data)` with the line for a column that is unknown, missing or given twice, and for a row with
  ///   another number of cells.
  public init(_ text: String, known: [String]? = nil, required: [String] = [], file: String? = nil) throws {
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
      line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }
    guard let first = lines.first, !first.isEmpty || lines.count > 1 else {
      throw Failure(.data, expected: "a line of column names", found: "an empty file", file: file)
    }
    let names = Self.cells(first).map(String.init)
    try Self.check(names, known: known, required: required, file)
    columns = names
    let places = Dictionary(zip(names, names.indices)) { first, _ in first }
    rows = try lines.enumerated().dropFirst().filter { !$0.element.isEmpty }.map { index, line in
      let cells = Self.cells(line)
      guard known == nil || cells.count == names.count else {
        throw Failure(
          .data, expected: "\(names.count) columns separated by tabs", found: "\(cells.count)", file: file,
          item: "line \(index + 1)")
      }
      return Row(line: index + 1, cells: cells, places: places)
    }
  }

  private static func cells(_ line: Substring.UTF8View) -> [Substring] {
    line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { Substring($0) }
  }

  private static func check(_ names: [String], known: [String]?, required: [String], _ file: String?) throws {
    func failure(_ message: String) -> Failure { Failure(.data, message, file: file, item: "line 1") }
    for (index, name) in names.enumerated() {
      if let known, !known.contains(name) {
        let hint = nearestName(to: name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
        throw failure("unknown column \"\(SafeName.shown(name))\"\(hint) (known: \(known.joined(separator: ", ")))")
      }
      if known != nil, names[..<index].contains(name) { throw failure("column \"\(name)\" is given twice") }
    }
    for name in required where !names.contains(name) { throw failure("the column \"\(name)\" is missing") }
  }
}
