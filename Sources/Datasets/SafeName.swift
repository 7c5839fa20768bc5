/// The rule for names that become parts of paths, make targets and group names: ids of images, names of classes and splits.
public enum SafeName {
  /// What is wrong with `name`, as the end of a sentence ("is empty", "starts with ..."); nil where it may be used.
  ///
  /// Allowed are `A-Z a-z 0-9 . _ -`, up to 200 bytes, neither `.` nor `-` in front, no `..`: so a name is never a path, an option or a hidden file.
  public static func problem(with name: some StringProtocol) -> String? {
    let bytes = name.utf8
    guard let first = bytes.first else { return "is empty" }
    if bytes.count > 200 { return "is longer than 200 bytes" }
    if first == UInt8(ascii: ".") || first == UInt8(ascii: "-") { return "starts with \"\(Character(Unicode.Scalar(first)))\"" }
    var previous: UInt8 = 0
    for byte in bytes {
      if !isAllowed(byte) { return "holds characters other than A-Z a-z 0-9 . _ -" }
      if byte == UInt8(ascii: "."), previous == byte { return "holds \"..\"" }
      previous = byte
    }
    return nil
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
  }

  /// What is wrong with a path below a data root; nil where it may be used: relative, no `..`, no control characters, not starting with `-`.
  public static func problem(withRelativePath path: some StringProtocol) -> String? {
    if path.isEmpty { return "is empty" }
    if path.hasPrefix("/") { return "is absolute, but it must be below the data root" }
    if path.hasPrefix("-") { return "starts with \"-\"" }
    if path.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) { return "holds control characters" }
    if path.split(separator: "/").contains("..") { return "holds \"..\"" }
    return nil
  }
}
