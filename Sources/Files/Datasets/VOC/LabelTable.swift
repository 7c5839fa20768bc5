import Foundation
import Foundations

/// A table that says what images show: tab-separated text with a line of column names first; `id`, `labels` and, if
/// there are several, `split`.
struct LabelTable {
  struct Row {
    /// As written: the path of an image file below the folder of images, with or without its suffix, or an id.
    let name: String
    let split: String
    /// Empty where the table says `none`, nil where it says `-`.
    let labels: [String]?
    let line: Int
  }

  private(set) var rows: [Row] = []

  static let columns = ["id", "labels", "split"]

  /// - Parameter byCommas: class names are separated by commas alone; nil to find out: they are where any cell has a
  ///   comma.
  init(contentsOf path: String, byCommas: Bool?) throws {
    let text = try InputFile.text(of: path, what: "table of labels")
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
    func failure(_ message: String, _ line: Int) -> Failure {
      Failure(.data, message, file: path, item: "line \(line)")
    }
    let names = lines.first ?? []
    for name in names where !Self.columns.contains(name) {
      throw failure(
        "unknown column \"\(name)\" (columns, separated by tabs: id, labels and, where there are several, split)", 1)
    }
    guard Set(names).count == names.count, let id = names.firstIndex(of: "id"),
      let labels = names.firstIndex(of: "labels")
    else {
      throw failure("expected the columns id and labels once each, found \"\(names.joined(separator: " "))\"", 1)
    }
    let split = names.firstIndex(of: "split")
    let byCommas = byCommas ?? lines.dropFirst().contains { $0.indices.contains(labels) && $0[labels].contains(",") }
    for (index, cells) in lines.enumerated().dropFirst() where cells != [""] && !cells.isEmpty {
      let line = index + 1
      guard cells.count == names.count else {
        throw failure("expected \(names.count) columns separated by tabs, found \(cells.count)", line)
      }
      let words: [String]?
      do { words = try LabelCell.names(Substring(cells[labels]), byCommas: byCommas) } catch let error as Failure {
        throw failure("\(cells[id]) has \(error.message)", line)
      }
      rows.append(Row(name: cells[id], split: split.map { cells[$0] } ?? "train", labels: words, line: line))
    }
    if rows.isEmpty { throw Failure(.data, "the table holds no image", file: path) }
  }
}
