import Foundation
import Foundations

/// `part-I-of-N.json` or `step.json`: says that a part is done, what made it and what it holds. It is written last.
public struct Completion: Codable, Equatable, Sendable {
  /// Raised where the meaning of a key changes; files without one, or with another, are of other versions of this
  /// project.
  public static let currentFormat = 2

  public var format = Self.currentFormat
  /// What made it; empty where the outputs are to say nothing of that.
  public var recipe: [String: String]
  /// Digest of what the part holds, apart from what made it: a `DigestSum` over items or files.
  public var content: String
  /// SHA-256 of the list of files.
  public var list: String
  /// Number of files in the list.
  public var files: Int
  public var shard: Int?
  public var shards: Int?
  /// The items that are done, in the manifest's order.
  public var ids: [String]?
  /// Folders of masks beside it.
  public var masks: [String]?
  /// Items that were left out because they are damaged, and why.
  public var skipped: [String: String]?
  /// What made the outputs, as they say it themselves.
  public var provenance: [String: String]?

  public init(recipe: Recipe, content: String, list: FileList) {
    self.recipe = recipe.entries
    self.content = content
    self.list = list.digest
    files = list.entries.count
  }

  /// The same with its files' digests taken for the content.
  public init(recipe: Recipe, list: FileList) { self.init(recipe: recipe, content: list.content, list: list) }

  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }

  /// - Throws: `Failure(.data)` naming `file` where the bytes are not a completion file of this format.
  public init(json: Data, file: String) throws {
    do { self = try JSONDecoder().decode(Completion.self, from: json) } catch {
      throw Failure(.data, "is not a completion file of this version; `make` makes the step again", file: file)
    }
    guard format == Self.currentFormat else {
      throw Failure(
        .data, expected: "a completion file of format \(Self.currentFormat)", found: "format \(format)", file: file)
    }
  }
}

/// The files of a part with their sizes and digests: `part-I-of-N.tsv` or `step.tsv`.
public struct FileList: Equatable, Sendable {
  public struct Entry: Equatable, Sendable {
    /// Relative to the step's folder.
    public let name: String
    public let bytes: Int
    /// SHA-256 of the file.
    public let digest: String

    public init(name: String, bytes: Int, digest: String) {
      self.name = name
      self.bytes = bytes
      self.digest = digest
    }
  }

  /// Sorted by name.
  public let entries: [Entry]
  private static let header = "file\tbytes\tsha256"

  public init(_ entries: [Entry]) { self.entries = entries.sorted { $0.name < $1.name } }

  /// Reads and digests files of a folder.
  ///
  /// - Throws: `Failure` for a file that cannot be read.
  public init(of names: some Sequence<String>, in folder: String) throws {
    self.init(
      try names.map { name in
        let path = "\(folder)/\(name)"
        guard let bytes = FileStatus(path)?.size else {
          throw Failure(.noInput, "there is no such file to be listed", file: path)
        }
        return Entry(name: name, bytes: bytes, digest: try SHA256.hexadecimal(ofFile: path))
      })
  }

  public var text: String {
    ([Self.header] + entries.map { "\($0.name)\t\($0.bytes)\t\($0.digest)" }).joined(separator: "\n") + "\n"
  }

  public var digest: String { SHA256.hexadecimal(of: text.utf8) }

  /// The files' digests, each with its name, as one.
  public var content: String {
    DigestSum(entries.map { SHA256.hexadecimal(of: "\($0.name)\t\($0.digest)".utf8) }).hexadecimal
  }

  /// - Throws: `Failure(.data)` naming `file` for anything that `text` does not write: a list is not to be trusted with
  ///   paths.
  public init(bytes: [UInt8], file: String) throws {
    var entries: [Entry] = []
    let lines = bytes.split(separator: UInt8(ascii: "\n"))
    guard let first = lines.first, first.elementsEqual(Self.header.utf8) else {
      throw Failure(.data, "is not a list of files", file: file)
    }
    entries.reserveCapacity(lines.count)
    for line in lines.dropFirst() {
      let cells = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
      }
      guard cells.count == 3, let bytes = Int(cells[1]), bytes >= 0, Self.isInside(cells[0]) else {
        throw Failure(.data, "is not a list of files: line \(entries.count + 2)", file: file)
      }
      entries.append(Entry(name: cells[0], bytes: bytes, digest: cells[2]))
    }
    self.init(entries)
  }

  private static func isInside(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix("/") && !name.contains("..")
  }
}
