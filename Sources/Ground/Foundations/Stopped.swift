/// A run that was asked to stop, by SIGTERM or an interrupt, and has saved what it had: the same command goes on from
/// there. No failure, and no end of the work either.
public struct Stopped: Error, Equatable, Sendable, CustomStringConvertible {
  /// What a program ends with then: none of sysexits(3), and the code that HTCondor's users know for it.
  public static let exitCode: Int32 = 85

  /// `stopped after step 12 of 40`.
  public let description: String

  public init(_ description: String) { self.description = description }
}
