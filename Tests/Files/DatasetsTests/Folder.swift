import Foundation
import Foundations
import Testing

/// A folder that a test fills and that goes with it.
final class Folder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("datasets-" + UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file into the folder and returns its path.
  @discardableResult
  func write(_ text: String, _ name: String) throws -> String {
    try AtomicFile.write(text, to: "\(path)/\(name)")
    return "\(path)/\(name)"
  }
}

/// Runs `body`, which must throw a `Failure` of `kind` whose description holds all of `parts`.
func expectFailure(
  _ kind: Failure.Kind, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
  } catch let failure as Failure {
    #expect(failure.kind == kind, "\(failure)", sourceLocation: sourceLocation)
    for part in parts { #expect(failure.description.contains(part), sourceLocation: sourceLocation) }
  } catch {
    Issue.record("another error: \(error)", sourceLocation: sourceLocation)
  }
}
