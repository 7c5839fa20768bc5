import Foundations
import Tensors

extension PyTorchCheckpoint {
  static func weights(_ content: Content, _ source: ByteSource, _ stripping: Bool, _ key: String?) throws
    -> WeightsSource
  {
    let found = try StateDictionarySearch(content.machine, content.root, file: source.name).state(key)
    // Shared and expanded views may show more than the file holds, but not without limit: a file must not be able to
    // take all memory.
    let limit = source.size * 2 + (1 << 20)
    var total = 0
    let reader = ViewReader(source)
    let items = try found.entries.map { name, reference in
      func failure(_ message: String) -> Failure { Failure(.data, message, file: source.name, item: name) }
      let storage = reference.storage
      guard let last = reference.last, last < reference.available else {
        throw failure(
          "a tensor of shape \(Shape(reference.shape)) does not fit in its storage of \(reference.available) elements")
      }
      guard let count = reference.count, count <= limit, total + count * reference.type.size <= limit else {
        throw failure("a tensor of shape \(reference.shape) shows far more than the file holds")
      }
      total += count * reference.type.size
      let (size, overflow) = storage.count.multipliedReportingOverflow(by: storage.elementSize)
      let place = try content.locate(storage)
      guard !overflow, place.size == size else {
        throw failure(
          "the storage \(storage.key) holds \(place.size) bytes, but \(storage.count) elements of "
            + "\(storage.elementSize) bytes are expected"
        )
      }
      let name = stripping && name.hasPrefix("module.") ? String(name.dropFirst(7)) : name
      return WeightsSource.Item(name, Shape(reference.shape)) {
        try content.verify(storage, name)
        return try reader.tensor(reference, at: place.offset, name)
      }
    }
    return try WeightsSource(items, format: .pytorch, path: source.name, remark: found.remark)
  }
}

/// Shows tensors on storages. Of a storage with a view that is not contiguous it keeps what that view spans, since such
/// views usually follow each other.
private final class ViewReader {
  private let source: ByteSource
  private var key: String?
  private var type: ElementType?
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
      return try source.tensor(shape, of: reference.type, at: start + reference.offset * reference.type.size, item)
    }
    if key != storage.key || type != reference.type || reference.offset < kept.lowerBound || last >= kept.upperBound {
      (key, bytes) = (nil, [])
      kept = reference.offset..<last + 1
      bytes = try source.read(start + kept.lowerBound * reference.type.size, kept.count * reference.type.size, item)
      (key, type) = (storage.key, reference.type)
    }
    return Tensor(shape) { target in
      let positions = ElementPositions(
        shape: reference.shape, strides: reference.strides, first: reference.offset - kept.lowerBound)
      bytes.withUnsafeBytes { reference.type.widen($0, into: target, at: positions) }
    }
  }
}
