import Foundations

/// Reads the pickle of a state dict: the few opcodes and names that `torch.save` needs for one, everything else refused by name.
///
/// It builds descriptions and executes nothing: REDUCE knows five functions, each of which makes a `PickleValue`.
/// Work and memory are in proportion to the length of the pickle.
struct PickleMachine {
  let bytes: [UInt8]
  private(set) var position: Int
  private let file: String
  private let item: String

  private(set) var sequences: [[PickleValue]] = []
  private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  /// Every storage that was mentioned, in order.
  private(set) var storages: [StorageReference] = []
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]

  /// `item` names the pickle in messages.
  init(_ bytes: [UInt8], from position: Int = 0, file: String, item: String) {
    self.bytes = bytes
    self.position = position
    self.file = file
    self.item = item
  }

  /// Runs to STOP and returns what is on top; `position` is then behind it.
  mutating func run() throws -> PickleValue {
    while true {
      let at = position
      let code = try byte()
      guard let opcode = PickleOpcode(rawValue: code) else {
        throw failure("refused: the opcode \(PickleOpcode.describe(code)) at byte \(at), which no state dict needs")
      }
      if opcode == .stop { return try pop() }
      try execute(opcode)
    }
  }

  /// The value under the string `key`, the last one where there are several; nil where `value` is not a dictionary or has none.
  func value(_ key: String, of value: PickleValue) -> PickleValue? {
    guard case .dictionary(let index) = value else { return nil }
    return dictionaries[index].last { if case .string(key) = $0.key { true } else { false } }?.value
  }

  func failure(_ message: String) -> Failure { Failure(.data, message, file: file, item: item) }

  // MARK: Opcodes

  private mutating func execute(_ opcode: PickleOpcode) throws {
    switch opcode {
    case .protocolVersion:
      let version = try byte()
      guard (2...5).contains(version) else { throw failure("pickle protocol \(version) is not supported (2 to 5 are)") }
    case .frame: _ = try unsigned(8)
    case .stop: break
    case .mark: marks.append(stack.count)
    case .none, .newTrue, .newFalse, .binInt, .binInt1, .binInt2, .long1, .binFloat: try number(opcode)
    case .binUnicode, .shortBinString, .binString: stack.append(.string(try text(unsigned(opcode == .shortBinString ? 1 : 4))))
    case .shortBinUnicode: stack.append(.string(try text(unsigned(1))))
    case .binUnicode8: stack.append(.string(try text(unsigned(8))))
    case .shortBinBytes, .binBytes:
      _ = try take(unsigned(opcode == .shortBinBytes ? 1 : 4))
      stack.append(.other)
    case .emptyTuple: push([], as: PickleValue.tuple)
    case .emptyList: push([], as: PickleValue.list)
    case .emptyDictionary: pushDictionary()
    case .tuple: push(try popToMark(), as: PickleValue.tuple)
    case .tuple1: push(try popLast(1), as: PickleValue.tuple)
    case .tuple2: push(try popLast(2), as: PickleValue.tuple)
    case .tuple3: push(try popLast(3), as: PickleValue.tuple)
    case .append: try append(try popLast(1))
    case .appends: try append(try popToMark())
    case .setItem: try setItems(try popLast(2))
    case .setItems: try setItems(try popToMark())
    case .binPut: memo[Int(try byte())] = try top()
    case .longBinPut: memo[try unsigned(4)] = try top()
    case .memoize: memo[memo.count] = try top()
    case .binGet: try get(Int(try byte()))
    case .longBinGet: try get(try unsigned(4))
    case .global: try global(module: try line(), name: try line())
    case .stackGlobal:
      let names = try popLast(2)
      guard case .string(let module) = names[0], case .string(let name) = names[1] else { throw failure("damaged: a name that is not a string") }
      try global(module: module, name: name)
    case .persistentID:
      let reference = try storage(try pop())
      storages.append(reference)
      stack.append(.storage(reference))
    case .reduce: try reduce()
    case .build: try build()
    }
  }

  private mutating func number(_ opcode: PickleOpcode) throws {
    switch opcode {
    case .newTrue: stack.append(.boolean(true))
    case .newFalse: stack.append(.boolean(false))
    case .binInt: stack.append(.integer(Int(Int32(bitPattern: UInt32(try unsigned(4))))))
    case .binInt1: stack.append(.integer(Int(try byte())))
    case .binInt2: stack.append(.integer(try unsigned(2)))
    case .binFloat: stack.append(.float(Double(bitPattern: try take(8).reduce(0) { $0 << 8 | UInt64($1) })))
    case .long1:
      let digits = Array(try take(Int(try byte())))
      guard digits.count <= 8 else { return stack.append(.other) }
      let value = littleEndian(digits, 0, digits.count)
      // The highest bit of the last byte is the sign.
      let shift = UInt64(64 - 8 * digits.count)
      stack.append(.integer(digits.isEmpty ? 0 : Int(Int64(bitPattern: value << shift) >> Int64(shift))))
    default: stack.append(.none)
    }
  }

  private mutating func push(_ values: [PickleValue], as make: (Int) -> PickleValue) {
    sequences.append(values)
    stack.append(make(sequences.count - 1))
  }

  private mutating func pushDictionary() {
    dictionaries.append([])
    stack.append(.dictionary(dictionaries.count - 1))
  }

  private mutating func append(_ values: [PickleValue]) throws {
    guard case .list(let index) = try top() else { throw failure("damaged: appending to \(try top().kind)") }
    sequences[index] += values
  }

  private mutating func setItems(_ values: [PickleValue]) throws {
    guard case .dictionary(let index) = try top(), values.count % 2 == 0 else { throw failure("damaged: setting items of \(try top().kind)") }
    for i in stride(from: 0, to: values.count, by: 2) { dictionaries[index].append((values[i], values[i + 1])) }
  }

  private mutating func get(_ key: Int) throws {
    guard let value = memo[key] else { throw failure("damaged: the memo has no entry \(key)") }
    stack.append(value)
  }

  private mutating func global(module: String, name: String) throws {
    guard let global = PickleGlobal(module: module, name: name) else {
      throw failure("refused: the pickle asks for `\(module).\(name)`, which no state dict needs")
    }
    stack.append(.global(global))
  }

  // MARK: The functions that a state dict calls

  private mutating func reduce() throws {
    let arguments = try elements(try pop(), "arguments")
    guard case .global(let function) = try pop() else { throw failure("damaged: calling what is not a function") }
    switch function {
    case .orderedDictionary where arguments.isEmpty: pushDictionary()
    case .size where arguments.count == 1:
      stack.append(arguments[0])
    case .rebuildTensor where arguments.count == 4, .rebuildTensorVersion2 where (4...7).contains(arguments.count):
      stack.append(.tensor(try tensor(arguments)))
    case .rebuildParameter where arguments.count == 3:
      guard case .tensor = arguments[0] else { throw failure("damaged: a parameter made of \(arguments[0].kind)") }
      stack.append(arguments[0])
    default: throw failure("refused: calling `\(function.name)` with \(arguments.count) arguments")
    }
  }

  /// The state of an ordered dictionary is its attribute `_metadata`, which is of no use here.
  private mutating func build() throws {
    _ = try pop()
    guard case .dictionary = try top() else { throw failure("refused: setting the state of \(try top().kind)") }
  }

  private func tensor(_ arguments: [PickleValue]) throws -> TensorReference {
    guard case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1] else {
      throw failure("damaged: a tensor of \(arguments[0].kind) at \(arguments[1].kind)")
    }
    let shape = try naturals(arguments[2], "shape")
    let strides = try naturals(arguments[3], "strides")
    guard offset >= 0, shape.count == strides.count else {
      throw failure("damaged: a tensor of shape \(shape) with strides \(strides) at \(offset)")
    }
    return TensorReference(storage: storage, offset: offset, shape: shape, strides: strides)
  }

  /// ('storage', type, key, device, count), in old files followed by None.
  private func storage(_ identifier: PickleValue) throws -> StorageReference {
    let parts = try elements(identifier, "persistent identifier")
    guard parts.count >= 5, parts.count <= 6, case .string("storage") = parts[0], case .global(.storageType(let type)) = parts[1],
      case .string(let key) = parts[2], case .integer(let count) = parts[4], count >= 0
    else { throw failure("refused: a persistent identifier that is not a storage") }
    if parts.count == 6 {
      guard case .none = parts[5] else { throw failure("refused: the storage \(key) is a view of another (a format before PyTorch 0.4)") }
    }
    return StorageReference(key: key, type: type, count: count)
  }

  /// The elements of a tuple or list.
  func elements(_ value: PickleValue, _ what: String) throws -> [PickleValue] {
    switch value {
    case .tuple(let index), .list(let index): return sequences[index]
    default: throw failure("damaged: \(what): expected a tuple, found \(value.kind)")
    }
  }

  private func naturals(_ value: PickleValue, _ what: String) throws -> [Int] {
    let values = try elements(value, what)
    guard values.count <= highestRank else { throw failure("refused: a tensor with \(values.count) axes") }
    return try values.map { value in
      guard case .integer(let number) = value, number >= 0 else { throw failure("damaged: \(what): \(value.kind) that is not a natural number") }
      return number
    }
  }

  // MARK: Bytes and stack

  private var ended: Failure { failure("the pickle ends too early (it is cut short, or damaged)") }

  private mutating func byte() throws -> UInt8 {
    guard position < bytes.count else { throw ended }
    position += 1
    return bytes[position - 1]
  }

  private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - position else { throw ended }
    position += count
    return bytes[position - count..<position]
  }

  private mutating func unsigned(_ count: Int) throws -> Int {
    let value = littleEndian(Array(try take(count)), 0, count)
    guard let number = Int(exactly: value) else { throw ended }
    return number
  }

  private mutating func text(_ count: Int) throws -> String { String(decoding: try take(count), as: UTF8.self) }

  private mutating func line() throws -> String {
    guard let end = bytes[position...].firstIndex(of: 10) else { throw ended }
    defer { position = end + 1 }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }

  /// Values below the last mark belong to what was begun before it.
  private var available: Int { stack.count - (marks.last ?? 0) }

  private func top() throws -> PickleValue {
    guard available > 0, let value = stack.last else { throw failure("damaged: the stack is empty") }
    return value
  }

  private mutating func pop() throws -> PickleValue { try popLast(1)[0] }

  private mutating func popLast(_ count: Int) throws -> [PickleValue] {
    guard available >= count else { throw failure("damaged: the stack is empty") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws -> [PickleValue] {
    guard let mark = marks.popLast() else { throw failure("damaged: there is no mark") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }
}

/// The opcodes that a state dict needs, by their bytes (Python's pickletools names).
enum PickleOpcode: UInt8 {
  case mark = 0x28, emptyTuple = 0x29, stop = 0x2E, binBytes = 0x42, shortBinBytes = 0x43, binFloat = 0x47, binInt = 0x4A
  case binInt1 = 0x4B, binInt2 = 0x4D, none = 0x4E, persistentID = 0x51, reduce = 0x52, binString = 0x54, shortBinString = 0x55
  case binUnicode = 0x58, emptyList = 0x5D, append = 0x61, build = 0x62, global = 0x63, appends = 0x65, binGet = 0x68, longBinGet = 0x6A
  case binPut = 0x71, longBinPut = 0x72, setItem = 0x73, tuple = 0x74, setItems = 0x75, emptyDictionary = 0x7D, protocolVersion = 0x80
  case tuple1 = 0x85, tuple2 = 0x86, tuple3 = 0x87, newTrue = 0x88, newFalse = 0x89, long1 = 0x8A, shortBinUnicode = 0x8C
  case binUnicode8 = 0x8D, stackGlobal = 0x93, memoize = 0x94, frame = 0x95

  private static let refused: [UInt8: String] = [
    0x81: "NEWOBJ", 0x92: "NEWOBJ_EX", 0x69: "INST", 0x6F: "OBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x50: "PERSID", 0x8B: "LONG4",
    0x30: "POP", 0x31: "POP_MARK", 0x32: "DUP", 0x46: "FLOAT", 0x49: "INT", 0x4C: "LONG", 0x53: "STRING", 0x56: "UNICODE", 0x64: "DICT",
    0x6C: "LIST", 0x67: "GET", 0x70: "PUT", 0x8F: "EMPTY_SET", 0x90: "ADDITEMS", 0x91: "FROZENSET", 0x8E: "BINBYTES8", 0x96: "BYTEARRAY8",
  ]

  static func describe(_ code: UInt8) -> String { refused[code] ?? "0x" + String(code, radix: 16) }
}
