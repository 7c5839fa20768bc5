/// `NAME=PATH`, for options that are given several times.
public struct NamedPath: Sendable, CustomStringConvertible {
  public let name: String
  public let path: String

  /// nil without `=`, or with nothing on one side of the first.
  public init?(argument: String) {
    guard let equals = argument.firstIndex(of: "=") else { return nil }
    name = String(argument[..<equals])
    path = String(argument[argument.index(after: equals)...])
    if name.isEmpty || path.isEmpty { return nil }
  }

  public var description: String { "\(name)=\(path)" }
}
