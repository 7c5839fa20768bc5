import Foundations

extension TemporaryFolder {
  /// Writes a file into the folder and returns its path.
  @discardableResult
  package func write(_ text: String, _ name: String) throws -> String {
    try AtomicFile.write(text, to: file(name))
    return file(name)
  }
}

/// What is not as it should be of what `body` throws: a `Failure` of `kind` whose description holds all of `parts`; nil
/// where it is.
package func failureMismatch(_ kind: Failure.Kind, _ parts: [String], _ body: () throws -> Void) -> String? {
  do {
    try body()
    return "nothing was thrown"
  } catch let failure as Failure {
    let missing = parts.filter { !failure.description.contains($0) }
    if failure.kind == kind, missing.isEmpty { return nil }
    return "expected a failure of kind \(kind) with \(missing), found one of kind \(failure.kind): \(failure)"
  } catch {
    return "another error: \(error)"
  }
}
