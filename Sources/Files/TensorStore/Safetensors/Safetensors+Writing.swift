import Foundation
import Foundations

extension Safetensors {
  /// Writes float32 tensors in their order; attributes and provenance become metadata. The file appears whole or not at
  /// all.
  ///
  /// Metadata are strings: an attribute of another kind is named `NAME:KIND`, and `read` gives it back as it was.
  public static func write(_ weights: WeightsSource, to path: String, provenance: Provenance = .none) throws {
    var metadata = weights.attributes.map { $0.value.encoded(name: $0.key) }
    let reserved = Set(provenance.pairs.map(\.0))
    metadata = metadata.filter { !reserved.contains($0.key) } + provenance.pairs.map { (key: $0.0, text: $0.1) }
    var fields: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(jsonString($0.key)):\(jsonString($0.text))" }
      fields.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var position = 0
    for item in weights.items {
      guard item.name != "__metadata__" else {
        throw Failure(.data, "no tensor can have this name in safetensors", file: weights.path, item: item.name)
      }
      let end = position + item.shape.count * MemoryLayout<Float>.size
      let shape = item.shape.dimensions.map(String.init).joined(separator: ",")
      fields.append(
        "\(jsonString(item.name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(position),\(end)]}")
      position = end
    }
    var header = Array("{\(fields.joined(separator: ","))}".utf8)
    // Spaces up to a multiple of 8, so that elements are aligned where the file is mapped.
    header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
    guard header.count <= largestHeader else {
      throw Failure(.data, "too many tensors or attributes for a safetensors header", file: path)
    }
    try ByteSink.write(to: path) { sink in
      try sink.write(littleEndianBytes(header.count, 8) + header)
      for item in weights.items { try sink.write(try item.read()) }
    }
  }
}

extension AttributeValue {
  /// The key and text that stand for an attribute in a file whose metadata are strings.
  func encoded(name: String) -> (key: String, text: String) {
    func list(_ values: [some Any]) -> String { "[\(values.map { "\($0)" }.joined(separator: ","))]" }
    switch self {
    case .string(let value): return (name, value)
    case .integer(let value): return ("\(name):integer", String(value))
    case .integers(let values): return ("\(name):integers", list(values))
    case .double(let value): return ("\(name):double", "\(value)")
    case .doubles(let values): return ("\(name):doubles", list(values))
    case .strings(let values):
      let text = (try? JSONEncoder().encode(values)).map { String(decoding: $0, as: UTF8.self) }
      return ("\(name):strings", text ?? "[]")
    }
  }

  /// What `encoded` made the pair of; the text as a string under the whole key where it is of no kind of ours.
  static func decode(name key: String, text: String) -> (String, AttributeValue) {
    let whole = (key, AttributeValue.string(text))
    guard let colon = key.lastIndex(of: ":") else { return whole }
    let value: AttributeValue?
    switch key[key.index(after: colon)...] {
    case "integer": value = Int64(text).map(AttributeValue.integer)
    case "integers": value = list(text) { Int64($0) }.map(AttributeValue.integers)
    case "double": value = Double(text).map(AttributeValue.double)
    case "doubles": value = list(text) { Double($0) }.map(AttributeValue.doubles)
    case "strings":
      value = (try? JSONDecoder().decode([String].self, from: Data(text.utf8))).map(AttributeValue.strings)
    default: value = nil
    }
    return value.map { (String(key[..<colon]), $0) } ?? whole
  }

  /// `[1,2]`; nil where an element is none.
  private static func list<Element>(_ text: String, _ element: (Substring) -> Element?) -> [Element]? {
    guard text.count >= 2, text.first == "[", text.last == "]" else { return nil }
    let parts = text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: true)
    let values = parts.compactMap(element)
    return values.count == parts.count ? values : nil
  }
}
