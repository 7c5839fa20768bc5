import Foundation
import Foundations

/// A step's folder and the names in it. `part` is nil for a step that is not divided.
public struct StepFolder: Sendable, Equatable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// The folders of masks that a step over images may have.
  public static let maskFolders = ["masks", "masks-crf"]
  public static let weightsName = "weights.h5"
  public static let logName = "log.tsv"
  public static let checkpointName = "checkpoint.h5"
  private static let unfinishedName = "unfinished"

  private func file(_ part: Part?, _ suffix: String) -> String { "\(path)/\(part?.stem ?? "step")\(suffix)" }

  /// The completion file.
  public func completionPath(_ part: Part?) -> String { file(part, ".json") }
  /// The list of files.
  public func listPath(_ part: Part?) -> String { file(part, ".tsv") }
  public func lockPath(_ part: Part?) -> String { "\(path)/.lock\(part.map { "-\($0.numbers)" } ?? "")" }
  public func unfinishedPath(_ part: Part?) -> String {
    "\(path)/\(Self.unfinishedName)\(part.map { "-\($0.numbers)" } ?? "")"
  }

  // MARK: Reading

  /// Names in the folder; empty where there is none.
  public var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

  /// The completion file of a part; nil where there is none.
  ///
  /// - Throws: `Failure(.data)` for a damaged one or one of another version.
  public func completion(_ part: Part?) throws -> Completion? {
    let file = completionPath(part)
    guard let data = FileManager.default.contents(atPath: file) else { return nil }
    return try Completion(json: data, file: file)
  }

  public func list(_ part: Part?) throws -> FileList? {
    let file = listPath(part)
    guard let data = FileManager.default.contents(atPath: file) else { return nil }
    return try FileList(bytes: Array(data), file: file)
  }

  /// The division that the folder's completion files tell: the parts, or `[nil]` for a step that is not divided; nil
  /// where there is neither.
  ///
  /// - Throws: `Failure` for an incomplete set, or for parts of more than one division.
  public func division() throws -> [Part?]? {
    let names = names
    if let parts = try Part.complete(in: names, suffix: ".json", of: path) { return parts }
    return names.contains("step.json") ? [nil] : nil
  }

  /// The digest of what the step holds; nil where the folder has no completion file.
  ///
  /// - Throws: `Failure` where parts are missing, of more than one division, or made otherwise than each other.
  public func content() throws -> String? {
    guard let division = try division() else { return nil }
    let completions = try division.map { part in
      guard let completion = try completion(part) else {
        throw Failure(.noInput, "went away", file: completionPath(part))
      }
      return (part, completion)
    }
    try requireAgreement(completions)
    return DigestSum(completions.map(\.1.content)).hexadecimal
  }

  /// Refuses parts that were made otherwise than each other, with both names.
  public func requireAgreement() throws {
    guard let division = try division(), division.count > 1 else { return }
    try requireAgreement(division.compactMap { part in try completion(part).map { (part, $0) } })
  }

  /// The same for a folder that may be of no step at all, or of a file: nothing is said where there are no completion
  /// files of this version.
  public func requireAgreementWhereComplete() throws {
    guard names.contains(where: { Part(fileName: $0, suffix: ".json") != nil }), let first = (try? division())??.first,
      (try? completion(first)) ?? nil != nil
    else { return }
    try requireAgreement()
  }

  private func requireAgreement(_ completions: [(part: Part?, completion: Completion)]) throws {
    guard let first = completions.first else { return }
    var owners: [String: Part?] = [:]
    for (part, completion) in completions {
      let difference = Recipe(completion.recipe).shared.differences(from: Recipe(first.completion.recipe).shared).first
      if let difference {
        throw Failure(
          .data,
          "was made otherwise than \(first.part?.stem ?? "step").json: `\(difference.name)` is "
            + "\(Self.short(difference.new)) here"
            + " and \(Self.short(difference.old)) there", file: completionPath(part))
      }
      for id in completion.ids ?? [] {
        guard let other = owners.updateValue(part, forKey: id) else { continue }
        throw Failure(.data, "is also in \(other?.stem ?? "step").json", file: completionPath(part), item: id)
      }
    }
  }

  /// A value for a message: digests by their first digits.
  public static func short(_ value: String?) -> String {
    guard let value else { return "absent" }
    return value.utf8.count == 64 && value.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
      ? "\(value.prefix(8))..." : value
  }

  /// The first thing that a part's list names and that is missing or has another size; nil where all is there.
  ///
  /// - Throws: `Failure(.data)` for a damaged list.
  public func defect(of part: Part?, _ completion: Completion) throws -> String? {
    guard let data = FileManager.default.contents(atPath: listPath(part)) else { return "\(listPath(part)) is missing" }
    let bytes = Array(data)
    guard SHA256.hexadecimal(of: bytes) == completion.list else {
      return "\(listPath(part)) is not the list that its completion file names"
    }
    // Its digest says that `FileList` wrote it.
    return try FileSizes(folder: path).defect(in: bytes, file: listPath(part))
  }

  // MARK: Writing

  /// Takes away the completion file of a part: what follows may change its files.
  public func invalidate(_ part: Part?) throws {
    let file = completionPath(part)
    guard unlink(file) == 0 || errno == ENOENT else { throw AtomicFileProblem.cannotRemove(file) }
  }

  /// Writes the list and last the completion file.
  public func complete(_ part: Part?, _ completion: Completion, _ list: FileList) throws {
    try AtomicFile.write(list.text, to: listPath(part))
    try AtomicFile.write(try completion.json(), to: completionPath(part))
  }

  /// Removes files of the folder, and the folders below that are empty then.
  public func remove(_ files: [String]) {
    for name in files { unlink("\(path)/\(name)") }
    for folder in Set(files.map { ($0 as NSString).deletingLastPathComponent }) where !folder.isEmpty {
      rmdir("\(path)/\(folder)")
    }
  }

  /// Calls `body` while no other process does the same in this folder: parts that are committed at one time look at
  /// each other's lists.
  public func exclusively<R>(_ body: () throws -> R) throws -> R {
    let descriptor = try lockedFolder()
    defer { close(descriptor) }
    return try body()
  }

  /// A descriptor with an flock(2) on it: of the folder, or of a file in it where the file system, as NFS, locks only
  /// what is open for writing.
  private func lockedFolder() throws -> Int32 {
    if let descriptor = try Self.locked(path, O_RDONLY) { return descriptor }
    if let descriptor = try Self.locked("\(path)/.commit", O_RDWR | O_CREAT) { return descriptor }
    throw Failure(.io, "cannot lock: this file system keeps no locks", file: path)
  }

  /// Nil where the file system does not lock what is opened so (EBADF).
  private static func locked(_ name: String, _ flags: Int32) throws -> Int32? {
    let descriptor = open(name, flags | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Failure(.io, "cannot open: \(String(cString: strerror(errno)))", file: name) }
    while flock(descriptor, LOCK_EX) != 0 {
      let code = errno
      if code == EINTR { continue }
      close(descriptor)
      guard code == EBADF else { throw Failure(.io, "cannot lock: \(String(cString: strerror(code)))", file: name) }
      return nil
    }
    return descriptor
  }

  // MARK: Who works here

  /// The process that holds a lock of a part of another division than this one's; nil where there is none.
  public func ownerOfAnotherDivision(than part: Part?) -> FolderLock.Owner? {
    names.lazy.filter { isLockOfAnotherDivision($0, than: part) }.compactMap { FolderLock.holder(of: "\(path)/\($0)") }
      .first
  }

  private func isLockOfAnotherDivision(_ name: String, than part: Part?) -> Bool {
    guard name.hasPrefix(".lock"), "\(path)/\(name)" != lockPath(part) else { return false }
    return part.map { !name.hasSuffix("-of-\($0.count)") } ?? true
  }

  /// Removes files that killed processes were writing, where nobody but the holder of this part's lock works here.
  public func removeTemporaries(of part: Part?) {
    let found = names
    let others = found.filter { $0.hasPrefix(".lock") && "\(path)/\($0)" != lockPath(part) }
    guard others.allSatisfy({ FolderLock.holder(of: "\(path)/\($0)") == nil }) else { return }
    for name in found where Self.isTemporary(name) { try? FileManager.default.removeItem(atPath: "\(path)/\(name)") }
  }
}

/// Messages about files that cannot be changed.
enum AtomicFileProblem {
  static func cannotRemove(_ path: String) -> Failure {
    Failure(.io, "cannot remove: \(String(cString: strerror(errno)))", file: path)
  }
}
