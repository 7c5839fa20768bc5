import Foundation
import Foundations
import Imaging

/// What a data set is: its classes, its images with their image-level labels, and where the files lie. Read from a YAML
/// file and a table.
///
///     let manifest = try Manifest(contentsOf: "data-manifests/voc-animals.yaml", dataRoot: "/data/voc-animals")
///     for item in try manifest.items(split: "train") { ... }
///
/// A `Manifest` says nothing about the pixels of truth masks: only `EvaluationMasks` does. So a program that does not
/// name that type cannot train on them.
public struct Manifest: Sendable {
  /// One image.
  public struct Item: Sendable, Equatable {
    /// Unique, and safe as a file or group name: see `SafeName`.
    public let id: String
    public let split: String
    /// Path of the image, data root included.
    public let imagePath: String
    /// Class indices 1...C, ascending: empty where the table says `none`, nil where it says `-`: not known.
    public let labels: [Int]?
    /// Width and height, where the table has them: of the image as `orientation` has it.
    public let size: [Int]?
    /// Whether the image is turned as its EXIF data say.
    public let orientation: OrientationPolicy

    /// Path of the truth mask: for `EvaluationMasks` alone.
    let maskPath: String?
    /// Expected digests of the files, where the table has them.
    let imageDigest: String?
    let maskDigest: String?
  }

  public let name: String
  public let description: String
  public let classes: ClassTable
  /// All images in the order of the table.
  public let items: [Item]
  /// The YAML file.
  public let path: String
  /// The table.
  public let itemsPath: String
  /// The folder that image and mask paths start from.
  public let dataRoot: String

  /// Reads and checks `path` and its table of items. Image files are not touched: see `items(split:)` and
  /// `verifyDigests`.
  ///
  /// - Parameter dataRoot: the folder of images and masks; by default the manifest's own. The table of items is looked
  ///   for beside the manifest and below the data root.
  /// - Throws: `Failure(.noInput)` for a missing file, `Failure(.data)` with file and line for everything wrong in it,
  ///   and where there are two different tables and no `items_sha256` says which of them is meant.
  public init(contentsOf path: String, dataRoot: String? = nil) throws {
    let folder = (path as NSString).deletingLastPathComponent
    let beside = folder.isEmpty ? "." : folder
    let root = dataRoot ?? beside
    let header = try ManifestHeader(contentsOf: path)
    let itemsPath = try Self.table(of: header, beside: beside, root: root, manifest: path)
    self.path = path
    self.itemsPath = itemsPath
    self.dataRoot = root
    name = header.name
    description = header.description
    classes = header.classes
    items = try ItemTable(header: header, path: itemsPath, dataRoot: root).items
  }

  /// Where the table of items lies.
  private static func table(of header: ManifestHeader, beside: String, root: String, manifest: String) throws -> String
  {
    let candidates = ["\(beside)/\(header.items)", "\(root)/\(header.items)"]
    let found = candidates.filter { FileManager.default.fileExists(atPath: $0) }
    guard let first = found.first else {
      throw Failure(.noInput, "no table of items: neither \(candidates[0]) nor \(candidates[1]) exists", file: manifest)
    }
    guard found.count == 2, FileManager.default.contentsEqual(atPath: found[0], andPath: found[1]) == false else {
      return first
    }
    if let expected = header.itemsDigest {
      return try found.first { try SHA256.hexadecimal(ofFile: $0) == expected } ?? first
    }
    throw Failure(
      .data,
      "there are two different tables of items, \(found[0]) beside the manifest and \(found[1]) in the data root: "
        + "remove or rename one",
      file: manifest)
  }

  /// What looks like a mistake in the manifest and may be none, each a sentence.
  public var warnings: [String] { classes.warnings }

  /// The names of the splits, in the order in which the table has them first.
  public var splits: [String] {
    var seen: Set<String> = []
    return items.map(\.split).filter { seen.insert($0).inserted }
  }

  /// The images of a split, in the order of the table.
  ///
  /// - Parameters:
  ///   - labelled: refuse images whose labels are not known. Pass false where labels are not used.
  ///   - checkingFiles: refuse images whose file does not exist.
  /// - Throws: `Failure(.usage)` for a split that no item has; `Failure(.noInput)` with path and id for the first
  ///   missing file.
  public func items(split: String, labelled: Bool = true, checkingFiles: Bool = true) throws -> [Item] {
    let chosen = items.filter { $0.split == split }
    if chosen.isEmpty {
      let hint = nearestName(to: split, among: splits).map { "; did you mean \"\($0)\"?" } ?? ""
      throw Failure(.usage, "no split \"\(split)\"\(hint) (splits: \(splits.joined(separator: ", ")))", file: itemsPath)
    }
    if labelled, let item = chosen.first(where: { $0.labels == nil }) {
      throw Failure(
        .data, "its labels are not known (\"-\"), but they are needed here; \"none\" says that it shows no class",
        file: itemsPath, item: item.id)
    }
    if checkingFiles {
      for item in chosen where !FileManager.default.fileExists(atPath: item.imagePath) {
        throw Failure(
          .noInput, "the manifest names this image, but there is no such file", file: item.imagePath, item: item.id)
      }
    }
    return chosen
  }
}
