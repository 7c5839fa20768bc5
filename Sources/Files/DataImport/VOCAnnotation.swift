import Foundation
import FoundationXML
import Foundations

/// What an annotation file of VOC (`Annotations/ID.xml`) says about an image: the classes of its objects.
///
/// Boxes, poses and parts of objects are not looked at.
public struct VOCAnnotation: Sendable, Equatable {
  /// Class names of all `<object>`s, each once, in the order of the file.
  public let names: [String]
  /// Those of them that occur in objects marked `difficult` only.
  public let difficultOnly: [String]

  /// Files of VOC 2012 have up to 20 kB.
  static let sizeLimit = 1 << 20

  /// - Throws: `Failure(.noInput)` for a missing file, `Failure(.data)` with path and line for one that is not an
  ///   annotation: not well formed, with a document type, a root other than `<annotation>`, an object without exactly
  ///   one name, more than 1 MiB.
  public init(contentsOf path: String) throws {
    let bytes = try InputFile.bytes(of: path, what: "annotation", limit: Self.sizeLimit)
    do { try self.init(bytes) } catch let failure as Failure { throw failure.of(file: path) }
  }

  /// The content of such a file; failures name no path.
  package init(_ bytes: [UInt8]) throws {
    var (names, certain): ([String], Set<String>) = ([], [])
    for (number, object) in try AnnotationReader.objects(of: bytes).enumerated() {
      let name = try object.name(number: number + 1)
      if !names.contains(name) { names.append(name) }
      if !object.isDifficult { certain.insert(name) }
    }
    self.names = names
    difficultOnly = names.filter { !certain.contains($0) }
  }
}

/// Collects the objects of an annotation while Foundation's parser reads it.
private final class AnnotationReader: NSObject, XMLParserDelegate {
  struct Object {
    var names: [String] = []
    var difficult = ""

    var isDifficult: Bool { difficult.trimmingCharacters(in: .whitespacesAndNewlines) == "1" }

    func name(number: Int) throws -> String {
      guard let name = names.first, names.count == 1 else {
        throw Failure(.data, expected: "one <name>", found: "\(names.count)", item: "object \(number)")
      }
      let trimmed = name.trimmingCharacters(in: .whitespacesAndNewlines)
      guard !trimmed.isEmpty else { throw Failure(.data, "the <name> is empty", item: "object \(number)") }
      return trimmed
    }
  }

  private var path: [String] = []
  private var object = Object()
  private var objects: [Object] = []
  private var failure: Failure?

  /// Elements within one another; annotations have five.
  private static let depthLimit = 64
  private static let name = ["annotation", "object", "name"]
  private static let difficult = ["annotation", "object", "difficult"]

  /// - Throws: `Failure(.data)` with the line for whatever is not a well-formed annotation.
  static func objects(of bytes: [UInt8]) throws -> [Object] {
    try refuseDeclarations(in: bytes)
    let parser = XMLParser(data: Data(bytes))
    let reader = AnnotationReader()
    parser.delegate = reader
    let isWhole = parser.parse()
    let line = "line \(max(parser.lineNumber, 1))"
    if let failure = reader.failure { throw failure.of(item: line) }
    guard isWhole, reader.path.isEmpty else {
      let code = (parser.parserError as NSError?)?.code
      let why = code.map { " (libxml2's error \($0))" } ?? ""
      throw Failure(.data, "not well-formed XML\(why)", item: line)
    }
    return reader.objects
  }

  /// Without a document type there is no entity to expand and no file to fetch.
  private static func refuseDeclarations(in bytes: [UInt8]) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    for declaration in ["<!DOCTYPE", "<!ENTITY"] {
      guard let place = text.range(of: declaration) else { continue }
      let line = text[..<place.lowerBound].utf8.count { $0 == UInt8(ascii: "\n") } + 1
      throw Failure(.data, "a document type or entity, which annotations do not have", item: "line \(line)")
    }
  }

  private func stop(_ parser: XMLParser, _ reason: Failure) {
    failure = failure ?? reason
    parser.abortParsing()
  }

  func parser(
    _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    path.append(element)
    if path.count == 1, element != "annotation" {
      stop(parser, Failure(.data, expected: "<annotation>", found: "<\(element)>"))
    }
    if path.count > Self.depthLimit {
      stop(parser, Failure(.data, "more than \(Self.depthLimit) elements within one another"))
    }
    if path == ["annotation", "object"] { object = Object() }
    if path == Self.name { object.names.append("") }
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    if path == Self.name, let last = object.names.indices.last { object.names[last] += text }
    if path == Self.difficult { object.difficult += text }
  }

  func parser(_ parser: XMLParser, foundCDATA block: Data) {
    self.parser(parser, foundCharacters: String(decoding: block, as: UTF8.self))
  }

  func parser(_ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?) {
    if path == ["annotation", "object"] { objects.append(object) }
    if !path.isEmpty { path.removeLast() }
  }
}
