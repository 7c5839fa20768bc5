import Foundations
import Tensors

extension PyTorchCheckpoint {
  static func tensors(_ content: Content, _ source: ByteSource, _ stripping: Bool) throws -> NamedTensors {
    let references = try stateDictionary(content, source)
    // Shared and expanded views may show more than the file holds, but not without limit: a small file must not be able to take all memory.
    let limit = source.size * 16 + (1 << 22)
    var total = 0
    var result = NamedTensors(source: source.name)
    var reader = StorageReader(content: content, source: source)
    for (name, reference) in references {
      func failure(_ message: String) -> Failure { Failure(.data, message, file: source.name, item: name) }
      guard let last = reference.last, last < reference.storage.count else {
        throw failure("a tensor of shape \(Shape(reference.shape)) does not fit in its storage of \(reference.storage.count) elements")
      }
      guard let count = reference.count, count <= limit, total + count <= limit else {
        throw failure("a tensor of shape \(reference.shape) shows far more than the file holds")
      }
      total += count
      let name = stripping && name.hasPrefix("module.") ? String(name.dropFirst(7)) : name
      guard result[name] == nil else { throw failure("two tensors have this name") }
      result.append(name, try reader.tensor(reference, count: count, item: name))
    }
    return result
  }

  /// The names and tensors of the state dict within the pickled object.
  private static func stateDictionary(_ content: Content, _ source: ByteSource) throws -> [(String, TensorReference)] {
    let machine = content.machine
    for key in ["state_dict", "model_state_dict", "model"] {
      if let nested = machine.value(key, of: content.root) {
        let entries = tensorEntries(machine, nested)
        if !entries.isEmpty { return entries }
      }
    }
    let entries = tensorEntries(machine, content.root)
    guard !entries.isEmpty else {
      throw Failure(.data, "holds no state dict: neither tensors by name, nor a dictionary of them under `state_dict` or `model`", file: source.name)
    }
    return entries
  }

  /// A name set twice has its first place and its last value, as in Python.
  private static func tensorEntries(_ machine: PickleMachine, _ value: PickleValue) -> [(String, TensorReference)] {
    guard case .dictionary(let index) = value else { return [] }
    var places: [String: Int] = [:]
    var entries: [(String, TensorReference?)] = []
    for (key, value) in machine.dictionaries[index] {
      guard case .string(let name) = key else { continue }
      var reference: TensorReference?
      if case .tensor(let tensor) = value { reference = tensor }
      if let place = places[name] {
        entries[place].1 = reference
      } else {
        places[name] = entries.count
        entries.append((name, reference))
      }
    }
    return entries.compactMap { entry in entry.1.map { (entry.0, $0) } }
  }
}

/// Reads storages and shows tensors on them. Keeps the last storage, since tensors that share one usually follow each other.
private struct StorageReader {
  let content: PyTorchCheckpoint.Content
  let source: ByteSource
  private var key: String?
  private var bytes: [UInt8] = []

  init(content: PyTorchCheckpoint.Content, source: ByteSource) {
    self.content = content
    self.source = source
  }

  mutating func tensor(_ reference: TensorReference, count: Int, item: String) throws -> Tensor {
    let storage = reference.storage
    let (size, overflow) = storage.count.multipliedReportingOverflow(by: storage.type.size)
    let place = try content.locate(storage)
    guard !overflow, place.size == size else {
      throw Failure(
        .data, "the storage \(storage.key) holds \(place.size) bytes, but \(storage.count) elements of \(storage.type.size) bytes are expected",
        file: source.name, item: item)
    }
    if key != storage.key {
      bytes = try source.read(place.offset, place.size, item)
      key = storage.key
    }
    return Tensor(Shape(reference.shape)) { target in
      guard count > 0 else { return }
      bytes.withUnsafeBytes { fill(target, from: $0, reference) }
    }
  }

  private func fill(_ target: UnsafeMutableBufferPointer<Float>, from bytes: UnsafeRawBufferPointer, _ reference: TensorReference) {
    func gather<Element: BitwiseCopyable>(_: Element.Type, _ widen: (Element) -> Float) {
      let elements = bytes.bindMemory(to: Element.self)
      forEachPosition(reference) { target[$0] = widen(elements[$1]) }
    }
    switch reference.storage.type {
    case .float: gather(UInt32.self) { Float(bitPattern: UInt32(littleEndian: $0)) }
    case .double: gather(UInt64.self) { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
    case .half: gather(UInt16.self) { Float(Float16(bitPattern: UInt16(littleEndian: $0))) }
    case .bfloat16: gather(UInt16.self) { Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16) }
    case .int64: gather(Int64.self) { Float(Int64(littleEndian: $0)) }
    case .int32: gather(Int32.self) { Float(Int32(littleEndian: $0)) }
    case .int16: gather(Int16.self) { Float(Int16(littleEndian: $0)) }
    case .int8: gather(Int8.self) { Float($0) }
    case .uint8: gather(UInt8.self) { Float($0) }
    case .boolean: gather(UInt8.self) { $0 == 0 ? 0 : 1 }
    }
  }

  /// Calls `body` with 0, 1, 2, ... and the position of that element, in C order, within the storage.
  private func forEachPosition(_ reference: TensorReference, _ body: (_ index: Int, _ position: Int) -> Void) {
    let (shape, strides) = (reference.shape, reference.strides)
    guard let inner = shape.last, let step = strides.last else { return body(0, reference.offset) }
    let rows = shape.dropLast().reduce(1, *)
    var digits = [Int](repeating: 0, count: shape.count - 1)
    var start = reference.offset
    for row in 0..<rows {
      for i in 0..<inner { body(row * inner + i, start + i * step) }
      for axis in digits.indices.reversed() {
        digits[axis] += 1
        // Wrapping: behind the last element of an axis the position may be out of every range, and comes back.
        start &+= strides[axis]
        if digits[axis] < shape[axis] { break }
        start &-= digits[axis] &* strides[axis]
        digits[axis] = 0
      }
    }
  }
}
