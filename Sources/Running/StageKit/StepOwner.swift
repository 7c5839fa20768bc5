import CProcess
import Foundation
import Foundations
import StageInterface
import StepFiles

/// A running stage's hold on the part of a step's folder that it works on: the folder, made where it is missing, and
/// the lock.
final class StepOwner {
  private let folder: StepFolder
  private let wasMade: Bool
  private let lock: FolderLock

  /// - Throws: `Failure(.temporary)` where another process works on the part, or on a part of another division.
  init(_ options: some StageOptions) throws {
    folder = StepFolder(options.common.out)
    let part = options.part
    wasMade = FileStatus(folder.path) == nil
    try AtomicFile.createFolder(folder.path)
    lock = try FolderLock(
      folder.lockPath(part), program: type(of: options).stage.name,
      what: part.map { "part \($0) of this step" } ?? "this step")
    // Whoever takes a lock looks at the others' afterwards, so of two that come at once at least one sees the other.
    if let owner = folder.ownerOfAnotherDivision(than: part) {
      release()
      throw Failure(
        .temporary, "another process is working on another division of this step: \(owner)", file: folder.path)
    }
    folder.removeTemporaries(of: part)
  }

  /// Lets go; a folder that this object made and that is empty goes too.
  func release() {
    lock.release()
    if wasMade { rmdir(folder.path) }
  }
}

extension StageOptions {
  /// Which part of its output a run makes; nil for a stage that writes one whole.
  var part: Part? { Self.stage.output.target == .parts || shard.count > 1 ? shard : nil }
}

/// Ends this process when the one that started it ends, where that asks for it: a make that is killed leaves no stage
/// running.
enum ParentWatch {
  private static let variable = "SSDD_END_WITH"

  static func prepare() {
    guard let text = ProcessInfo.processInfo.environment[variable] else { return }
    // What this program starts has another parent.
    unsetenv(variable)
    if let parent = Int32(text), cprocess_end_with(parent) == 1 { exit(Failure.Kind.temporary.rawValue) }
  }
}
