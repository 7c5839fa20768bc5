import Foundation
import Foundations

extension DatasetImport {
  /// The split of images that the table of labels does not name.
  public static let unlabelledSplit = "unlabelled"

  /// A folder of photographs with a table of what they show, as a data set whose data root is that folder.
  ///
  /// - Parameters:
  ///   - images: folder with files `ID.jpg`, `.jpeg` or `.png`; folders within are not looked into.
  ///   - labels: tab-separated table with a line of column names: `id` (with or without the suffix), `labels` (class names separated by spaces, `-`
  ///     where not known) and optionally `split` (`train` where the column is missing).
  ///   - classes: file with a class name a line, in the order of the classes; nil takes the names in the order in which the table has them first.
  ///     Class k gets the mask value k and VOC's colour for it.
  ///   - name: the manifest's name.
  /// - Throws: `Failure` for a table or list that cannot be used, with its line. Rows without an image and images without a row are told in the result:
  ///   the former are left out (a deviation), the latter get the split `unlabelled` (a note).
  public static func folder(images: String, labels: String, classes: String? = nil, name: String) throws -> DatasetImport {
    if let problem = SafeName.problem(with: name) { throw Failure(.usage, "the name \"\(name)\" of the manifest \(problem)") }
    let files = try imageFiles(in: images)
    let table = try LabelTable(contentsOf: labels)
    let classTable = try classes.map(classList) ?? firstAppearance(in: table, file: labels)
    let suffixes = Dictionary(grouping: files.values) { ($0 as NSString).pathExtension }.mapValues(\.count)
    let suffix = suffixes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? "jpg"
    var found = DatasetImport(dataRoot: images, name: name, description: "", classes: classTable, image: "{id}.\(suffix)")
    try found.addRows(of: table, file: labels, images: files)
    return found
  }

  /// File name by id.
  private static func imageFiles(in folder: String) throws -> [String: String] {
    guard isFolder(folder), let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw Failure(.noInput, "no such folder of images, or it cannot be read", file: folder)
    }
    var files: [String: String] = [:]
    for name in names.sorted() where !name.hasPrefix(".") && ["jpg", "jpeg", "png"].contains((name as NSString).pathExtension.lowercased()) {
      let id = (name as NSString).deletingPathExtension
      if let problem = SafeName.problem(with: id) { throw Failure(.data, "the image's name \(problem): rename it", file: "\(folder)/\(name)") }
      if let other = files.updateValue(name, forKey: id) { throw Failure(.data, "\(other) and \(name) would have the same id", file: folder, item: id) }
    }
    if files.isEmpty { throw Failure(.noInput, "no image (.jpg, .jpeg, .png) in this folder", file: folder) }
    return files
  }

  private static func classList(_ path: String) throws -> ClassTable {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Failure(.noInput, "no such list of classes, or it cannot be read", file: path)
    }
    let names = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    return try numbered(names, file: path)
  }

  private static func firstAppearance(in table: LabelTable, file: String) throws -> ClassTable {
    var seen: Set<String> = []
    return try numbered(table.rows.flatMap(\.labels).filter { seen.insert($0).inserted }, file: file)
  }

  private static func numbered(_ names: [String], file: String) throws -> ClassTable {
    let objects = names.filter { $0 != "background" }
    guard (1...254).contains(objects.count) else { throw Failure(.data, expected: "1 to 254 classes", found: "\(objects.count)", file: file) }
    do {
      return try ClassTable((["background"] + objects).enumerated().map { ClassTable.Entry(name: $1, value: UInt8($0)) })
    } catch let failure as Failure {
      throw failure.of(file: file)
    }
  }

  private mutating func addRows(of table: LabelTable, file: String, images: [String: String]) throws {
    var lineOfID: [String: Int] = [:]
    var absent: [String] = []
    for row in table.rows {
      func failure(_ message: String) -> Failure { Failure(.data, message, file: file, item: "line \(row.line)") }
      let id = images[row.name] == nil ? (row.name as NSString).deletingPathExtension : row.name
      for label in row.labels where classes.index(ofName: label) ?? 0 == 0 {
        let hint = nearestName(to: label, among: classes.names.dropFirst()).map { "; did you mean \"\($0)\"?" } ?? ""
        throw failure(label == "background" ? "\(id) lists the background, which every image has" : "\(id) has the unknown class \"\(label)\"\(hint)")
      }
      if let problem = SafeName.problem(with: row.split) { throw failure("the split \"\(row.split)\" of \(id) \(problem)") }
      if let earlier = lineOfID.updateValue(row.line, forKey: id) { throw failure("\(id) occurs twice, first in line \(earlier)") }
      guard let image = images[id] else {
        absent.append(row.name)
        continue
      }
      add(.init(id: id, split: row.split, labels: row.labels), image)
    }
    let unlabelled = images.keys.filter { lineOfID[$0] == nil }.sorted()
    for id in unlabelled { images[id].map { add(.init(id: id, split: Self.unlabelledSplit, labels: []), $0) } }
    if !absent.isEmpty { deviations.append("\(absent.count) rows of the table have no image: left out: \(Self.listed(absent))") }
    if !unlabelled.isEmpty {
      notes.append("\(unlabelled.count) images have no row in the table; they are in the split \(Self.unlabelledSplit): \(Self.listed(unlabelled))")
    }
    var order: [String] = []
    for row in rows where !order.contains(row.split) { order.append(row.split) }
    splits = order.map { split in Split(name: split, count: rows.count { $0.split == split }, published: nil) }
  }

  private mutating func add(_ row: ManifestWriter.Row, _ file: String) {
    var row = row
    // Only what differs from the pattern needs a path of its own.
    if image.replacing("{id}", with: row.id) != file { row.image = file }
    rows.append(row)
  }
}
