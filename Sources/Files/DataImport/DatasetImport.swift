import Datasets
import Foundation
import Foundations
import Imaging
import Threads

/// A data set as it was found on a disk: what its manifest would hold, and everything that is not as it should be.
/// Nothing is written before `write`.
public struct DatasetImport: Sendable {
  /// Something that is not there, and how to get it.
  public struct Missing: Sendable, Equatable {
    public let what: String
    public let remedy: String
    /// Whether nothing can be written without it.
    public let isRequired: Bool
  }

  /// A split, with the number of images that it is published to have.
  public struct Split: Sendable, Equatable {
    public let name: String
    public let count: Int
    public let published: Int?
  }

  /// Path of the folder that image and mask paths start from: what `--data` must be for the manifest.
  public let dataRoot: String
  public internal(set) var name: String
  public internal(set) var description: String
  public internal(set) var classes: ClassTable
  /// Path template of images.
  public internal(set) var image: String
  /// What becomes of the EXIF orientation of the images.
  public internal(set) var orientation: OrientationPolicy
  /// Rows in the order of the table; paths of masks are in them where there are masks.
  public internal(set) var rows: [ManifestWriter.Row] = []
  public internal(set) var splits: [Split] = []
  public internal(set) var missing: [Missing] = []
  /// Where the data are not what they are published to be; each a sentence.
  public internal(set) var deviations: [String] = []
  /// Files that are wrong. With any, nothing is written.
  public internal(set) var problems: [Failure] = []
  /// What was done, where there is a choice.
  public internal(set) var notes: [String] = []

  init(
    dataRoot: String, name: String, description: String, classes: ClassTable, image: String,
    orientation: OrientationPolicy
  ) {
    self.dataRoot = dataRoot
    self.name = name
    self.description = description
    self.classes = classes
    self.image = image
    self.orientation = orientation
  }

  /// Whether `write` would succeed as far as the data are concerned.
  package var isComplete: Bool { problems.isEmpty && !missing.contains(where: \.isRequired) && !rows.isEmpty }

  /// What stands in the way of writing, if anything: `.data` for wrong files and, with `strict`, for any deviation;
  /// `.noInput` for missing parts.
  ///
  /// - Parameter strict: refuse data that are not as published.
  public func obstacle(strict: Bool) -> Failure? {
    if let first = problems.first {
      return problems.count == 1
        ? first
        : Failure(
          first.kind, "\(first.message) (and \(problems.count - 1) more files are wrong)", file: first.file,
          item: first.item)
    }
    if let first = missing.first(where: \.isRequired) {
      return Failure(.noInput, "\(first.what) is missing: \(first.remedy)", file: dataRoot)
    }
    if strict, let first = deviations.first {
      let rest = deviations.count == 1 ? "" : " (and \(deviations.count - 1) more deviations)"
      return Failure(.data, "\(first)\(rest); nothing is written under --strict", file: dataRoot)
    }
    return rows.isEmpty ? Failure(.data, "there is no image to write about", file: dataRoot) : nil
  }

  /// What was found, one line each, without the deviations, missing parts and problems.
  public var summary: [String] {
    if rows.isEmpty { return notes }
    var lines = splits.map { split in
      "\(split.name): \(split.count) images"
        + (split.published.map { split.count == $0 ? ", as published" : ", published are \($0)" } ?? "")
    }
    let labels = classes.names.dropFirst().map { name in "\(name) \(rows.count { $0.labels?.contains(name) == true })" }
    lines.append("images of each class: \(labels.joined(separator: ", "))")
    let masks = Dictionary(
      grouping: rows.compactMap { $0.mask?.split(separator: "/").dropLast().joined(separator: "/") }
    ) { $0 }
    lines += masks.sorted { $0.key < $1.key }.map { "masks of \($0.key): \($0.value.count)" }
    return lines + notes
  }

  /// Writes `FOLDER/manifest.yaml` and `FOLDER/items.tsv`. Returns the path of the manifest.
  ///
  /// - Parameters:
  ///   - digests: read every image and mask and put its SHA-256 into the table.
  ///   - strict: refuse data with deviations.
  /// - Throws: `obstacle(strict:)` with nothing written, `Failure` of a file that cannot be read or written.
  @discardableResult
  public func write(to folder: String, digests: Bool = false, strict: Bool = false, threads: Int = 1) throws -> String {
    if let obstacle = obstacle(strict: strict) { throw obstacle }
    var writer = ManifestWriter(name: name, description: description, classes: classes, image: image, mask: nil)
    writer.orientation = orientation
    return try writer.write(digests ? try digestedRows(threads: threads) : rows, to: folder)
  }

  private func digestedRows(threads: Int) throws -> [ManifestWriter.Row] {
    var results = [Result<ManifestWriter.Row, any Error>?](repeating: nil, count: rows.count)
    let lock = NSLock()
    Parallel.forEach(rows.count, threads: threads) { index in
      let result = Result { try digested(rows[index]) }
      lock.withLock { results[index] = result }
    }
    return try results.compactMap { try $0?.get() }
  }

  private func digested(_ row: ManifestWriter.Row) throws -> ManifestWriter.Row {
    var row = row
    let imagePath = path(of: row)
    do {
      row.imageDigest = try SHA256.hexadecimal(ofFile: "\(dataRoot)/\(imagePath)")
      if let mask = row.mask { row.maskDigest = try SHA256.hexadecimal(ofFile: "\(dataRoot)/\(mask)") }
    } catch let failure as Failure {
      throw failure.of(item: row.id)
    }
    return row
  }

  private func path(of row: ManifestWriter.Row) -> String { row.image ?? image.replacing("{id}", with: row.id) }

  /// Notes how many images their EXIF data turn, and what becomes of that. Files that are no images are told when they
  /// are read.
  mutating func countOrientations() {
    let turned = rows.filter { row in
      let orientation = try? Orientation.read(from: "\(dataRoot)/\(path(of: row))")
      return orientation != nil && orientation != .upright
    }
    guard !turned.isEmpty else { return }
    let consequence =
      orientation == .apply
      ? "they are turned as viewers show them (orientation: apply)"
      : "it is ignored, as by the authors of the masks (orientation: ignore)"
    notes.append("\(turned.count) images have an EXIF orientation: \(consequence): \(Self.listed(turned.map(\.id)))")
  }

  /// `a, b, c and 7 more`.
  static func listed(_ names: some Collection<String>, limit: Int = 5) -> String {
    let first = names.prefix(limit).joined(separator: ", ")
    return names.count > limit ? "\(first) and \(names.count - limit) more" : first
  }

  static func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
  }

  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }
}
