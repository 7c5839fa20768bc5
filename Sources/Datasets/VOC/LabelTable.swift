import Foundation
import Foundations

/// A table that says what images show: tab-separated text with a line of column names first; `id`, `labels` and, if there are several, `split`.
struct LabelTable {
  struct Row {
    /// As written: an id or the name of an image file.
    let name: String
    let split: String
    /// Empty where the table says `-`.
    let labels: [String]
    let line: Int
  }

  private(set) var rows: [Row] = []

  static let columns = ["id", "labels", "split"]

  init(contentsOf path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else { throw Failure(.noInput, "no such table, or it cannot be read", file: path) }
    guard let text = String(data: data, encoding: .utf8) else { throw Failure(.data, "not UTF-8 text", file: path) }
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
    func failure(_ message: String, _ line: Int) -> Failure { Failure(.data, message, file: path, item: "line \(line)") }
    let names = lines.first ?? []
    for name in names where !Self.columns.contains(name) {
      throw failure("unknown column \"\(name)\" (columns, separated by tabs: id, labels and, where there are several, split)", 1)
    }
    guard Set(names).count == names.count, let id = names.firstIndex(of: "id"), let labels = names.firstIndex(of: "labels") else {
      throw failure("expected the columns id and labels once each, found \"\(names.joined(separator: " "))\"", 1)
    }
    let split = names.firstIndex(of: "split")
    for (index, cells) in lines.enumerated().dropFirst() where cells != [""] && !cells.isEmpty {
      let line = index + 1
      guard cells.count == names.count else { throw failure("expected \(names.count) columns separated by tabs, found \(cells.count)", line) }
      let words = cells[labels].split(separator: " ").map(String.init)
      guard !words.isEmpty else { throw failure("\(cells[id]) has no label: give class names separated by spaces, or \"-\" where they are not known", line) }
      if words.count > Set(words).count { throw failure("\(cells[id]) has a label twice", line) }
      rows.append(Row(name: cells[id], split: split.map { cells[$0] } ?? "train", labels: words == ["-"] ? [] : words, line: line))
    }
    if rows.isEmpty { throw Failure(.data, "the table holds no image", file: path) }
  }
}
