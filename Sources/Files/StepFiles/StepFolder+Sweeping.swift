import Foundation
import Foundations

extension StepFolder {
  /// Removes parts of other divisions: their maps, lists and completion files, and the work on them.
  ///
  /// - Parameter count: the division that stays; nil where the step is not divided.
  /// - Throws: `Failure(.temporary)` where another process works on a part of another division.
  public func removeOtherDivisions(than count: Int?) throws {
    for name in names {
      guard let other = otherDivision(name, than: count) else { continue }
      if case .lock = other, let owner = FolderLock.holder(of: "\(path)/\(name)") {
        throw Failure(
          .temporary, "another process is working on another division of this step: \(owner)", file: "\(path)/\(name)")
      }
    }
    for name in names where otherDivision(name, than: count) != nil {
      try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }
  }

  private enum Leftover { case part, work, lock }

  /// What a name is where it belongs to another division than that into `count` parts.
  private func otherDivision(_ name: String, than count: Int?) -> Leftover? {
    func isOther(_ rest: Substring) -> Bool { count.map { !rest.hasSuffix("-of-\($0)") } ?? true }
    if count != nil, Part.isPartName(name) {
      return [".json", ".h5", ".tsv"].contains { name.hasSuffix($0) && isOther(name.dropLast($0.count)) } ? .part : nil
    }
    if name.hasPrefix("unfinished-"), isOther(name[...]) { return .work }
    if name.hasPrefix(".lock-"), isOther(name[...]) { return .lock }
    return nil
  }

  /// Names that versions before completion files of this format left, by which make compared times.
  private static func isOldStamp(_ name: String) -> Bool {
    name == ".parameters" || name == ".parameters.previous" || name.hasPrefix(".started-")
      || (name.hasPrefix(".part-") && name.hasSuffix(".partial"))
  }

  /// Whether a name is that of a file that a killed process was writing (`AtomicFile`): `.NAME.PID.partial.SUFFIX`.
  static func isTemporary(_ name: String) -> Bool { name.hasPrefix(".") && name.contains(".partial") }

  /// Removes what killed processes left, where nobody works in the folder: half-written files, locks, old stamps; and,
  /// of parts that are complete, the work in progress, and masks that no list names.
  ///
  /// - Parameter parts: the parts of the step as it is now; the others' files go.
  public func sweep(_ parts: [Part?]) throws {
    let found = names
    guard !found.isEmpty else { return }
    let holders = found.filter { $0.hasPrefix(".lock") }.compactMap { FolderLock.holder(of: "\(path)/\($0)") }
    guard holders.isEmpty else { return }
    for name in found where name.hasPrefix(".lock") || Self.isOldStamp(name) || Self.isTemporary(name) {
      try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }
    let complete = parts.filter { FileStatus(completionPath($0)) != nil }
    for part in complete { try? FileManager.default.removeItem(atPath: unfinishedPath(part)) }
    // Earlier outputs stay until there are new ones.
    guard complete.count == parts.count else { return }
    try removeOtherDivisions(than: parts.first.flatMap { $0?.count })
    try removeUnlisted(parts)
  }

  /// Removes masks, and temporary files in folders of listed files, that no list of the step names.
  public func removeUnlisted(_ parts: [Part?]) throws {
    var listed: Set<String> = []
    for part in parts {
      guard let list = try? list(part) else { return }
      listed.formUnion(list.entries.map(\.name))
    }
    let folders = Set(listed.compactMap { $0.split(separator: "/").dropLast().first.map(String.init) }).union(
      Self.maskFolders)
    for folder in folders {
      let inner = "\(path)/\(folder)"
      for name in (try? FileManager.default.contentsOfDirectory(atPath: inner)) ?? [] {
        let isMask = Self.maskFolders.contains(folder) && name.hasSuffix(".png")
        guard isMask && !listed.contains("\(folder)/\(name)") || Self.isTemporary(name) else { continue }
        unlink("\(inner)/\(name)")
      }
      rmdir(inner)
    }
  }
}
