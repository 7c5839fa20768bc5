/// What may reach a make rule, a shell and a file name. Everything else is refused when the pipeline is read, not
/// escaped later.
enum SafeText {
  /// The letters of a name, and `+`, anywhere.
  static func isPartOfName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { isAlphanumeric($0) || "._+-".utf8.contains($0) }
  }

  /// Names that a user gives to inputs, shown in tables: as names, with spaces, `+`, `(` and `)` inside.
  static func isLabel(_ text: String) -> Bool {
    guard let first = text.utf8.first, isAlphanumeric(first), text.utf8.last != UInt8(ascii: " ") else { return false }
    return text.utf8.allSatisfy { isAlphanumeric($0) || " ._+()-".utf8.contains($0) }
  }

  /// The first character that a path must not have, since make would read it as syntax or the shell as an option; nil
  /// for a good path.
  static func badCharacter(inPath path: String) -> Character? {
    if path.hasPrefix("-") { return "-" }
    return path.first { character in
      character.unicodeScalars.contains {
        !$0.properties.isAlphabetic && $0.properties.numericType == nil && !"._/+@,-".unicodeScalars.contains($0)
      }
    }
  }

  /// The first character that a text parameter must not have.
  static func badCharacter(inText text: String) -> Character? {
    text.first {
      $0.unicodeScalars.contains { $0.value < 32 || $0.value == 127 || "$'\"`\\".unicodeScalars.contains($0) }
    }
  }

  /// For a message: control characters by name.
  static func describe(_ character: Character) -> String {
    switch character {
    case " ": "a space"
    case "\n", "\r\n", "\r": "a line break"
    case "\t": "a tab"
    default: "\"\(character)\""
    }
  }

  /// `text` as one word of the shell, for a text without quotes and line breaks.
  static func quoted(_ text: String) -> String {
    let plain = !text.isEmpty && text.utf8.allSatisfy { isAlphanumeric($0) || "._/+@,:=-".utf8.contains($0) }
    return plain ? text : "'\(text)'"
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
  }
}
