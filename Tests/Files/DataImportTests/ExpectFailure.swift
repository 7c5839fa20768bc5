import Foundations
import TestSupport
import Testing

/// Runs `body`, which must throw a `Failure` of `kind` whose description holds all of `parts`.
func expectFailure(
  _ kind: Failure.Kind, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  if let mismatch = failureMismatch(kind, parts, body) {
    Issue.record("\(mismatch)", sourceLocation: sourceLocation)
  }
}
