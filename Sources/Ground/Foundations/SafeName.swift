/// The rules for names: what becomes a part of paths and group names (ids of images, splits), what people read
/// (classes), where files lie.
public enum SafeName {
  /// What is wrong with `name`, as the end of a sentence ("is empty", "starts with ..."); nil where it may be used.
  ///
  /// Allowed are `A-Z a-z 0-9 . _ -`, up to 200 bytes, neither `.` nor `-` in front, no `..`: so a name is never a
  /// path, an option or a hidden file.
  public static func problem(with name: some StringProtocol) -> String? {
    let bytes = name.utf8
    guard let first = bytes.first else { return "is empty" }
    if bytes.count > 200 { return "is longer than 200 bytes" }
    if first == UInt8(ascii: ".") || first == UInt8(ascii: "-") {
      return "starts with \"\(Character(Unicode.Scalar(first)))\""
    }
    var previous: UInt8 = 0
    for byte in bytes {
      if !isAllowed(byte) { return "holds characters other than A-Z a-z 0-9 . _ -" }
      if byte == UInt8(ascii: "."), previous == byte { return "holds \"..\"" }
      previous = byte
    }
    return nil
  }

  /// What is wrong with the name of a class, as the end of a sentence; nil where it may be used: "traffic light",
  /// "Bär", "t-shirt (red)".
  ///
  /// Class names stand in tables and files, never in paths. Allowed are letters and digits of any script, single spaces
  /// inside, and `. _ - + ' & ( )`, up to 200 bytes, the first a letter or digit. So a comma separates names, and `-`
  /// alone can mean "not known".
  public static func problem(withClassName name: some StringProtocol) -> String? {
    guard let first = name.unicodeScalars.first else { return "is empty" }
    if name.utf8.count > 200 { return "is longer than 200 bytes" }
    if !isLetterOrDigit(first) { return "starts with \"\(first)\", not with a letter or digit" }
    var previous: Unicode.Scalar = "a"
    for scalar in name.unicodeScalars {
      guard
        isLetterOrDigit(scalar) || scalar.properties.generalCategory == .nonspacingMark
          || " ._-+'&()".unicodeScalars.contains(scalar)
      else {
        return "holds \"\(scalar)\"; allowed are letters, digits, spaces and . _ - + ' & ( )"
      }
      if scalar == " ", previous == " " { return "holds two spaces side by side" }
      previous = scalar
    }
    return previous == " " ? "ends with a space" : nil
  }

  private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || scalar.properties.numericType != nil
  }

  /// A name for a message: what is too long for a name is cut, so that the end of the sentence is still read.
  public static func shown(_ name: some StringProtocol) -> String {
    name.utf8.count <= 200
      ? String(name) : String(decoding: name.utf8.prefix(60), as: UTF8.self) + "... (\(name.utf8.count) bytes)"
  }

  /// An id for the file at a relative path, given without its suffix: the path itself where it is a safe name, else the
  /// nearest one.
  ///
  /// `/` becomes `__`, a character beyond ASCII `u` and its number in hexadecimal, any other `_`: `trips/Weißer Turm`
  /// is `trips__Weiu00dfer_Turm`. Two paths may have the same id.
  public static func id(forPath path: String) -> String {
    if problem(with: path) == nil { return path }
    var id = ""
    for scalar in path.unicodeScalars {
      switch scalar {
      case "/": id += "__"
      case "." where id.hasSuffix("."): id += "_"
      case _ where scalar.value < 128: id += isAllowed(UInt8(scalar.value)) ? String(scalar) : "_"
      default:
        let digits = String(scalar.value, radix: 16)
        id += "u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      }
    }
    return id.hasPrefix(".") || id.hasPrefix("-") ? "_" + id : id
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
  }

  /// What is wrong with a path below a data root; nil where it may be used: relative, no `..`, no control characters,
  /// not starting with `-`.
  public static func problem(withRelativePath path: some StringProtocol) -> String? {
    if path.isEmpty { return "is empty" }
    if path.hasPrefix("/") { return "is absolute, but it must be below the data root" }
    if path.hasPrefix("-") { return "starts with \"-\"" }
    if path.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) { return "holds control characters" }
    if path.split(separator: "/").contains("..") { return "holds \"..\"" }
    return nil
  }
}
