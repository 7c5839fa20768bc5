import Foundations

/// One thing that is wrong in a pipeline file, at its place.
public struct Diagnostic: Error, Equatable, Sendable, CustomStringConvertible {
  public let kind: Failure.Kind
  public let file: String
  /// From 1; 0 where the whole file is meant.
  public let line: Int
  /// From 1; 0 where the whole file is meant.
  public let column: Int
  /// What was expected and found, and the nearest valid name where there is one.
  public let message: String

  /// `FILE:LINE:COLUMN: MESSAGE`.
  public var description: String { failure.description }

  /// The same as the project's error type.
  public var failure: Failure { Failure(kind, message, file: line > 0 ? "\(file):\(line):\(column)" : file) }
}

/// Everything that is wrong in a pipeline file, in the order of its lines.
public struct PipelineProblems: Error, Sendable, CustomStringConvertible {
  public let diagnostics: [Diagnostic]
  /// One diagnostic a line.
  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
  /// The sysexits code of the first.
  public var exitCode: Int32 { diagnostics.first?.kind.rawValue ?? Failure.Kind.configuration.rawValue }
}
