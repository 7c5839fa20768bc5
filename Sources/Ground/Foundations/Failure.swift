/// Bad data or usage, told so that a user can act on it: what was being read, which item of it, what was expected and
/// what was found.
///
/// Programming errors are preconditions; everything that a file, a flag or a disk can cause is a `Failure`.
public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
  /// The exit code of sysexits(3) that a program ends with.
  public enum Kind: Int32, Sendable {
    /// Wrong options or parameters (EX_USAGE).
    case usage = 64
    /// An input exists but what it holds is wrong (EX_DATAERR).
    case data = 65
    /// An input is missing or unreadable (EX_NOINPUT).
    case noInput = 66
    /// A result that must not happen, such as a loss that is not a number (EX_SOFTWARE).
    case software = 70
    /// An output cannot be created (EX_CANTCREAT).
    case cannotCreate = 73
    /// Reading or writing failed half-way, a full disk included (EX_IOERR).
    case io = 74
    /// Somebody else is at work; the same will do later (EX_TEMPFAIL).
    case temporary = 75
    /// A configuration such as a pipeline file is wrong (EX_CONFIG).
    case configuration = 78
  }

  public let kind: Kind
  /// What is wrong, as a sentence without capital and full stop: `probability map is 375x500, image is 366x500`.
  public let message: String
  /// Path of the file concerned, if there is one.
  public let file: String?
  /// The item within it: an image id, a data set or parameter name, a line.
  public let item: String?

  public init(_ kind: Kind, _ message: String, file: String? = nil, item: String? = nil) {
    self.kind = kind
    self.message = message
    self.file = file
    self.item = item
  }

  /// `FILE: ITEM: expected EXPECTED, found FOUND`.
  public init(_ kind: Kind, expected: String, found: String, file: String? = nil, item: String? = nil) {
    self.init(kind, "expected \(expected), found \(found)", file: file, item: item)
  }

  /// `FILE: ITEM: MESSAGE` on one line; control characters in any part are escaped, and a part over 4,000 bytes is cut:
  /// names come from files.
  public var description: String {
    [file, item, message].compactMap { $0 }.map(Self.printable).joined(separator: ": ")
  }

  /// The same failure, said of `item` where none is named yet.
  public func of(item: String) -> Failure { Failure(kind, message, file: file, item: self.item ?? item) }

  /// The same failure, said of `file` where none is named yet.
  public func of(file: String) -> Failure { Failure(kind, message, file: self.file ?? file, item: item) }

  private static let longestPart = 4000

  private static func printable(_ text: String) -> String {
    let size = text.utf8.count
    if size > longestPart {
      return printable(String(decoding: text.utf8.prefix(longestPart - 100), as: UTF8.self)) + "... (\(size) bytes)"
    }
    return text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? $0.escaped(asASCII: true) : String($0) }
      .joined()
  }
}
