import Foundations
import Tensors

extension PyTorchCheckpoint {
  static func weights(_ content: Content, _ source: ByteSource, _ stripping: Bool) throws -> WeightsSource {
    let references = try stateDictionary(content, source)
    // Shared and expanded views may show more than the file holds, but not without limit: a file must not be able to take all memory.
    let limit = source.size * 2 + (1 << 20)
    var total = 0
    let reader = ViewReader(source)
    let items = try references.map { name, reference in
      func failure(_ message: String) -> Failure { Failure(.data, message, file: source.name, item: name) }
      let storage = reference.storage
      guard let last = reference.last, last < storage.count else {
        throw failure("a tensor of shape \(Shape(reference.shape)) does not fit in its storage of \(storage.count) elements")
      }
      guard let count = reference.count, count <= limit, total + count * storage.type.size <= limit else {
        throw failure("a tensor of shape \(reference.shape) shows far more than the file holds")
      }
      total += count * storage.type.size
      let (size, overflow) = storage.count.multipliedReportingOverflow(by: storage.type.size)
      let place = try content.locate(storage)
      guard !overflow, place.size == size else {
        throw failure(
          "the storage \(storage.key) holds \(place.size) bytes, but \(storage.count) elements of \(storage.type.size) bytes are expected")
      }
      let name = stripping && name.hasPrefix("module.") ? String(name.dropFirst(7)) : name
      return WeightsSource.Item(name, Shape(reference.shape)) {
        try content.verify(storage, name)
        return try reader.tensor(reference, at: place.offset, name)
      }
    }
    return try WeightsSource(items, format: .pytorch, path: source.name)
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

/// Shows tensors on storages. Of a storage with a view that is not contiguous it keeps what that view spans, since such views usually follow each other.
private final class ViewReader {
  private let source: ByteSource
  private var key: String?
  /// The positions of the storage that are kept.
  private var kept = 0..<0
  private var bytes: [UInt8] = []

  init(_ source: ByteSource) { self.source = source }

  /// `start`: offset of the storage in the file. The tensor must fit in its storage.
  func tensor(_ reference: TensorReference, at start: Int, _ item: String) throws -> Tensor {
    let storage = reference.storage
    let shape = Shape(reference.shape)
    guard let last = reference.last, last >= 0 else { return Tensor(zeros: shape) }
    guard !reference.isContiguous else {
      (key, bytes) = (nil, [])
      return try source.tensor(shape, of: storage.type, at: start + reference.offset * storage.type.size, item)
    }
    if key != storage.key || reference.offset < kept.lowerBound || last >= kept.upperBound {
      (key, bytes) = (nil, [])
      kept = reference.offset..<last + 1
      bytes = try source.read(start + kept.lowerBound * storage.type.size, kept.count * storage.type.size, item)
      key = storage.key
    }
    return Tensor(shape) { target in
      let positions = ElementPositions(shape: reference.shape, strides: reference.strides, first: reference.offset - kept.lowerBound)
      bytes.withUnsafeBytes { storage.type.widen($0, into: target, at: positions) }
    }
  }
}
