import Foundation
import Foundations
import StepFiles
import YAMLText
import Yams

/// What a manifest and its table of items say, taken apart by what a stage may read.
///
/// It checks nothing: the stages do, with better messages. What it does not understand it takes as content.
public final class ManifestContent {
  private struct Row {
    let id: String
    let split: String
    let labels: String
    let image: String?
    let mask: String?
    let imageDigest: String?
    let maskDigest: String?
  }

  private let keys: [String: Node]
  private let rows: [Row]
  private let root: String
  private let cache: DigestCache
  private var digests: [String: String] = [:]

  /// Keys that tell where things are, or are for people.
  private static let withoutContent: Set<String> = ["name", "description", "items", "items_sha256", "image", "mask"]

  /// - Throws: `Failure` where manifest or table cannot be read.
  public init(_ path: String, data: String?, cache: DigestCache) throws {
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw Failure(.noInput, "no such manifest, or it cannot be read", file: path)
    }
    guard let mapping = try? composeYAML(String(decoding: bytes, as: UTF8.self))?.mapping else {
      throw Failure(.data, "the manifest is not a YAML mapping", file: path)
    }
    keys = Dictionary(mapping.compactMap { key, value in key.scalar.map { ($0.string, value) } }) { first, _ in first }
    let folder = (path as NSString).deletingLastPathComponent
    root = data ?? (folder.isEmpty ? "." : folder)
    self.cache = cache
    let name = keys["items"]?.scalar?.string ?? "items.tsv"
    let candidates = ["\(root)/\(name)", "\(folder.isEmpty ? "." : folder)/\(name)"]
    guard let table = candidates.lazy.compactMap({ FileManager.default.contents(atPath: $0) }).first else {
      throw Failure(.noInput, "no table of items: neither \(candidates[0]) nor \(candidates[1]) exists", file: path)
    }
    rows = Self.rows(String(decoding: table, as: UTF8.self))
  }

  private static func rows(_ text: String) -> [Row] {
    let rows = (try? TabTable(text))?.rows ?? []
    return rows.map { row in
      func cell(_ column: String) -> String? { row[column].map { String($0) } }
      return Row(
        id: cell("id") ?? "", split: cell("split") ?? "", labels: cell("labels") ?? "", image: cell("image"),
        mask: cell("mask"), imageDigest: cell("image_sha256"), maskDigest: cell("mask_sha256"))
    }
  }

  /// How many items a part of a split has.
  public func count(of split: String, part: Part?) -> Int { select(split, part).count }

  private func select(_ split: String, _ part: Part?) -> [Row] {
    let chosen = rows.filter { $0.split == split }
    return part.map { $0.select(chosen) } ?? chosen
  }

  /// The entries of a recipe that say what a stage reads here: `manifest classes`, `manifest images`, ...
  public func entries(for readings: Set<Assignment.Reading>, split: String, part: Part?) -> [(
    name: String, value: String
  )] {
    var entries: [(String, String)] = []
    if readings.contains(.classes) {
      entries.append(("manifest classes", remembered("classes") { classes(withColours: false) }))
    }
    if readings.contains(.colours) {
      entries.append(("manifest colours", remembered("colours") { classes(withColours: true) }))
    }
    if readings.contains(.masks) { entries.append(("manifest unlisted", Self.canonical(keys["unlisted"]))) }
    let known = Self.withoutContent.union(["classes", "void", "unlisted"])
    for (key, node) in keys.sorted(by: { $0.key < $1.key }) where !known.contains(key) && !readings.isEmpty {
      entries.append(("manifest \(key)", Self.canonical(node)))
    }
    let key = "\(split) \(part?.description ?? "")"
    let columns: [(Assignment.Reading, String, (Row) -> String)] = [
      (.labels, "labels", { $0.labels }), (.images, "images", { self.image($0) }), (.masks, "masks", { self.mask($0) }),
    ]
    for (reading, name, value) in columns where readings.contains(reading) {
      let digest = remembered("\(name) \(key)") { select(split, part).map { "\($0.id)\t\(value($0))\n" }.joined() }
      entries.append(("manifest \(name)", digest))
    }
    return entries
  }

  private func remembered(_ key: String, _ text: () -> String) -> String {
    if let known = digests[key] { return known }
    let digest = SHA256.hexadecimal(of: text().utf8)
    digests[key] = digest
    return digest
  }

  /// The classes in their order, and the value for void.
  private func classes(withColours: Bool) -> String {
    let entries = keys["classes"]?.sequence.map(Array.init) ?? []
    let lines = entries.map { entry in
      guard let fields = entry.mapping else { return Self.canonical(entry) }
      return fields.compactMap { key, value -> String? in
        guard let name = key.scalar?.string, withColours || name != "colour" else { return nil }
        return "\(name): \(Self.canonical(value))"
      }.sorted().joined(separator: ", ")
    }
    return (lines + ["void: \(Self.canonical(keys["void"]))"]).joined(separator: "\n")
  }

  var allSplits: [String] { rows.map(\.split) }

  /// The images and masks of a split that a stage reads, with the digests that the table gives. Masks may be absent for
  /// some rows.
  func files(of split: String, _ readings: Set<Assignment.Reading>) -> [(id: String, path: String, digest: String?)] {
    select(split, nil).flatMap { row in
      let image =
        readings.contains(.images)
        ? path(row.image, template: "image", row.id).map { (row.id, $0, row.imageDigest) } : nil
      let mask =
        readings.contains(.masks) ? path(row.mask, template: "mask", row.id).map { (row.id, $0, row.maskDigest) } : nil
      return [image, mask].compactMap { $0 }
    }
  }

  private func path(_ cell: String?, template: String, _ id: String) -> String? {
    (cell ?? keys[template]?.scalar?.string.replacingOccurrences(of: "{id}", with: id)).map { "\(root)/\($0)" }
  }

  private func image(_ row: Row) -> String { row.imageDigest ?? fileDigest(row.image, template: "image", row.id) }

  private func mask(_ row: Row) -> String { row.maskDigest ?? fileDigest(row.mask, template: "mask", row.id) }

  private func fileDigest(_ cell: String?, template: String, _ id: String) -> String {
    guard let path = path(cell, template: template, id) else { return "none" }
    return (try? cache.digest(ofFile: path)) ?? "missing"
  }

  /// A text that is the same for the same content, whatever the order of keys, the quotes and the comments.
  private static func canonical(_ node: Node?) -> String {
    switch node {
    case nil: "absent"
    case .scalar(let scalar)?: scalar.string
    case .sequence(let items)?: "[" + items.map { canonical($0) }.joined(separator: ", ") + "]"
    case .mapping(let pairs)?:
      "{" + pairs.map { "\(canonical($0.key)): \(canonical($0.value))" }.sorted().joined(separator: ", ") + "}"
    case .alias?: "alias"
    }
  }
}

extension ManifestContent {
  /// The names of the splits, in the order in which the table has them first.
  public var splits: [String] {
    var seen: Set<String> = []
    return allSplits.filter { seen.insert($0).inserted }
  }

  /// What is wrong with the files of a split: missing, no file, neither JPEG nor PNG by its first bytes; where `deep`,
  /// other than the table's digest.
  public func problems(of split: String, _ readings: Set<Assignment.Reading>, deep: Bool) -> [Failure] {
    files(of: split, readings).flatMap { file -> [Failure] in
      guard let status = FileStatus(file.path) else {
        return [Failure(.noInput, "the manifest names this file, but there is none", file: file.path, item: file.id)]
      }
      guard status.isRegular else {
        return [Failure(.noInput, "is not a regular file", file: file.path, item: file.id)]
      }
      guard Self.isPicture(file.path) else {
        return [Failure(.data, "is neither JPEG nor PNG", file: file.path, item: file.id)]
      }
      guard deep, let expected = file.digest else { return [] }
      let found = (try? SHA256.hexadecimal(ofFile: file.path)) ?? "a file that cannot be read"
      return found == expected
        ? [] : [Failure(.data, expected: "SHA-256 \(expected)", found: found, file: file.path, item: file.id)]
    }
  }

  private static func isPicture(_ path: String) -> Bool {
    guard let handle = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? handle.close() }
    let head = (try? handle.read(upToCount: 8)).map { Array($0) } ?? []
    return head.starts(with: [0xff, 0xd8, 0xff]) || head == [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
  }
}
