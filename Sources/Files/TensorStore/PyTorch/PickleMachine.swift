import Foundations

/// Reads the pickle of a checkpoint as data. It builds descriptions and executes nothing: the names that tensors and
/// dictionaries are made by are understood, any other name, and what calling it would give, becomes an opaque object.
/// Names that attacks ask for are refused.
///
/// Work and memory are in proportion to the length of the pickle.
struct PickleMachine {
  let bytes: [UInt8]
  private(set) var position: Int
  private let file: String
  private let item: String

  private(set) var sequences: [[PickleValue]] = []
  private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  private(set) var objects: [PickleObject] = []
  /// Every storage that was mentioned, in order.
  private(set) var storages: [StorageReference] = []
  /// Whether a storage or a tensor went into a sequence or dictionary.
  private var sequenceHoldsTensor: [Bool] = []
  private var dictionaryHoldsTensor: [Bool] = []
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  /// Keys and values that were copied from one container into another.
  private var copied = 0

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
        throw failure("damaged: no opcode of pickles is \(code), at byte \(at)")
      }
      if opcode == .stop { return try pop() }
      try execute(opcode)
    }
  }

  /// The value under the string `key`, the last one where there are several; nil where `value` is not a dictionary or
  /// has none.
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
      guard version <= 5 else { throw failure("pickle protocol \(version) is not supported (0 to 5 are)") }
    case .frame: _ = try unsigned(8)
    case .stop, .readOnlyBuffer: break
    case .mark: marks.append(stack.count)
    case .none, .newTrue, .newFalse, .binInt, .binInt1, .binInt2, .long1, .long4, .binFloat: try number(opcode)
    case .int, .long, .float, .string, .unicode: try textual(opcode)
    case .binUnicode, .shortBinString, .binString:
      stack.append(.string(try text(unsigned(opcode == .shortBinString ? 1 : 4))))
    case .shortBinUnicode: stack.append(.string(try text(unsigned(1))))
    case .binUnicode8: stack.append(.string(try text(unsigned(8))))
    case .shortBinBytes, .binBytes, .binBytes8, .byteArray8:
      _ = try take(unsigned(opcode == .shortBinBytes ? 1 : opcode == .binBytes ? 4 : 8))
      stack.append(.other)
    case .nextBuffer: stack.append(.other)
    case .pop: if available > 0 { _ = try pop() } else { _ = try popToMark() }
    case .popMark: _ = try popToMark()
    case .duplicate: stack.append(try top())
    case .emptyTuple, .emptyList, .emptyDictionary, .emptySet, .tuple, .list, .dictionary, .frozenSet, .tuple1, .tuple2,
      .tuple3:
      try container(opcode)
    case .append: try append(try popLast(1))
    case .appends, .addItems: try append(try popToMark())
    case .setItem: try setItems(try popLast(2))
    case .setItems: try setItems(try popToMark())
    case .binPut: memo[Int(try byte())] = try top()
    case .longBinPut: memo[try unsigned(4)] = try top()
    case .put: memo[try memoKey()] = try top()
    case .memoize: memo[memo.count] = try top()
    case .binGet: try get(Int(try byte()))
    case .longBinGet: try get(try unsigned(4))
    case .get: try get(try memoKey())
    case .global: try global(module: try line(), name: try line())
    case .stackGlobal:
      let names = try popLast(2)
      guard case .string(let module) = names[0], case .string(let name) = names[1] else {
        throw failure("damaged: a name that is not a string")
      }
      try global(module: module, name: name)
    case .extension1, .extension2, .extension4, .persistentName, .persistentID, .reduce, .instance, .object, .newObject,
      .newObjectEx, .build:
      try object(opcode)
    }
  }

  /// Opcodes that make objects, or call what makes them.
  private mutating func object(_ opcode: PickleOpcode) throws {
    switch opcode {
    case .extension1, .extension2, .extension4:
      let code = try unsigned(opcode == .extension1 ? 1 : opcode == .extension2 ? 2 : 4)
      stack.append(makeObject("extension \(code)", of: []))
    case .persistentName: stack.append(makeObject("persistent identifier \(try line())", of: []))
    case .persistentID: stack.append(try persistent(try pop()))
    case .reduce: try reduce()
    case .instance:
      try global(module: try line(), name: try line())
      let callee = try pop()
      stack.append(try call(callee, with: try popToMark()))
    case .object:
      let values = try popToMark()
      guard let callee = values.first else { throw failure("damaged: an object of no class") }
      stack.append(try call(callee, with: Array(values.dropFirst())))
    case .newObject:
      let values = try popLast(2)
      stack.append(try call(values[0], with: try elements(values[1], "arguments")))
    case .newObjectEx:
      let values = try popLast(3)
      stack.append(try call(values[0], with: try elements(values[1], "arguments")))
    case .build: try build()
    default: break
    }
  }

  private mutating func container(_ opcode: PickleOpcode) throws {
    switch opcode {
    case .emptyTuple: push([], as: PickleValue.tuple)
    case .emptyList: push([], as: PickleValue.list)
    case .emptyDictionary: pushDictionary([])
    case .tuple: push(try popToMark(), as: PickleValue.tuple)
    case .list: push(try popToMark(), as: PickleValue.list)
    case .dictionary: pushDictionary(try popToMark())
    case .tuple1: push(try popLast(1), as: PickleValue.tuple)
    case .tuple2: push(try popLast(2), as: PickleValue.tuple)
    case .tuple3: push(try popLast(3), as: PickleValue.tuple)
    case .frozenSet: stack.append(makeObject("frozenset", of: try popToMark()))
    default: stack.append(makeObject("set", of: []))
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
    case .long1, .long4:
      let digits = Array(try take(unsigned(opcode == .long1 ? 1 : 4)))
      guard digits.count <= 8 else { return stack.append(.other) }
      let value = littleEndian(digits, 0, digits.count)
      // The highest bit of the last byte is the sign.
      let shift = UInt64(64 - 8 * digits.count)
      stack.append(.integer(digits.isEmpty ? 0 : Int(Int64(bitPattern: value << shift) >> Int64(shift))))
    default: stack.append(.none)
    }
  }

  /// The values that the oldest protocol writes as lines of text.
  private mutating func textual(_ opcode: PickleOpcode) throws {
    let line = try line()
    switch opcode {
    case .int where line == "00" || line == "01": stack.append(.boolean(line == "01"))
    case .int, .long:
      stack.append(Int(line.hasSuffix("L") ? String(line.dropLast()) : line).map(PickleValue.integer) ?? .other)
    case .float: stack.append(Double(line).map(PickleValue.float) ?? .other)
    // A string in quotes, with escapes where it has unusual characters; names of tensors have none.
    case .string: stack.append(.string(String(line.dropFirst().dropLast())))
    default: stack.append(.string(line))
    }
  }

  private mutating func push(_ values: [PickleValue], as make: (Int) -> PickleValue) {
    sequences.append(values)
    sequenceHoldsTensor.append(values.contains(where: holdsTensor))
    stack.append(make(sequences.count - 1))
  }

  /// A dictionary of keys and values in turn; an odd one at the end is left out.
  private mutating func pushDictionary(_ values: [PickleValue]) {
    dictionaries.append(stride(from: 0, to: values.count - 1, by: 2).map { (values[$0], values[$0 + 1]) })
    dictionaryHoldsTensor.append(values.contains(where: holdsTensor))
    stack.append(.dictionary(dictionaries.count - 1))
  }

  private mutating func makeObject(_ origin: String, of values: [PickleValue]) -> PickleValue {
    objects.append(PickleObject(origin: origin, holdsTensor: values.contains(where: holdsTensor)))
    return .object(objects.count - 1)
  }

  /// Whether a storage or a tensor went into a value, as far as that is known when it is asked.
  private func holdsTensor(_ value: PickleValue) -> Bool {
    switch value {
    case .storage, .tensor: true
    case .tuple(let index), .list(let index): sequenceHoldsTensor[index]
    case .dictionary(let index): dictionaryHoldsTensor[index]
    case .object(let index): objects[index].holdsTensor
    case .none, .boolean, .integer, .float, .string, .other, .global: false
    }
  }

  private mutating func append(_ values: [PickleValue]) throws {
    switch try top() {
    case .list(let index):
      sequences[index] += values
      if values.contains(where: holdsTensor) { sequenceHoldsTensor[index] = true }
    case .object(let index):
      if values.contains(where: holdsTensor) { objects[index].holdsTensor = true }
    default: throw failure("damaged: appending to \(try top().kind)")
    }
  }

  private mutating func setItems(_ values: [PickleValue]) throws {
    guard values.count % 2 == 0 else { throw failure("damaged: a key without a value") }
    switch try top() {
    case .dictionary(let index):
      for i in stride(from: 0, to: values.count, by: 2) { dictionaries[index].append((values[i], values[i + 1])) }
      if values.contains(where: holdsTensor) { dictionaryHoldsTensor[index] = true }
    case .object(let index):
      if values.contains(where: holdsTensor) { objects[index].holdsTensor = true }
    default: throw failure("damaged: setting items of \(try top().kind)")
    }
  }

  private mutating func memoKey() throws -> Int {
    guard let key = Int(try line()) else { throw failure("damaged: a key of the memo that is no number") }
    return key
  }

  private mutating func get(_ key: Int) throws {
    guard let value = memo[key] else { throw failure("damaged: the memo has no entry \(key)") }
    stack.append(value)
  }

  private mutating func global(module: String, name: String) throws {
    guard !PickleGlobal.isAttack(module: module, name: name) else {
      throw failure(
        "refused: the pickle asks for `\(module).\(name)`, which no checkpoint needs and attacks use; nothing was "
          + "executed"
      )
    }
    stack.append(.global(PickleGlobal(module: module, name: name)))
  }

  // MARK: Calls

  private mutating func reduce() throws {
    let arguments = try elements(try pop(), "arguments")
    let callee = try pop()
    stack.append(try call(callee, with: arguments))
  }

  /// What calling `callee` gives: a tensor or dictionary where that is understood, else an object.
  private mutating func call(_ callee: PickleValue, with arguments: [PickleValue]) throws -> PickleValue {
    guard case .global(let function) = callee else { return makeObject(callee.kind, of: [callee] + arguments) }
    switch function {
    case .dictionary: return try dictionary(arguments)
    case .size where arguments.count == 1: return arguments[0]
    case .rebuildTensor where arguments.count == 4, .rebuildTensorVersion2 where (4...7).contains(arguments.count):
      return try tensor(arguments, type: nil, function)
    case .rebuildTensorVersion3 where (7...8).contains(arguments.count):
      guard case .global(.elementType(let type)) = arguments[6] else {
        return makeObject("\(function.name) of \(described(arguments[6]))", of: arguments)
      }
      return try tensor(arguments, type: type, function)
    case .rebuildParameter where arguments.count == 3, .rebuildParameterWithState where arguments.count == 4:
      if case .tensor = arguments[0] { return arguments[0] }
      return makeObject(function.name, of: arguments)
    case .rebuildFromType where arguments.count == 4:
      guard case .global(let inner) = arguments[0], inner != .rebuildFromType, case .tuple(let index) = arguments[2]
      else { break }
      return try call(arguments[0], with: sequences[index])
    default: break
    }
    // Arrays of numpy have their elements in bytes beside the call.
    let isArray = function.name.hasPrefix("numpy") && function.name.hasSuffix("_reconstruct")
    let object = makeObject(function.name, of: arguments)
    if isArray { objects[objects.count - 1].holdsTensor = true }
    return object
  }

  private func described(_ value: PickleValue) -> String {
    switch value {
    case .global(let global): "`\(global.name)`"
    case .object(let index): "`\(objects[index].origin)`"
    default: value.kind
    }
  }

  /// A dictionary of pairs, as the oldest writers call for one; a factory of default values counts as nothing.
  private mutating func dictionary(_ arguments: [PickleValue]) throws -> PickleValue {
    var values: [PickleValue] = []
    for argument in arguments {
      switch argument {
      case .tuple(let index), .list(let index):
        for pair in sequences[index] {
          guard case let parts = try elements(pair, "pair of a dictionary"), parts.count == 2 else {
            throw failure("damaged: a dictionary of other than pairs")
          }
          values += parts
        }
      case .dictionary(let index): values += dictionaries[index].flatMap { [$0.key, $0.value] }
      default: break
      }
    }
    // Copies of copies could grow without end.
    copied += values.count
    guard copied <= bytes.count else { throw failure("refused: dictionaries larger than the pickle") }
    pushDictionary(values)
    return try pop()
  }

  /// The state of an ordered dictionary is its attribute `_metadata`, which is of no use here; that of an object
  /// belongs to it.
  private mutating func build() throws {
    let state = try pop()
    if case .object(let index) = try top(), holdsTensor(state) { objects[index].holdsTensor = true }
  }

  /// `type`: where the storage does not say it.
  private mutating func tensor(_ arguments: [PickleValue], type: ElementType?, _ function: PickleGlobal) throws
    -> PickleValue
  {
    guard case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1] else {
      throw failure("damaged: a tensor of \(arguments[0].kind) at \(arguments[1].kind)")
    }
    if let unreadable = storage.unreadable { return makeObject(unreadable, of: arguments) }
    guard let type = storage.type ?? type else { return makeObject("\(function.name) on bytes", of: arguments) }
    let shape = try naturals(arguments[2], "shape")
    let strides = try naturals(arguments[3], "strides")
    guard offset >= 0, shape.count == strides.count else {
      throw failure("damaged: a tensor of shape \(shape) with strides \(strides) at \(offset)")
    }
    return .tensor(TensorReference(storage: storage, type: type, offset: offset, shape: shape, strides: strides))
  }

  private mutating func persistent(_ identifier: PickleValue) throws -> PickleValue {
    guard case .tuple(let index) = identifier, case .string("storage")? = sequences[index].first else {
      return makeObject("a persistent identifier", of: [identifier])
    }
    let reference = try storage(sequences[index])
    storages.append(reference)
    return .storage(reference)
  }

  /// ('storage', type, key, device, count), in old files followed by None.
  private func storage(_ parts: [PickleValue]) throws -> StorageReference {
    guard parts.count >= 5, parts.count <= 6, case .global(let type) = parts[1], case .string(let key) = parts[2],
      case .integer(let count) = parts[4], count >= 0
    else { throw failure("damaged: a storage that is not described as one") }
    if parts.count == 6 {
      guard case .none = parts[5] else {
        throw failure("refused: the storage \(key) is a view of another (a format before PyTorch 0.4)")
      }
    }
    switch type {
    case .storageType(let type): return StorageReference(key: key, type: type, elementSize: type.size, count: count)
    case .untypedStorage: return StorageReference(key: key, type: nil, elementSize: 1, count: count)
    case .otherStorage(let name, let size):
      return StorageReference(key: key, type: nil, unreadable: "torch.\(name)", elementSize: size, count: count)
    default: throw failure("refused: the storage \(key) has elements of the unknown type `\(type.name)`")
    }
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
      guard case .integer(let number) = value, number >= 0 else {
        throw failure("damaged: \(what): \(value.kind) that is not a natural number")
      }
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
