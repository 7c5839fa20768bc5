/// A table of text that is written aligned for people, as CSV for programs or as Markdown for documents.
public struct TextTable: Sendable, Equatable {
  public enum Alignment: Sendable { case left, right }

  public let header: [String]
  public let alignments: [Alignment]
  public private(set) var rows: [[String]] = []

  /// The first column is aligned left, the others right, unless told otherwise.
  public init(header: [String], alignments: [Alignment]? = nil) {
    self.header = header
    self.alignments = alignments ?? header.indices.map { $0 == 0 ? .left : .right }
    precondition(
      self.alignments.count == header.count, "\(self.alignments.count) alignments for \(header.count) columns")
  }

  /// Precondition: one cell a column.
  public mutating func add(_ row: [String]) {
    precondition(row.count == header.count, "\(row.count) cells in a table of \(header.count) columns")
    rows.append(row)
  }

  /// Columns padded with spaces and two between, a line of dashes under the header; lines end in a newline and in no
  /// space.
  public var aligned: String {
    let widths = header.indices.map { c in ([header] + rows).map { $0[c].count }.max() ?? 0 }
    func line(_ cells: [String]) -> String {
      let padded = zip(cells.indices, cells).map { Self.padded($1, to: widths[$0], alignments[$0]) }.joined(
        separator: "  ")
      return String(padded.reversed().drop { $0 == " " }.reversed()) + "\n"
    }
    return line(header) + line(widths.map { String(repeating: "-", count: $0) }) + rows.map(line).joined()
  }

  /// RFC 4180 with LF line ends.
  public var csv: String { ([header] + rows).map { $0.map(Self.quoted).joined(separator: ",") + "\n" }.joined() }

  /// A GitHub-style table; bars in cells are escaped.
  public var markdown: String {
    func line(_ cells: [String]) -> String {
      "| "
        + cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }.joined(
          separator: " | ") + " |\n"
    }
    return line(header) + line(alignments.map { $0 == .left ? ":--" : "--:" }) + rows.map(line).joined()
  }

  private static func padded(_ text: String, to width: Int, _ alignment: Alignment) -> String {
    let spaces = String(repeating: " ", count: width - text.count)
    return alignment == .left ? text + spaces : spaces + text
  }

  private static func quoted(_ cell: String) -> String {
    guard cell.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return cell }
    return "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}
