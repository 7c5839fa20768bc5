import Foundations
import Tensors

/// Reads the `.params` files of MXNet: a list of arrays, then their names.
public enum MXNetParameters {
  /// The arrays in the file's order, widened to float32 (float64, float32, float16, bfloat16, int64, int32, int8,
  /// uint8, bool).
  ///
  /// Names come as PyTorch's (`pyTorchNames`); with `keepingNames` as they are, `arg:conv1a_weight`. Arrays of every
  /// version are read, sparse ones and lists without names are refused. Fails with `.data`, before memory is taken,
  /// where the file is damaged; with `.noInput` where there is none.
  public static func read(_ path: String, keepingNames: Bool = false) throws -> NamedTensors {
    try open(ByteSource(path: path), keepingNames: keepingNames).load()
  }

  /// The same from memory; `name` stands for the path in messages.
  package static func read(bytes: [UInt8], name: String, keepingNames: Bool = false) throws -> NamedTensors {
    try open(ByteSource(bytes: bytes, name: name), keepingNames: keepingNames).load()
  }

  /// Whether a file that starts with these 16 bytes is to be read as a list of arrays: the number 0x112 and 8 reserved
  /// bytes.
  static func recognises(_ start: [UInt8]) -> Bool { start.count == 16 && littleEndian(start, 0, 8) == 0x112 }

  /// More arrays than this are refused; networks have some hundred.
  static let mostArrays = 1 << 16

  static func open(_ source: ByteSource, keepingNames: Bool = false) throws -> WeightsSource {
    var cursor = Cursor(source: source)
    guard try cursor.unsigned(8, "header") == 0x112 else {
      throw Failure(.data, "is not a list of MXNet arrays", file: source.name)
    }
    _ = try cursor.unsigned(8, "header")
    let count = try cursor.natural(8, "number of arrays")
    guard (1...mostArrays).contains(count) else {
      throw Failure(.data, "claims to hold \(count) arrays", file: source.name)
    }
    let arrays = try (0..<count).map { try array(&cursor, "array \($0)") }
    guard try cursor.natural(8, "number of names") == count else {
      throw Failure(.data, "does not name each of its \(count) arrays", file: source.name)
    }
    let names = try (0..<count).map { index in
      let item = "name of array \(index)"
      return String(decoding: try cursor.bytes(cursor.natural(8, item), item), as: UTF8.self)
    }
    let items = zip(names, arrays).map { name, array in
      WeightsSource.Item(name, array.shape) { try source.tensor(array.shape, of: array.type, at: array.offset, name) }
    }
    let weights = try WeightsSource(items, format: .mxnet, path: source.name)
    if keepingNames { return weights }
    let changed = pyTorchNames(names)
    return try weights.renamed { changed[$0] }
  }

  private struct ArrayPlace {
    let shape: Shape
    let type: ElementType
    let offset: Int
  }

  /// Reads the description of an array and passes over its elements.
  private static func array(_ cursor: inout Cursor, _ item: String) throws -> ArrayPlace {
    func failure(_ message: String) -> Failure { Failure(.data, message, file: cursor.source.name, item: item) }
    let magic = try cursor.natural(4, item)
    let extents: [Int]
    switch magic {
    case 0xF993_FAC9, 0xF993_FACA:
      // Versions 2 and 3, of NumPy's shapes: the kind of storage, then as version 1.
      guard try cursor.unsigned(4, item) == 0 else { throw failure("is sparse; only dense arrays can be read") }
      extents = try cursor.extents(rank: cursor.natural(4, item), size: 8, item)
      guard magic == 0xF993_FACA || !extents.isEmpty else { throw failure("is an array without shape and elements") }
    case 0xF993_FAC8: extents = try cursor.extents(rank: cursor.natural(4, item), size: 8, item)
    default:
      // Before version 1 the rank stood in the place of the number that tells the version.
      guard magic > 0 else { throw failure("is an array without shape and elements") }
      extents = try cursor.extents(rank: magic, size: 4, item)
    }
    // Kind and number of the device that it was on.
    _ = try cursor.unsigned(8, item)
    let flag = try cursor.natural(4, item)
    guard let type = ElementType(mxnetFlag: flag) else { throw failure("elements of the unknown type \(flag)") }
    guard let count = elementCount(extents) else { throw failure("an impossible shape \(extents)") }
    let (size, overflow) = count.multipliedReportingOverflow(by: type.size)
    return ArrayPlace(shape: Shape(extents), type: type, offset: try cursor.skip(overflow ? .max : size, item))
  }
}

/// Reads numbers one after another.
private struct Cursor {
  let source: ByteSource
  private var position = 0

  init(source: ByteSource) { self.source = source }

  mutating func bytes(_ count: Int, _ item: String) throws -> [UInt8] {
    let bytes = try source.read(position, count, item)
    position += count
    return bytes
  }

  mutating func unsigned(_ count: Int, _ item: String) throws -> UInt64 {
    littleEndian(try bytes(count, item), 0, count)
  }

  mutating func natural(_ count: Int, _ item: String) throws -> Int {
    let value = try unsigned(count, item)
    guard let number = Int(exactly: value) else {
      throw Failure(.data, "damaged: a length of \(value)", file: source.name, item: item)
    }
    return number
  }

  mutating func extents(rank: Int, size: Int, _ item: String) throws -> [Int] {
    guard rank <= highestRank else {
      throw Failure(.data, "damaged: an array with \(rank) axes", file: source.name, item: item)
    }
    return try (0..<rank).map { _ in try natural(size, item) }
  }

  /// Passes over `count` bytes, which must be there, and returns where they start.
  mutating func skip(_ count: Int, _ item: String) throws -> Int {
    try source.check(position, count, item)
    defer { position += count }
    return position
  }
}

extension ElementType {
  /// MXNet's number of a type; nil for types that are not read.
  init?(mxnetFlag flag: Int) {
    switch flag {
    case 0: self = .float
    case 1: self = .double
    case 2: self = .half
    case 3: self = .uint8
    case 4: self = .int32
    case 5: self = .int8
    case 6: self = .int64
    case 7: self = .boolean
    case 12: self = .bfloat16
    default: return nil
    }
  }
}
