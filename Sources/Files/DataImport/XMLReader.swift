import Foundations

/// A strict reader of the plain XML that annotations are written in: elements, text, the five named entities and
/// numbered ones, CDATA.
///
/// Comments, processing instructions and attributes are checked and passed over. Everything else is refused, document
/// types with it: there is nothing to expand and nothing to fetch, and time and memory are linear in the size of the
/// text.
struct XMLReader {
  enum Event: Equatable {
    case start(String)
    case end(String)
    /// Between two tags there may be several.
    case text(String)
  }

  private let bytes: [UInt8]
  private var position = 0
  private var open: [String] = []
  private var hasRoot = false
  /// The end that an empty element `<a/>` still owes.
  private var pendingEnd: String?

  /// Elements within one another; annotations have five.
  private static let depthLimit = 64

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// The next event; nil behind the end of the root element. `Failure(.data)` with the line for whatever is not well
  /// formed.
  mutating func next() throws -> Event? {
    if let name = pendingEnd {
      pendingEnd = nil
      return .end(name)
    }
    while position < bytes.count {
      guard bytes[position] == UInt8(ascii: "<") else {
        let text = try text()
        if !open.isEmpty { return .text(text) }
        guard text.allSatisfy(\.isWhitespace) else { throw failure("text outside of the root element") }
        continue
      }
      if has("<!--") {
        try skip(past: "-->", "comment")
      } else if has("<![CDATA[") {
        guard !open.isEmpty else { throw failure("text outside of the root element") }
        position += 9
        let start = position
        try skip(past: "]]>", "CDATA section")
        return .text(try string(start..<position - 3))
      } else if has("<?") {
        try skip(past: "?>", "processing instruction")
      } else if has("<!") {
        throw failure("a document type or declaration, which annotations do not have")
      } else if has("</") {
        return try endTag()
      } else {
        return try startTag()
      }
    }
    if let name = open.last { throw failure("the text ends within <\(name)>") }
    if !hasRoot { throw failure("no element") }
    return nil
  }

  // MARK: Tags

  private mutating func startTag() throws -> Event {
    position += 1
    let name = try name()
    guard !open.isEmpty || !hasRoot else { throw failure("a second root element <\(name)>") }
    guard open.count < Self.depthLimit else {
      throw failure("more than \(Self.depthLimit) elements within one another")
    }
    hasRoot = true
    while true {
      let hadSpace = skipSpace()
      if take(">") {
        open.append(name)
        return .start(name)
      }
      if take("/>") {
        pendingEnd = name
        return .start(name)
      }
      guard hadSpace else { throw failure("the tag <\(name)> does not end") }
      try attribute(of: name)
    }
  }

  private mutating func attribute(of element: String) throws {
    let name = try name()
    _ = skipSpace()
    guard take("=") else { throw failure("the attribute \(name) of <\(element)> has no value") }
    _ = skipSpace()
    guard position < bytes.count, [UInt8(ascii: "\""), UInt8(ascii: "'")].contains(bytes[position]) else {
      throw failure("the value of the attribute \(name) of <\(element)> is not in quotes")
    }
    let quote = bytes[position]
    position += 1
    while position < bytes.count, bytes[position] != quote {
      if bytes[position] == UInt8(ascii: "<") { throw failure("\"<\" in the attribute \(name) of <\(element)>") }
      position += 1
    }
    guard position < bytes.count else { throw failure("the text ends within the attribute \(name) of <\(element)>") }
    position += 1
  }

  private mutating func endTag() throws -> Event {
    position += 2
    let name = try name()
    _ = skipSpace()
    guard take(">") else { throw failure("the tag </\(name)> does not end") }
    guard let expected = open.popLast() else { throw failure("</\(name)> without <\(name)>") }
    guard name == expected else { throw failure("expected </\(expected)>, found </\(name)>") }
    return .end(name)
  }

  private mutating func name() throws -> String {
    let start = position
    while position < bytes.count, Self.isNameByte(bytes[position], first: position == start) { position += 1 }
    guard position > start else { throw failure("expected the name of an element or attribute") }
    return try string(start..<position)
  }

  private static func isNameByte(_ byte: UInt8, first: Bool) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
      UInt8(ascii: ":"), 0x80...:
      true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): !first
    default: false
    }
  }

  // MARK: Text

  /// Up to the next tag, entities replaced.
  private mutating func text() throws -> String {
    var result = ""
    var start = position
    while position < bytes.count, bytes[position] != UInt8(ascii: "<") {
      guard bytes[position] == UInt8(ascii: "&") else {
        position += 1
        continue
      }
      result += try string(start..<position)
      result.unicodeScalars.append(try entity())
      start = position
    }
    return result + (try string(start..<position))
  }

  private mutating func entity() throws -> Unicode.Scalar {
    let limit = min(position + 12, bytes.count)
    guard let end = bytes[position..<limit].firstIndex(of: UInt8(ascii: ";")) else {
      throw failure("\"&\" that begins no entity")
    }
    let name = try string(position + 1..<end)
    let scalar: Unicode.Scalar? =
      switch name {
      case "lt": "<"
      case "gt": ">"
      case "amp": "&"
      case "quot": "\""
      case "apos": "'"
      default:
        if name.hasPrefix("#x") {
          UInt32(name.dropFirst(2), radix: 16).flatMap(Unicode.Scalar.init)
        } else {
          name.hasPrefix("#") ? UInt32(name.dropFirst()).flatMap(Unicode.Scalar.init) : nil
        }
      }
    guard let scalar else { throw failure("unknown entity &\(name);") }
    position = end + 1
    return scalar
  }

  private func string(_ range: Range<Int>) throws -> String {
    guard let text = String(validating: bytes[range], as: UTF8.self) else { throw failure("not UTF-8 text") }
    return text
  }

  // MARK: Bytes

  private func has(_ text: StaticString) -> Bool { bytes[position...].starts(with: text.description.utf8) }

  private mutating func take(_ text: StaticString) -> Bool {
    guard has(text) else { return false }
    position += text.utf8CodeUnitCount
    return true
  }

  /// Whether there was any.
  private mutating func skipSpace() -> Bool {
    let start = position
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    return position > start
  }

  private mutating func skip(past end: StaticString, _ what: String) throws {
    let start = position
    while position < bytes.count {
      if take(end) { return }
      position += 1
    }
    position = start
    throw failure("a \(what) that does not end")
  }

  private func failure(_ message: String) -> Failure {
    let line = bytes[..<min(position, bytes.count)].count { $0 == UInt8(ascii: "\n") } + 1
    return Failure(.data, "not well-formed XML: \(message)", item: "line \(line)")
  }
}
