/// A dense array of 32-bit floats, contiguous in C order (the last axis varies fastest; images are batch x channels x
/// height x width).
///
/// A value: copies share memory until one of them is written.
public struct Tensor: Sendable {
  /// The lengths of the axes.
  public let shape: Shape
  var storage: Storage

  init(shape: Shape, storage: Storage) {
    self.shape = shape
    self.storage = storage
  }

  /// All elements 0.
  public init(zeros shape: Shape) { self.init(repeating: 0, shape) }

  /// All elements `value`.
  public init(repeating value: Float, _ shape: Shape) {
    storage = Storage(count: shape.count)
    self.shape = shape
    if value != 0 || !storage.isDry { storage.base.update(repeating: value, count: storage.count) }
  }

  /// A scalar (empty shape).
  public init(_ value: Float) { self.init(repeating: value, []) }

  /// Precondition: `values.count == shape.count`.
  public init(_ shape: Shape, _ values: [Float]) {
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    self.init(shape) { target in values.withUnsafeBufferPointer { _ = target.update(fromContentsOf: $0) } }
  }

  /// A tensor whose elements `body` brings from a file, without an array in between. The memory that it gets is
  /// uninitialised; it must write every element. Only `TensorStore` uses this.
  public init(_ shape: Shape, initializingWith body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
    storage = Storage(count: shape.count)
    self.shape = shape
    try body(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
  }

  /// Number of elements.
  public var count: Int { storage.count }

  /// A copy of all elements in C order.
  public var values: [Float] { withUnsafeBufferPointer(Array.init) }

  /// The only element. Precondition: `count == 1`.
  public var item: Float {
    precondition(count == 1, "item of a tensor of shape \(shape)")
    return withUnsafeBufferPointer { $0[0] }
  }

  /// One element, by one index an axis. Precondition: all indices are in range. For single elements; kernels use the
  /// buffers.
  public subscript(_ indices: Int...) -> Float {
    get { withUnsafeBufferPointer { $0[offset(indices)] } }
    set {
      let position = offset(indices)
      withUnsafeMutableBufferPointer { $0[position] = newValue }
    }
  }

  /// All elements in C order on their way to a file, without an array in between; valid only within `body`. Only
  /// `TensorStore` uses this outside of the module.
  public func withUnsafeBufferPointer<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
    try withExtendedLifetime(storage) { try body(UnsafeBufferPointer(start: storage.base, count: storage.count)) }
  }

  /// All elements in C order for reading and writing, valid only within `body`. Copies first if the memory is shared.
  mutating func withUnsafeMutableBufferPointer<R>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
  ) rethrows -> R {
    makeUnique()
    return try withExtendedLifetime(storage) {
      try body(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
    }
  }

  /// Copies memory that other tensors share.
  mutating func makeUnique() {
    if isKnownUniquelyReferenced(&storage) { return }
    let copy = Storage(count: storage.count)
    if !copy.isDry { copy.base.update(from: storage.base, count: storage.count) }
    storage = copy
  }

  private func offset(_ indices: [Int]) -> Int {
    precondition(indices.count == shape.rank, "\(indices.count) indices for shape \(shape)")
    return zip(indices, shape.dimensions).reduce(0) { position, axis in
      precondition((0..<axis.1).contains(axis.0), "index \(indices) outside shape \(shape)")
      return position * axis.1 + axis.0
    }
  }
}

extension Tensor {
  /// The same elements under another shape; shares memory. Precondition: equal counts.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.count == count, "cannot reshape \(self.shape) to \(shape)")
    return Tensor(shape: shape, storage: storage)
  }

  /// Rows `range` of axis 0, copied. Precondition: rank >= 1 and the range is within axis 0.
  public func batch(_ range: Range<Int>) -> Tensor {
    precondition(
      shape.rank >= 1 && range.lowerBound >= 0 && range.upperBound <= shape[0], "rows \(range) of shape \(shape)")
    if range == 0..<shape[0] { return self }
    let row = shape.rowCount
    return withUnsafeBufferPointer { source in
      Tensor(Shape([range.count] + shape.dimensions.dropFirst())) { target in
        _ = target.update(fromContentsOf: source[range.lowerBound * row..<range.upperBound * row])
      }
    }
  }

  /// The rows of all tensors one after another along axis 0. Precondition: at least one tensor, rank >= 1, equal
  /// lengths of all further axes.
  public static func stacked(_ tensors: [Tensor]) -> Tensor {
    precondition(!tensors.isEmpty, "nothing to stack")
    let row = tensors[0].shape.dimensions.dropFirst()
    for tensor in tensors {
      precondition(
        tensor.shape.rank >= 1 && tensor.shape.dimensions.dropFirst() == row,
        "cannot stack \(tensor.shape) on \(tensors[0].shape)")
    }
    let rows = tensors.reduce(0) { $0 + $1.shape[0] }
    return Tensor(Shape([rows] + row)) { target in
      var position = 0
      for tensor in tensors {
        tensor.withUnsafeBufferPointer {
          _ = UnsafeMutableBufferPointer(rebasing: target[position...]).update(fromContentsOf: $0)
        }
        position += tensor.count
      }
    }
  }
}

extension Tensor: Equatable {
  /// Equal shapes and elements equal as floats (NaN differs from itself, -0 equals 0).
  public static func == (left: Tensor, right: Tensor) -> Bool {
    left.shape == right.shape
      && left.withUnsafeBufferPointer { a in right.withUnsafeBufferPointer { b in a.elementsEqual(b) } }
  }
}

extension Tensor: CustomStringConvertible {
  /// The shape and the first eight values.
  public var description: String {
    let first = withUnsafeBufferPointer { $0.prefix(8).map { "\($0)" } }.joined(separator: ", ")
    return "Tensor \(shape) [\(first)\(count > 8 ? ", ..." : "")]"
  }
}
