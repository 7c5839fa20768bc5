import Foundation
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
  ///   annotation: not well formed, a root other than `<annotation>`, an object without exactly one name, more than 1
  ///   MiB.
  public init(contentsOf path: String) throws {
    let bytes = try InputFile.bytes(of: path, what: "annotation", limit: Self.sizeLimit)
    do { try self.init(bytes) } catch let failure as Failure { throw failure.of(file: path) }
  }

  /// The content of such a file; failures name no path.
  package init(_ bytes: [UInt8]) throws {
    var reader = XMLReader(bytes)
    var path: [String] = []
    var object = Object()
    var objects: [Object] = []
    while let event = try reader.next() {
      switch event {
      case .start(let element):
        path.append(element)
        if path.count == 1, element != "annotation" {
          throw Failure(.data, expected: "<annotation>", found: "<\(element)>")
        }
        if path == ["annotation", "object"] { object = Object() }
        if path == Self.name { object.names.append("") }
      case .text(let text):
        if path == Self.name, let last = object.names.indices.last { object.names[last] += text }
        if path == Self.difficult { object.difficult += text }
      case .end:
        if path == ["annotation", "object"] { objects.append(object) }
        path.removeLast()
      }
    }
    var (names, certain): ([String], Set<String>) = ([], [])
    for (number, object) in objects.enumerated() {
      let name = try object.name(number: number + 1)
      if !names.contains(name) { names.append(name) }
      if !object.isDifficult { certain.insert(name) }
    }
    self.names = names
    difficultOnly = names.filter { !certain.contains($0) }
  }

  private static let name = ["annotation", "object", "name"]
  private static let difficult = ["annotation", "object", "difficult"]

  private struct Object {
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
}
