import Foundation
import Foundations
import Imaging

/// Writes a manifest and its table of items, so that `Manifest(contentsOf:)` reads the same back.
public struct ManifestWriter {
  /// One row of the table. Paths follow the manifest's templates where the row has none of its own.
  public struct Row: Sendable, Equatable {
    public var id: String
    public var split: String
    /// Class names; empty is written as `none`, nil as `-`: not known.
    public var labels: [String]?
    /// Paths below the data root, in place of the templates.
    public var image: String?
    public var mask: String?
    /// Lower-case hexadecimal, or empty.
    public var imageDigest = ""
    public var maskDigest = ""
    public var width: Int?
    public var height: Int?

    public init(id: String, split: String, labels: [String]?) {
      self.id = id
      self.split = split
      self.labels = labels
    }
  }

  public var name: String
  public var description: String
  public var classes: ClassTable
  /// Path templates below the folder, with `{id}`.
  public var image: String
  public var mask: String?
  /// What becomes of the EXIF orientation of the images; nil leaves it to the reader's default, to apply it.
  public var orientation: OrientationPolicy?

  public init(
    name: String, description: String, classes: ClassTable, image: String = "images/{id}.png",
    mask: String? = "masks/{id}.png"
  ) {
    self.name = name
    self.description = description
    self.classes = classes
    self.image = image
    self.mask = mask
  }

  /// Writes `FOLDER/items.tsv`, then `FOLDER/manifest.yaml`, each atomically: where the second exists, the first is
  /// whole and has its digest.
  ///
  /// Returns the path of the manifest. Rows are checked on reading, not here.
  @discardableResult
  public func write(_ rows: [Row], to folder: String) throws -> String {
    let table = table(rows)
    try AtomicFile.write(table, to: "\(folder)/items.tsv")
    let path = "\(folder)/manifest.yaml"
    try AtomicFile.write(header(itemsDigest: SHA256.hexadecimal(of: table.utf8)), to: path)
    return path
  }

  private func table(_ rows: [Row]) -> String {
    // Columns of paths only where there is one.
    let (hasImages, hasMasks) = (rows.contains { $0.image != nil }, rows.contains { $0.mask != nil })
    let paths = (hasImages ? ["image"] : []) + (hasMasks ? ["mask"] : [])
    var lines = [
      (["id", "split", "labels"] + paths + ["image_sha256", "mask_sha256", "width", "height"]).joined(separator: "\t")
    ]
    for row in rows {
      let labels = LabelCell.text(row.labels, byCommas: classes.haveSpaces)
      let paths = (hasImages ? [row.image ?? ""] : []) + (hasMasks ? [row.mask ?? ""] : [])
      let size = [row.width, row.height].map { $0.map(String.init) ?? "" }
      lines.append(
        ([row.id, row.split, labels] + paths + [row.imageDigest, row.maskDigest] + size).joined(separator: "\t"))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func header(itemsDigest: String) -> String {
    var lines = ["name: \(Self.quoted(name))"]
    if !description.isEmpty { lines.append("description: \(Self.quoted(description))") }
    lines.append("classes:")
    for entry in classes.entries {
      let colour = "\(entry.colour.red), \(entry.colour.green), \(entry.colour.blue)"
      lines.append("  - { name: \(Self.quoted(entry.name)), value: \(entry.value), colour: [\(colour)] }")
    }
    lines += [
      "void: \(classes.void)", "unlisted: \(classes.unlisted.rawValue)", "items: items.tsv",
      "items_sha256: \(itemsDigest)",
    ]
    lines.append("image: \(Self.quoted(image))")
    if let mask { lines.append("mask: \(Self.quoted(mask))") }
    if let orientation { lines.append("orientation: \(orientation.rawValue)") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A YAML scalar that reads back as `text`: plain where it is a simple word, double-quoted otherwise.
  private static func quoted(_ text: String) -> String {
    let isReserved = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(text.lowercased())
    if SafeName.problem(with: text) == nil, text.first?.isLetter == true, !isReserved { return text }
    return jsonString(text)
  }
}
