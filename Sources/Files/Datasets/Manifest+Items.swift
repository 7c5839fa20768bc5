import Foundation
import Foundations

/// The table of items: tab-separated text with a line of column names first.
struct ItemTable {
  private(set) var items: [Manifest.Item] = []

  /// Columns a table may have; the first three it must have.
  static let columns = ["id", "split", "labels", "image", "mask", "image_sha256", "mask_sha256", "width", "height"]
  private static let required = ["id", "split", "labels"]

  private let header: ManifestHeader
  private let path: String
  private let dataRoot: String
  private let separatesByCommas: Bool

  init(header: ManifestHeader, path: String, dataRoot: String) throws {
    self.header = header
    separatesByCommas = header.classes.haveSpaces
    self.path = path
    self.dataRoot = dataRoot
    let bytes = try InputFile.bytes(of: path, what: "table of items")
    if let expected = header.itemsDigest {
      let found = SHA256.hexadecimal(of: bytes)
      guard found == expected else {
        throw Failure(.data, "expected SHA-256 \(expected) (items_sha256 of the manifest), found \(found)", file: path)
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.data, "not UTF-8 text", file: path)
    }
    try read(text)
  }

  private mutating func read(_ text: String) throws {
    let table = try TabTable(text, known: Self.columns, required: Self.required, file: path)
    var lineOfID: [String: Int] = [:]
    lineOfID.reserveCapacity(table.rows.count)
    items.reserveCapacity(table.rows.count)
    for row in table.rows {
      let item = try item(row)
      if let earlier = lineOfID.updateValue(row.line, forKey: item.id) {
        throw failure("id \(item.id) occurs twice, first in line \(earlier)", line: row.line)
      }
      items.append(item)
    }
    if items.isEmpty { throw Failure(.data, "the table holds no item", file: path) }
  }

  private func failure(_ message: String, line: Int) -> Failure {
    Failure(.data, message, file: path, item: "line \(line)")
  }

  private func item(_ row: TabTable.Row) throws -> Manifest.Item {
    let (id, line) = (String(row["id"] ?? ""), row.line)
    if let problem = SafeName.problem(with: id) {
      throw failure(
        "the id \"\(SafeName.shown(id))\" \(problem); a file of any name can stand in the column \"image\"", line: line)
    }
    let split = String(row["split"] ?? "")
    if let problem = SafeName.problem(with: split) {
      throw failure("the split \"\(SafeName.shown(split))\" of \(id) \(problem)", line: line)
    }
    return Manifest.Item(
      id: id, split: split, imagePath: try filePath(row["image"], header.image, id, line) ?? "",
      labels: try labels(row["labels"], id, line), size: try size(row, id), orientation: header.orientation,
      maskPath: try filePath(row["mask"], header.mask, id, line), imageDigest: try digest("image_sha256", row, id),
      maskDigest: try digest("mask_sha256", row, id))
  }

  private func filePath(_ cell: Substring?, _ template: String?, _ id: String, _ line: Int) throws -> String? {
    if let cell {
      if let problem = SafeName.problem(withRelativePath: cell) {
        throw failure("the path \"\(cell)\" of \(id) \(problem)", line: line)
      }
      return "\(dataRoot)/\(cell)"
    }
    return template.map { "\(dataRoot)/\($0.replacing("{id}", with: id))" }
  }

  private func labels(_ cell: Substring?, _ id: String, _ line: Int) throws -> [Int]? {
    let names: [String]?
    do {
      names = try LabelCell.names(cell ?? "", byCommas: separatesByCommas)
    } catch let error as Failure {
      throw failure("\(id) has \(error.message)", line: line)
    }
    guard let names else { return nil }
    let labels = try names.map { name in
      guard let index = header.classes.index(ofName: name) else {
        let known = header.classes.names.dropFirst()
        let hint = nearestName(to: name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
        let commas =
          separatesByCommas && name.contains(" ") ? "; commas separate names here, because some hold spaces" : ""
        throw failure(
          "\(id) has the unknown class \"\(SafeName.shown(name))\"\(hint)\(commas) (classes: "
            + "\(known.joined(separator: ", ")))",
          line: line)
      }
      if index == 0 { throw failure("\(id) lists the background \"\(name)\", which every image has", line: line) }
      return index
    }
    return labels.sorted()
  }

  private func size(_ row: TabTable.Row, _ id: String) throws -> [Int]? {
    let texts = [row["width"], row["height"]]
    if texts.allSatisfy({ $0 == nil }) { return nil }
    return try texts.map { text in
      guard let value = text.flatMap({ Int($0) }), value > 0, value <= 65_535 else {
        throw failure("\(id): expected width and height of 1...65535, found \"\(text ?? "")\"", line: row.line)
      }
      return value
    }
  }

  private func digest(_ column: String, _ row: TabTable.Row, _ id: String) throws -> String? {
    guard let text = row[column] else { return nil }
    guard isDigest(text) else {
      throw failure(
        "\(id): expected 64 lower-case hexadecimal digits in \(column), found \"\(text)\"", line: row.line)
    }
    return String(text)
  }
}
