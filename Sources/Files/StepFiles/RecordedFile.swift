import Dispatch
import Foundations

/// A file of a finished step beside the digest that was taken when it was made; it is read on a thread of its own.
///
///     let recorded = try RecordedFile(path)   // begins to read
///     let tensors = ...                       // what takes longer than reading
///     try recorded?.requireUnchanged()
public final class RecordedFile: @unchecked Sendable {
  private let path: String
  private let expected: String
  private let list: String
  private let group = DispatchGroup()
  // Written before the group is left, read after it was waited for.
  private var found = Result<String, any Error>.success("")

  /// nil where the file is of no finished step, of one that is divided, or its folder's list is not the one that was
  /// written last: `make` sees to that.
  public init?(_ path: String) {
    let slash = path.lastIndex(of: "/")
    let folder = StepFolder(slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".")
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    guard let completion = try? folder.completion(nil), let list = try? folder.list(nil),
      list.digest == completion.list,
      let entry = list.entries.first(where: { $0.name == name })
    else { return nil }
    (self.path, expected, self.list) = (path, entry.digest, folder.listPath(nil))
    group.enter()
    DispatchQueue.global().async { [self] in
      found = Result { try SHA256.hexadecimal(ofFile: path) }
      group.leave()
    }
  }

  /// Waits for the digest.
  ///
  /// - Throws: `Failure(.data)` where the file is not as it was made, and what `SHA256.hexadecimal(ofFile:)` throws.
  public func requireUnchanged() throws {
    group.wait()
    let digest = try found.get()
    guard digest == expected else {
      throw Failure(
        .data,
        "is not as it was made: its SHA-256 is \(digest.prefix(8))..., \(list) has \(expected.prefix(8))...; "
          + "`make verify` and then `make` make it again, or remove \(list) to use it as it is", file: path)
    }
  }
}
