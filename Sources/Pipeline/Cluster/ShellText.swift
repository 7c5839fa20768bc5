/// Texts as a shell reads them. Unlike what reaches make, which is refused where it is not plain, a job's script may
/// have to name any folder: so everything is quoted.
public enum ShellText {
  /// `text` as one word of the shell, whatever is in it.
  public static func quoted(_ text: String) -> String {
    let plain = !text.isEmpty && text.utf8.allSatisfy { isPlain($0) }
    return plain ? text : "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
  }

  /// Words as a command line.
  public static func line(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

  /// A text for a comment in a script or of a job: one line, without control characters.
  public static func comment(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : $0 }))
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      || "._/+@,:=%-".utf8.contains(byte)
  }
}
