import Foundation
import Foundations

/// SHA-256 of files, read once: a digest is kept under the file's size, times and inode.
///
/// A file whose time of change is within two seconds of the reading is not kept, nor is one dated in the future: it
/// could change again and look the same. Times are a cache only, so a wrong clock costs reading and nothing else.
public final class DigestCache {
  private struct Key: Equatable {
    let size: Int
    let modified: Int
    let changed: Int
    let inode: UInt64
  }

  private let path: String?
  private var known: [String: (key: Key, digest: String)] = [:]
  private var isChanged = false
  /// Told each file that is read because its digest is not known, and its size.
  public var reading: (_ path: String, _ bytes: Int) -> Void = { _, _ in }

  /// - Parameter path: where digests are kept between runs; nil keeps them in memory. An unreadable file counts as
  ///   empty.
  public init(_ path: String? = nil) {
    self.path = path
    guard let path, let data = FileManager.default.contents(atPath: path) else { return }
    for line in data.split(separator: UInt8(ascii: "\n")) {
      let cells = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      guard cells.count == 6 else { continue }
      let texts = cells.map { String(decoding: $0, as: UTF8.self) }
      guard let size = Int(texts[1]), let modified = Int(texts[2]), let changed = Int(texts[3]),
        let inode = UInt64(texts[4])
      else { continue }
      known[texts[0]] = (Key(size: size, modified: modified, changed: changed, inode: inode), texts[5])
    }
  }

  /// - Throws: `Failure(.noInput)` where there is no such regular file or it cannot be read.
  public func digest(ofFile path: String) throws -> String {
    guard let status = FileStatus(path) else { throw Failure(.noInput, "no such file", file: path) }
    guard status.isRegular else { throw Failure(.noInput, "is not a regular file", file: path) }
    let key = Key(size: status.size, modified: status.modified, changed: status.changed, inode: status.inode)
    // A path with a tab or a line break has no place in the table.
    let name = path.utf8.contains { $0 == 9 || $0 == 10 } ? nil : path
    if let name, let entry = known[name], entry.key == key {
      return entry.digest
    }
    reading(path, status.size)
    let now = Int(Date().timeIntervalSince1970 * 1e9)
    let digest = try SHA256.hexadecimal(ofFile: path)
    if let name, max(status.changed, status.modified) < now - 2_000_000_000, FileStatus(path) == status {
      known[name] = (key, digest)
      isChanged = true
    }
    return digest
  }

  /// Writes what is known where it changed. A failure is no loss but of time, so it is not told.
  public func save() {
    guard let path, isChanged else { return }
    let lines = known.sorted { $0.key < $1.key }.map { name, entry in
      let key = entry.key
      return "\(name)\t\(key.size)\t\(key.modified)\t\(key.changed)\t\(key.inode)\t\(entry.digest)"
    }
    try? AtomicFile.write(lines.joined(separator: "\n") + "\n", to: path)
    isChanged = false
  }
}
