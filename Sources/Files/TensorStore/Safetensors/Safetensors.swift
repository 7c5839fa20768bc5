import Foundation
import Foundations
import Tensors

/// Reads and writes safetensors files: the size of the header in 8 bytes, the header in JSON, the elements.
public enum Safetensors {
  /// The tensors in the order of their bytes, widened to float32 (F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL),
  /// and the metadata as attributes.
  ///
  /// Fails with `.data`, before memory is taken, where the header is damaged, an element type is unknown, or the
  /// tensors do not fill the file without gaps and overlaps; with `.noInput` where there is no such file.
  public static func read(_ path: String) throws -> NamedTensors { try open(ByteSource(path: path)).load() }

  /// The same from memory; `name` stands for the path in messages.
  package static func read(bytes: [UInt8], name: String) throws -> NamedTensors {
    try open(ByteSource(bytes: bytes, name: name)).load()
  }

  /// A header has some hundred bytes per tensor. More is refused, since JSON takes several times its size while it is
  /// read.
  static let largestHeader = 4 << 20

  /// Whether a file of `size` bytes that starts with these 16 is to be read as safetensors.
  static func recognises(_ start: [UInt8], size: Int) -> Bool {
    start.count > 8 && start[8] == UInt8(ascii: "{") && littleEndian(start, 0, 8) <= UInt64(size - 8)
  }

  static func open(_ source: ByteSource) throws -> WeightsSource {
    let length = littleEndian(try source.read(0, 8, "header"), 0, 8)
    guard length <= largestHeader else {
      throw Failure(
        .data, "is not a safetensors file: a header of \(length) bytes, at most \(largestHeader) are read",
        file: source.name)
    }
    let start = 8 + Int(length)
    let header = try header(try source.read(8, Int(length), "header"), source.name)
    let items = try items(header, source, from: start)
    guard !items.isEmpty else { throw Failure(.data, "holds no tensors", file: source.name) }
    let attributes = header.metadata.map { AttributeValue.decode(name: $0.key, text: $0.value) }
    return try WeightsSource(
      items, attributes: Dictionary(attributes, uniquingKeysWith: { first, _ in first }), format: .safetensors,
      path: source.name)
  }

  private static func header(_ bytes: [UInt8], _ file: String) throws -> Header {
    do {
      return try JSONDecoder().decode(Header.self, from: Data(bytes))
    } catch let error as DecodingError {
      throw Failure(.data, "damaged header: \(error.brief)", file: file, item: error.place)
    } catch {
      throw Failure(.data, "damaged header: not JSON", file: file)
    }
  }

  /// Checks every entry against the others and the size of the file.
  private static func items(_ header: Header, _ source: ByteSource, from start: Int) throws -> [WeightsSource.Item] {
    var position = 0
    let size = source.size - start
    let items = try header.entries.map { name, entry in
      func failure(_ message: String) -> Failure { Failure(.data, message, file: source.name, item: name) }
      guard let type = ElementType(safetensorsName: entry.type) else {
        throw failure("the element type \(entry.type) cannot be read")
      }
      guard entry.shape.count <= highestRank, entry.shape.allSatisfy({ $0 >= 0 }), let count = elementCount(entry.shape)
      else {
        throw failure("an impossible shape \(entry.shape)")
      }
      guard entry.begin == position else {
        throw failure(
          "expected to start at byte \(position), found \(entry.begin): tensors must neither overlap nor leave gaps")
      }
      let (bytes, overflow) = count.multipliedReportingOverflow(by: type.size)
      guard !overflow, entry.end >= entry.begin, entry.end - entry.begin == bytes else {
        throw failure("has bytes \(entry.begin) to \(entry.end), but the shape \(entry.shape) of \(entry.type)")
      }
      guard entry.end <= size else {
        throw failure("the file ends before the end of this (it is cut short, or damaged)")
      }
      position = entry.end
      let shape = Shape(entry.shape)
      return WeightsSource.Item(name, shape) { try source.tensor(shape, of: type, at: start + entry.begin, name) }
    }
    guard position == size else {
      throw Failure(.data, expected: "\(position) bytes of elements", found: "\(size)", file: source.name)
    }
    return items
  }
}

/// The JSON object at the start of a file: an entry a tensor, and `__metadata__`.
private struct Header: Decodable {
  struct Entry: Decodable {
    let type: String
    let shape: [Int]
    let begin: Int
    let end: Int

    private enum Key: String, CodingKey { case dtype, shape, offsets = "data_offsets" }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      type = try container.decode(String.self, forKey: .dtype)
      shape = try container.decode([Int].self, forKey: .shape)
      let offsets = try container.decode([Int].self, forKey: .offsets)
      guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= 0 else {
        throw DecodingError.dataCorruptedError(
          forKey: .offsets, in: container, debugDescription: "expected two offsets, found \(offsets.count)")
      }
      begin = offsets[0]
      end = offsets[1]
    }
  }

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// In the order of their bytes; those without bytes by name.
  let entries: [(name: String, entry: Entry)]
  /// By increasing key.
  let metadata: [(key: String, value: String)]

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Name.self)
    var entries: [(name: String, entry: Entry)] = []
    var metadata: [(key: String, value: String)] = []
    for key in container.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
      if key.stringValue == "__metadata__" {
        metadata = try container.decode([String: String].self, forKey: key).sorted { $0.key < $1.key }.map {
          ($0.key, $0.value)
        }
      } else {
        entries.append((key.stringValue, try container.decode(Entry.self, forKey: key)))
      }
    }
    self.entries = entries.sorted { ($0.entry.begin, $0.entry.end, $0.name) < ($1.entry.begin, $1.entry.end, $1.name) }
    self.metadata = metadata
  }
}

extension DecodingError {
  private var context: Context? {
    switch self {
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
      .dataCorrupted(let context):
      context
    @unknown default: nil
    }
  }

  /// The tensor and the field.
  fileprivate var place: String? {
    let path = context?.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue } ?? []
    return path.isEmpty ? nil : path.joined(separator: ".")
  }

  fileprivate var brief: String {
    switch self {
    case .typeMismatch, .valueNotFound: "a value of another kind"
    case .keyNotFound(let key, _): "`\(key.stringValue)` is missing"
    case .dataCorrupted(let context): context.codingPath.isEmpty ? "not JSON" : "a value that cannot be"
    @unknown default: "not JSON"
    }
  }
}

extension ElementType {
  /// Nil for types that are not read.
  init?(safetensorsName name: String) {
    switch name {
    case "F64": self = .double
    case "F32": self = .float
    case "F16": self = .half
    case "BF16": self = .bfloat16
    case "I64": self = .int64
    case "I32": self = .int32
    case "I16": self = .int16
    case "I8": self = .int8
    case "U8": self = .uint8
    case "BOOL": self = .boolean
    case "U64": self = .uint64
    case "U32": self = .uint32
    case "U16": self = .uint16
    case "F8_E4M3": self = .float8e4m3Finite
    case "F8_E5M2": self = .float8e5m2
    default: return nil
    }
  }
}
