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
  /// Position in a row of each of `columns`, nil where the table lacks it.
  private var position: [Int?] = []

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
    var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
      line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    guard let first = lines.first else {
      throw Failure(.data, expected: "a line of column names", found: "an empty file", file: path)
    }
    let names = Self.cells(first)
    try readColumns(names)
    var lineOfID: [String: Int] = [:]
    lineOfID.reserveCapacity(lines.count)
    items.reserveCapacity(lines.count)
    for (number, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      let cells = Self.cells(line)
      guard cells.count == names.count else {
        throw failure("expected \(names.count) columns separated by tabs, found \(cells.count)", line: number + 1)
      }
      let item = try item(cells, line: number + 1)
      if let earlier = lineOfID.updateValue(number + 1, forKey: item.id) {
        throw failure("id \(item.id) occurs twice, first in line \(earlier)", line: number + 1)
      }
      items.append(item)
    }
    if items.isEmpty { throw Failure(.data, "the table holds no item", file: path) }
  }

  private static func cells(_ line: Substring.UTF8View) -> [Substring] {
    line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { Substring($0) }
  }

  private func failure(_ message: String, line: Int) -> Failure {
    Failure(.data, message, file: path, item: "line \(line)")
  }

  private mutating func readColumns(_ names: [Substring]) throws {
    position = Self.columns.map { column in names.firstIndex { $0 == column } }
    for (index, name) in names.enumerated() {
      guard Self.columns.contains(String(name)) else {
        let hint = nearestName(to: String(name), among: Self.columns).map { "; did you mean \"\($0)\"?" } ?? ""
        throw failure(
          "unknown column \"\(SafeName.shown(name))\"\(hint) (known: \(Self.columns.joined(separator: ", ")))", line: 1)
      }
      if names[..<index].contains(name) { throw failure("column \"\(name)\" is given twice", line: 1) }
    }
    for name in Self.required where !names.contains(where: { $0 == name }) {
      throw failure("the column \"\(name)\" is missing", line: 1)
    }
  }

  /// The cell of a column; nil where the table lacks the column or the cell is empty.
  private func cell(_ column: Int, _ cells: [Substring]) -> Substring? {
    position[column].flatMap { cells[$0].isEmpty ? nil : cells[$0] }
  }

  private func item(_ cells: [Substring], line: Int) throws -> Manifest.Item {
    let id = String(cell(0, cells) ?? "")
    if let problem = SafeName.problem(with: id) {
      throw failure(
        "the id \"\(SafeName.shown(id))\" \(problem); a file of any name can stand in the column \"image\"", line: line)
    }
    let split = String(cell(1, cells) ?? "")
    if let problem = SafeName.problem(with: split) {
      throw failure("the split \"\(SafeName.shown(split))\" of \(id) \(problem)", line: line)
    }
    let mask = try filePath(cell(4, cells), header.mask, id, line)
    return Manifest.Item(
      id: id, split: split, imagePath: try filePath(cell(3, cells), header.image, id, line) ?? "",
      labels: try labels(cell(2, cells), id, line),
      size: try size(cells, id, line), orientation: header.orientation, maskPath: mask,
      imageDigest: try digest(5, cells, id, line),
      maskDigest: try digest(6, cells, id, line))
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

  private func size(_ cells: [Substring], _ id: String, _ line: Int) throws -> [Int]? {
    let texts = [cell(7, cells), cell(8, cells)]
    if texts.allSatisfy({ $0 == nil }) { return nil }
    return try texts.map { text in
      guard let value = text.flatMap({ Int($0) }), value > 0, value <= 65_535 else {
        throw failure("\(id): expected width and height of 1...65535, found \"\(text ?? "")\"", line: line)
      }
      return value
    }
  }

  private func digest(_ column: Int, _ cells: [Substring], _ id: String, _ line: Int) throws -> String? {
    guard let text = cell(column, cells) else { return nil }
    guard isDigest(text) else {
      throw failure(
        "\(id): expected 64 lower-case hexadecimal digits in \(Self.columns[column]), found \"\(text)\"", line: line)
    }
    return String(text)
  }
}
