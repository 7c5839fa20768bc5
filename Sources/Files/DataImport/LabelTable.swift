import Datasets
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
    let table = try TabTable(text, known: Self.columns, required: ["id", "labels"], file: path)
    let byCommas = byCommas ?? table.rows.contains { $0["labels"]?.contains(",") ?? false }
    let splitOfAll = table.columns.contains("split") ? "" : "train"
    rows = try table.rows.map { row in
      let name = String(row["id"] ?? "")
      do {
        let words = try LabelCell.names(row["labels"] ?? "", byCommas: byCommas)
        return Row(name: name, split: String(row["split"] ?? Substring(splitOfAll)), labels: words, line: row.line)
      } catch let error as Failure {
        throw Failure(.data, "\(name) has \(error.message)", file: path, item: "line \(row.line)")
      }
    }
    if rows.isEmpty { throw Failure(.data, "the table holds no image", file: path) }
  }
}
