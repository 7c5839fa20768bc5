import Foundations

/// What a pickle of arrays is made of. Containers are indices into the machine's arena, so that no nesting costs
/// anything when values are let go.
enum NumpyObject {
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case text(String)
  case bytes(ArraySlice<UInt8>)
  case tuple(Int)
  case list(Int)
  case dictionary(Int)
  case function(NumpyFunction)
  case type(Int)
  case array(Int)
  case storage(ElementType, ArraySlice<UInt8>)
  case numbers(NumpyElements)
}

/// The only names that a pickle may mention. They are labels here: nothing is imported and nothing is called.
enum NumpyFunction {
  case array, type, reconstruct, scalar, fromBuffer, encode, orderedDictionary, rebuildTensor, loadStorage

  init?(module: String, name: String) {
    let core = module.replacing("numpy._core", with: "numpy.core")
    switch (core, name) {
    case ("numpy", "ndarray"): self = .array
    case ("numpy", "dtype"): self = .type
    case ("numpy.core.multiarray", "_reconstruct"): self = .reconstruct
    case ("numpy.core.multiarray", "scalar"): self = .scalar
    case ("numpy.core.numeric", "_frombuffer"): self = .fromBuffer
    case ("_codecs", "encode"): self = .encode
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch.storage", "_load_from_bytes"): self = .loadStorage
    default: return nil
    }
  }
}

/// Reads the pickle that `numpy.save` writes for a dictionary of arrays: the opcodes and names that this needs,
/// everything else refused by name.
///
/// It builds descriptions and executes nothing. Work and memory are in proportion to the length of the pickle.
struct NumpyPickle {
  private let bytes: ArraySlice<UInt8>
  private var position: Int
  private let file: String

  private var sequences: [[NumpyObject]] = []
  private(set) var dictionaries: [[(key: NumpyObject, value: NumpyObject)]] = []
  /// Names of types; the byte order is put in front by BUILD.
  private var types: [String] = []
  /// Arrays of numbers, or of one object each.
  private var arrays: [NumpyObject] = []
  private var stack: [NumpyObject] = []
  private var marks: [Int] = []
  private var memo: [Int: NumpyObject] = [:]

  init(_ bytes: ArraySlice<UInt8>, file: String) {
    self.bytes = bytes
    self.file = file
    position = bytes.startIndex
  }

  /// Runs to STOP. Arrays of numbers come as `.numbers`, an array of one object as that object.
  mutating func run() throws -> NumpyObject {
    while true {
      let code = try take(1)[0]
      if code == UInt8(ascii: ".") { return resolved(try pop()) }
      try execute(code)
    }
  }

  /// An array as what it holds; anything else as it is.
  func resolved(_ object: NumpyObject) -> NumpyObject {
    if case .array(let index) = object { return arrays[index] }
    return object
  }

  func failure(_ message: String) -> Failure { Failure(.data, message, file: file, item: "pickle") }

  // MARK: Opcodes, by the bytes of Python's pickletools

  private mutating func execute(_ code: UInt8) throws {
    switch code {
    case 0x80: _ = try take(1)
    case 0x95: _ = try take(8)
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88, 0x89: stack.append(.boolean(code == 0x88))
    case UInt8(ascii: "J"): stack.append(.integer(Int(Int32(truncatingIfNeeded: try unsigned(4)))))
    case UInt8(ascii: "K"): stack.append(.integer(try unsigned(1)))
    case UInt8(ascii: "M"): stack.append(.integer(try unsigned(2)))
    case 0x8A: stack.append(try longInteger())
    case UInt8(ascii: "G"): stack.append(.float(Double(bitPattern: try take(8).reduce(0) { $0 << 8 | UInt64($1) })))
    case 0x8C, UInt8(ascii: "X"), 0x8D:
      stack.append(.text(String(decoding: try run(of: [0x8C: 1, 0x58: 4, 0x8D: 8], code), as: UTF8.self)))
    case UInt8(ascii: "U"), UInt8(ascii: "T"): stack.append(.bytes(try run(of: [0x55: 1, 0x54: 4], code)))
    case UInt8(ascii: "C"), UInt8(ascii: "B"), 0x8E, 0x96:
      stack.append(.bytes(try run(of: [0x43: 1, 0x42: 4, 0x8E: 8, 0x96: 8], code)))
    case UInt8(ascii: "q"): memo[try unsigned(1)] = try top()
    case UInt8(ascii: "r"): memo[try unsigned(4)] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "h"): try get(try unsigned(1))
    case UInt8(ascii: "j"): try get(try unsigned(4))
    case UInt8(ascii: "c"): try function(module: try line(), name: try line())
    case 0x93:
      guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
        throw failure("damaged: a name that is not a text")
      }
      try function(module: module, name: name)
    case UInt8(ascii: "R"): try reduce()
    case UInt8(ascii: "b"): try build()
    default: try container(code)
    }
  }

  private mutating func container(_ code: UInt8) throws {
    switch code {
    case UInt8(ascii: ")"): push([], as: NumpyObject.tuple)
    case UInt8(ascii: "t"): push(try popToMark(), as: NumpyObject.tuple)
    case 0x85, 0x86, 0x87: push(try popLast(Int(code) - 0x84), as: NumpyObject.tuple)
    case UInt8(ascii: "]"): push([], as: NumpyObject.list)
    case UInt8(ascii: "l"): push(try popToMark(), as: NumpyObject.list)
    case UInt8(ascii: "a"), UInt8(ascii: "e"):
      let values = code == UInt8(ascii: "a") ? try popLast(1) : try popToMark()
      guard case .list(let index) = try top() else { throw failure("damaged: appending to what is no list") }
      sequences[index] += values
    case UInt8(ascii: "}"): pushDictionary()
    case UInt8(ascii: "s"), UInt8(ascii: "u"):
      let values = code == UInt8(ascii: "s") ? try popLast(2) : try popToMark()
      guard case .dictionary(let index) = try top(), values.count % 2 == 0 else {
        throw failure("damaged: setting items of what is no dictionary")
      }
      for i in stride(from: 0, to: values.count, by: 2) { dictionaries[index].append((values[i], values[i + 1])) }
    default:
      let name = String(code, radix: 16)
      throw failure(
        "refused: the opcode 0x\(name) at byte \(position - 1 - bytes.startIndex), which no dictionary of arrays needs")
    }
  }

  private mutating func function(module: String, name: String) throws {
    guard let function = NumpyFunction(module: module, name: name) else {
      throw failure("refused: the pickle asks for `\(module).\(name)`, which no dictionary of arrays needs")
    }
    stack.append(.function(function))
  }

  private mutating func longInteger() throws -> NumpyObject {
    let digits = Array(try take(try unsigned(1)))
    guard digits.count <= 8 else { throw failure("refused: an integer of more than 64 bits") }
    let shift = UInt64(64 - 8 * digits.count)
    // The highest bit of the last byte is the sign.
    return .integer(
      digits.isEmpty ? 0 : Int(Int64(bitPattern: littleEndian(digits, 0, digits.count) << shift) >> Int64(shift)))
  }

  // MARK: The functions that such a pickle calls

  private mutating func reduce() throws {
    let arguments = try elements(try pop())
    guard case .function(let function) = try pop() else { throw failure("damaged: calling what is not a function") }
    switch (function, arguments.count) {
    case (.reconstruct, 3):
      arrays.append(.none)
      stack.append(.array(arrays.count - 1))
    case (.type, 1...):
      types.append(try text(arguments[0]))
      stack.append(.type(types.count - 1))
    case (.scalar, 2): stack.append(try scalar(arguments))
    case (.fromBuffer, 4): try fromBuffer(arguments)
    case (.encode, 1...): stack.append(.bytes(try latin(arguments[0])))
    case (.orderedDictionary, 0): pushDictionary()
    case (.rebuildTensor, 4...): stack.append(try tensor(arguments))
    case (.loadStorage, 1):
      guard case .bytes(let content) = arguments[0] else { throw failure("damaged: a storage that is not bytes") }
      let (type, elements) = try PyTorchCheckpoint.storage(ByteSource(bytes: Array(content), name: file))
      stack.append(.storage(type, elements))
    default: throw failure("refused: a call with \(arguments.count) arguments that no dictionary of arrays needs")
    }
  }

  /// The state of a type is (version, byte order, ...), of an array (version, shape, type, whether Fortran, bytes or a
  /// list of objects).
  private mutating func build() throws {
    let state = try pop()
    switch try top() {
    case .type(let index):
      let parts = try elements(state)
      guard parts.count >= 2 else { throw failure("damaged: the state of a type") }
      types[index] = try text(parts[1]) + types[index]
    case .array(let index):
      let parts = try elements(state)
      guard parts.count == 5, case .boolean(let isFortran) = flag(parts[3]) else {
        throw failure("damaged: the state of an array")
      }
      arrays[index] = try array(shape: naturals(parts[1]), type: type(of: parts[2]), isFortran: isFortran, parts[4])
    case .dictionary: break
    default: throw failure("refused: setting the state of what has none")
    }
  }

  private func array(shape: [Int], type: NumpyType, isFortran: Bool, _ data: NumpyObject) throws -> NumpyObject {
    if case .list(let index) = data, type == .object {
      guard sequences[index].count == 1 else {
        throw failure("refused: an array of \(sequences[index].count) objects; one dictionary is expected")
      }
      return sequences[index][0]
    }
    let content: ArraySlice<UInt8>
    if case .text = data {
      content = try latin(data)
    } else if case .bytes(let bytes) = data {
      content = bytes
    } else {
      content = []
    }
    guard let elements = NumpyElements(type: type, shape: shape, isFortran: isFortran, bytes: content) else {
      throw failure("damaged: \(content.count) bytes for an array of shape \(shape)")
    }
    return .numbers(elements)
  }

  private func scalar(_ arguments: [NumpyObject]) throws -> NumpyObject {
    let array = try array(shape: [], type: type(of: arguments[0]), isFortran: false, arguments[1])
    guard case .numbers(let elements) = array else { return array }
    if let integer = elements.integers?.first { return .integer(integer) }
    return .float(Double(elements.tensor.item))
  }

  private mutating func fromBuffer(_ arguments: [NumpyObject]) throws {
    let isFortran = try text(arguments[3]) == "F"
    arrays.append(
      try array(shape: naturals(arguments[2]), type: type(of: arguments[1]), isFortran: isFortran, arguments[0]))
    stack.append(.array(arrays.count - 1))
  }

  /// A tensor of PyTorch that covers its storage in C order.
  private func tensor(_ arguments: [NumpyObject]) throws -> NumpyObject {
    guard case .storage(let type, let content) = arguments[0], case .integer(let offset) = arguments[1], offset >= 0
    else {
      throw failure("damaged: a tensor without a storage")
    }
    let (shape, strides) = (try naturals(arguments[2]), try naturals(arguments[3]))
    let storage = StorageReference(
      key: "", type: type, elementSize: type.size, count: content.count / type.size)
    let reference = TensorReference(
      storage: storage, type: type, offset: offset, shape: shape, strides: strides)
    guard shape.count == strides.count, shape.count <= highestRank, let last = reference.last,
      (0..<storage.count).contains(last),
      reference.isContiguous, let count = reference.count, let numbers = type.numpy
    else {
      throw failure(
        "expected a tensor whose elements lie one behind the other, found shape \(shape) with strides \(strides)")
    }
    let start = content.startIndex + offset * type.size
    guard
      let elements = NumpyElements(
        type: numbers, shape: shape, isFortran: false, bytes: content[start..<start + count * type.size])
    else {
      throw failure("damaged: a tensor of shape \(shape) in a storage of \(storage.count) elements")
    }
    return .numbers(elements)
  }

  // MARK: Values

  func elements(_ object: NumpyObject) throws -> [NumpyObject] {
    switch object {
    case .tuple(let index), .list(let index): return sequences[index]
    default: throw failure("damaged: expected a tuple")
    }
  }

  private func naturals(_ object: NumpyObject) throws -> [Int] {
    try elements(object).map { value in
      guard case .integer(let number) = value, number >= 0 else {
        throw failure("damaged: a shape with what is no natural number")
      }
      return number
    }
  }

  private func type(of object: NumpyObject) throws -> NumpyType {
    guard case .type(let index) = object else { throw failure("damaged: an array without a type") }
    guard let type = NumpyType(types[index]) else {
      throw failure("expected little-endian numbers, found elements of type \(types[index])")
    }
    return type
  }

  /// Texts are bytes in pickles of Python 2.
  func text(_ object: NumpyObject) throws -> String {
    switch object {
    case .text(let text): return text
    case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
    default: throw failure("damaged: expected a text")
    }
  }

  private func flag(_ object: NumpyObject) -> NumpyObject {
    if case .integer(let value) = object { return .boolean(value != 0) }
    return object
  }

  /// Bytes as protocol 2 has them: a text with a character for each.
  private func latin(_ object: NumpyObject) throws -> ArraySlice<UInt8> {
    guard case .text(let text) = object else { throw failure("damaged: expected a text") }
    return try ArraySlice(
      text.unicodeScalars.map { scalar in
        guard let byte = UInt8(exactly: scalar.value) else { throw failure("damaged: a character beyond one byte") }
        return byte
      })
  }

  // MARK: Bytes and stack

  private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.endIndex - position else {
      throw failure("the pickle ends too early (it is cut short, or damaged)")
    }
    position += count
    // Indices from 0 for single bytes; long runs stay slices of the whole.
    return count <= 8 ? ArraySlice(Array(bytes[position - count..<position])) : bytes[position - count..<position]
  }

  private mutating func unsigned(_ count: Int) throws -> Int {
    guard let number = Int(exactly: littleEndian(Array(try take(count)), 0, count)) else {
      throw failure("damaged: a length beyond 63 bits")
    }
    return number
  }

  /// As many bytes as the number says that follows the opcode; `widths` says in how many bytes.
  private mutating func run(of widths: [UInt8: Int], _ code: UInt8) throws -> ArraySlice<UInt8> {
    try take(try unsigned(widths[code] ?? 8))
  }

  private mutating func line() throws -> String {
    guard let end = bytes[position...].firstIndex(of: 10) else {
      throw failure("the pickle ends too early (it is cut short, or damaged)")
    }
    defer { position = end + 1 }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }

  private mutating func push(_ values: [NumpyObject], as make: (Int) -> NumpyObject) {
    sequences.append(values)
    stack.append(make(sequences.count - 1))
  }

  private mutating func pushDictionary() {
    dictionaries.append([])
    stack.append(.dictionary(dictionaries.count - 1))
  }

  private mutating func get(_ key: Int) throws {
    guard let value = memo[key] else { throw failure("damaged: the memo has no entry \(key)") }
    stack.append(value)
  }

  /// Values below the last mark belong to what was begun before it.
  private var available: Int { stack.count - (marks.last ?? 0) }

  private func top() throws -> NumpyObject {
    guard available > 0, let value = stack.last else { throw failure("damaged: the stack is empty") }
    return value
  }

  private mutating func pop() throws -> NumpyObject { try popLast(1)[0] }

  private mutating func popLast(_ count: Int) throws -> [NumpyObject] {
    guard available >= count else { throw failure("damaged: the stack is empty") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws -> [NumpyObject] {
    guard let mark = marks.popLast() else { throw failure("damaged: there is no mark") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }
}

extension ElementType {
  /// The same type in numpy; nil for bfloat16 and floats of 8 bits, which numpy has not.
  fileprivate var numpy: NumpyType? {
    switch self {
    case .float: .float
    case .double: .double
    case .half: .half
    case .bfloat16: nil
    case .int64: .signed(8)
    case .int32: .signed(4)
    case .int16: .signed(2)
    case .int8: .signed(1)
    case .uint64: .unsigned(8)
    case .uint32: .unsigned(4)
    case .uint16: .unsigned(2)
    case .uint8: .unsigned(1)
    case .boolean: .boolean
    case .float8e4m3Finite, .float8e5m2, .float8e4m3UnsignedZero, .float8e5m2UnsignedZero: nil
    }
  }
}
