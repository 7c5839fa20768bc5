import Datasets
import Foundation
import Foundations

extension DatasetImport {
  /// The split of images that the table of labels does not name.
  public static let unlabelledSplit = "unlabelled"

  /// A folder of photographs with a table of what they show, as a data set whose data root is that folder.
  ///
  /// - Parameters:
  ///   - images: folder with `.jpg`, `.jpeg` or `.png` files, in folders within it too.
  ///   - labels: tab-separated table with a line of column names: `id` (path of the image below the folder, the suffix
  ///     may be left out), `labels` (class names, separated by spaces or commas, by commas alone where a name has a
  ///     space; `none` where the image shows no class, `-` where that is not known) and optionally `split` (`train`
  ///     where the column is missing). nil: no image is labelled, and all are in the split `unlabelled`.
  ///   - classes: file with one class name per line, in the order of the classes, or a manifest (`.yaml`) whose classes
  ///     are taken; nil takes the names in the order in which the table has them first. Class k of a list gets the mask
  ///     value k and VOC's colour for it.
  ///   - name: the manifest's name.
  /// - Throws: `Failure` for a table or list that cannot be used, with its line. Rows without an image, images without
  ///   a row and images of formats that are not read are told in the result: the first and the last are left out (a
  ///   deviation), the second get the split `unlabelled` (a note).
  public static func folder(images: String, labels: String?, classes: String? = nil, name: String) throws
    -> DatasetImport
  {
    if let problem = SafeName.problem(with: name) {
      throw Failure(.usage, "the name \"\(name)\" of the manifest \(problem)")
    }
    let folder = try ImageFolder(images)
    let given = try classes.map(classTable)
    let table = try labels.map { try LabelTable(contentsOf: $0, byCommas: given?.haveSpaces) }
    guard let classTable = try given ?? table.map({ try firstAppearance(in: $0, file: labels ?? "") }) else {
      throw Failure(
        .usage,
        "without a table of labels the classes are not known: give --classes, a list or the manifest of the training "
          + "images",
        file: images)
    }
    var found = DatasetImport(
      dataRoot: images, name: name, description: "", classes: classTable, image: "{id}.\(folder.commonSuffix)",
      orientation: .apply)
    found.deviations += classTable.warnings
    if let notice = folder.foreignNotice { found.deviations.append(notice + ": left out") }
    try found.addRows(of: table?.rows ?? [], file: labels ?? "", images: folder)
    found.countOrientations()
    return found
  }

  private static func classTable(_ path: String) throws -> ClassTable {
    if ["yaml", "yml"].contains((path as NSString).pathExtension) {
      return try Manifest.classes(contentsOf: path)
    }
    let text = try InputFile.text(of: path, what: "list of classes")
    let names = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter {
      !$0.isEmpty
    }
    return try numbered(names, file: path)
  }

  private static func firstAppearance(in table: LabelTable, file: String) throws -> ClassTable {
    var seen: Set<String> = []
    let names = table.rows.flatMap { $0.labels ?? [] }.filter { seen.insert($0).inserted }
    if let joined = names.first(where: { name in
      name.contains(" ") && name.split(separator: " ").allSatisfy { seen.contains(String($0)) }
    }) {
      throw Failure(
        .data, "a class of this name, but its words are classes too: commas alone separate names where a cell has one",
        file: file, item: joined)
    }
    return try numbered(names, file: file)
  }

  private static func numbered(_ names: [String], file: String) throws -> ClassTable {
    let objects = names.filter { $0 != "background" }
    guard (1...254).contains(objects.count) else {
      throw Failure(.data, expected: "1 to 254 classes", found: "\(objects.count)", file: file)
    }
    do {
      return try ClassTable(
        (["background"] + objects).enumerated().map { ClassTable.Entry(name: $1, value: UInt8($0)) })
    } catch let failure as Failure {
      throw failure.of(file: file)
    }
  }

  private mutating func addRows(of table: [LabelTable.Row], file: String, images: ImageFolder) throws {
    var lineOfID: [String: Int] = [:]
    var absent: [String] = []
    for row in table {
      func failure(_ message: String) -> Failure { Failure(.data, message, file: file, item: "line \(row.line)") }
      try checkLabels(of: row, failure)
      if let problem = SafeName.problem(with: row.split) {
        throw failure("the split \"\(row.split)\" of \(row.name) \(problem)")
      }
      guard let id = images.id(ofRow: row.name) else {
        absent.append(row.name)
        continue
      }
      if let earlier = lineOfID.updateValue(row.line, forKey: id) {
        throw failure("\(id) occurs twice, first in line \(earlier)")
      }
      add(.init(id: id, split: row.split, labels: row.labels), images)
    }
    let unlabelled = images.ids.filter { lineOfID[$0] == nil }
    for id in unlabelled { add(.init(id: id, split: Self.unlabelledSplit, labels: nil), images) }
    if !absent.isEmpty {
      deviations.append("\(absent.count) rows of the table have no image: left out: \(Self.listed(absent))")
    }
    if !unlabelled.isEmpty, !table.isEmpty {
      notes.append(
        "\(unlabelled.count) images have no row in the table; they are in the split \(Self.unlabelledSplit): "
          + "\(Self.listed(unlabelled))"
      )
    }
    var order: [String] = []
    for row in rows where !order.contains(row.split) { order.append(row.split) }
    splits = order.map { split in Split(name: split, count: rows.count { $0.split == split }, published: nil) }
  }

  private func checkLabels(of row: LabelTable.Row, _ failure: (String) -> Failure) throws {
    for label in row.labels ?? [] where classes.index(ofName: label) ?? 0 == 0 {
      let hint = nearestName(to: label, among: classes.names.dropFirst()).map { "; did you mean \"\($0)\"?" } ?? ""
      throw failure(
        classes.index(ofName: label) == 0
          ? "\(row.name) lists the background, which every image has"
          : "\(row.name) has the unknown class \"\(label)\"\(hint)")
    }
  }

  private mutating func add(_ row: ManifestWriter.Row, _ images: ImageFolder) {
    var row = row
    // Only what differs from the pattern needs a path of its own.
    if let path = images.path(ofID: row.id), image.replacing("{id}", with: row.id) != path { row.image = path }
    rows.append(row)
  }
}

/// The image files below a folder, by id.
struct ImageFolder {
  /// In the order of their paths.
  private(set) var ids: [String] = []
  private var pathOfID: [String: String] = [:]
  /// Of a path with its suffix, without it, and of an id.
  private var idOfName: [String: String] = [:]
  /// Images in formats that are not read.
  private var foreign: [String] = []

  static let suffixes = ["jpg", "jpeg", "png"]
  private static let foreignSuffixes = ["webp", "bmp", "tif", "tiff", "gif", "heic", "heif", "avif", "jp2", "jxl"]
  private static let depthLimit = 16

  /// - Throws: `Failure(.noInput)` where there is no such folder or no image in it, `Failure(.data)` where two images
  ///   would have one id.
  init(_ folder: String) throws {
    guard DatasetImport.isFolder(folder) else { throw Failure(.noInput, "no such folder of images", file: folder) }
    for path in try Self.files(below: folder) {
      let suffix = (path as NSString).pathExtension.lowercased()
      if Self.foreignSuffixes.contains(suffix) { foreign.append(path) }
      if Self.suffixes.contains(suffix) { try add(path, folder: folder) }
    }
    if ids.isEmpty {
      throw Failure(
        .noInput, "no image (.jpg, .jpeg, .png) in this folder\(foreignNotice.map { "; \($0)" } ?? "")", file: folder)
    }
  }

  private mutating func add(_ path: String, folder: String) throws {
    if let problem = SafeName.problem(withRelativePath: path) {
      throw Failure(.data, "the image's path \(problem): rename it", file: "\(folder)/\(path)")
    }
    let stem = (path as NSString).deletingPathExtension
    let id = SafeName.id(forPath: stem)
    if let problem = SafeName.problem(with: id) {
      throw Failure(.data, "the image's id would be \"\(id)\", which \(problem): rename it", file: "\(folder)/\(path)")
    }
    if let other = pathOfID.updateValue(path, forKey: id) {
      throw Failure(.data, "\(other) and \(path) would have the same id: rename one", file: folder, item: id)
    }
    ids.append(id)
    for name in [path, stem, id] { idOfName[name] = id }
  }

  /// Paths below the folder in their order, without hidden files and folders; folders that are symbolic links are
  /// looked into once.
  private static func files(below folder: String) throws -> [String] {
    var seen: Set<String> = []
    func list(_ inner: String, depth: Int) throws -> [String] {
      let path = inner.isEmpty ? folder : "\(folder)/\(inner)"
      guard depth <= depthLimit, seen.insert(URL(fileURLWithPath: path).resolvingSymlinksInPath().path).inserted else {
        return []
      }
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
        throw Failure(.noInput, "the folder cannot be read", file: path)
      }
      return try names.sorted().filter { !$0.hasPrefix(".") }.flatMap { name -> [String] in
        let relative = inner.isEmpty ? name : "\(inner)/\(name)"
        return DatasetImport.isFolder("\(folder)/\(relative)") ? try list(relative, depth: depth + 1) : [relative]
      }
    }
    return try list("", depth: 0)
  }

  /// The id that a row of a table means by the path of an image, with its very suffix or without one, or by an id; nil
  /// where there is no such image.
  func id(ofRow name: String) -> String? { idOfName[name] }

  /// Path below the folder.
  func path(ofID id: String) -> String? { pathOfID[id] }

  /// The suffix that most files have; of equally many the first.
  var commonSuffix: String {
    let counts = Dictionary(grouping: pathOfID.values) { ($0 as NSString).pathExtension }.mapValues(\.count)
    return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? "jpg"
  }

  /// Says how to have the images read that are in other formats; nil where there are none.
  var foreignNotice: String? {
    guard !foreign.isEmpty else { return nil }
    let suffixes = Set(foreign.map { ".\(($0 as NSString).pathExtension)" }).sorted().joined(separator: ", ")
    return
      "\(foreign.count) images are of a format that is not read (\(suffixes)); convert them to PNG, such as with "
      + "ImageMagick (magick OLD NEW.png): "
      + DatasetImport.listed(foreign)
  }
}
