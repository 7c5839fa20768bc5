import Tensors

/// The type of a numpy array's elements, little-endian.
enum NumpyType: Equatable {
  case half, float, double
  /// Bytes of an integer: 1, 2, 4 or 8.
  case signed(Int)
  case unsigned(Int)
  case boolean
  /// References to Python objects; the elements are a pickle.
  case object

  /// From numpy's text, such as `<f4`; nil for big-endian, complex and other types. The byte order of single bytes does
  /// not count.
  init?(_ text: some StringProtocol) {
    var rest = Substring(text)
    let order = rest.first ?? " "
    if "<>|=".contains(order) { rest.removeFirst() }
    let size = Int(rest.dropFirst())
    switch (rest.first, size) {
    case ("f", 2): self = .half
    case ("f", 4): self = .float
    case ("f", 8): self = .double
    case ("i", 1?), ("i", 2?), ("i", 4?), ("i", 8?): self = .signed(size ?? 1)
    case ("u", 1?), ("u", 2?), ("u", 4?), ("u", 8?): self = .unsigned(size ?? 1)
    case ("b", 1): self = .boolean
    case ("O", _): self = .object
    default: return nil
    }
    if order == ">", self.size > 1 { return nil }
  }

  /// Bytes of an element; 0 for objects, whose pickle may have any size.
  var size: Int {
    switch self {
    case .half: 2
    case .float: 4
    case .double: 8
    case .signed(let size), .unsigned(let size): size
    case .boolean: 1
    case .object: 0
    }
  }

  /// The elements at `positions` as float32. Doubles and integers beyond 2^24 are rounded. Precondition: not objects.
  func widen(
    _ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Float>, at positions: ElementPositions
  ) {
    func each<Element: BitwiseCopyable>(_: Element.Type, _ widen: (Element) -> Float) {
      let size = MemoryLayout<Element>.size
      positions.forEach { target[$0] = widen(bytes.loadUnaligned(fromByteOffset: $1 * size, as: Element.self)) }
    }
    switch self {
    case .half: each(UInt16.self) { Float(Float16(bitPattern: UInt16(littleEndian: $0))) }
    case .float: each(UInt32.self) { Float(bitPattern: UInt32(littleEndian: $0)) }
    case .double: each(UInt64.self) { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
    case .signed(1): each(Int8.self) { Float($0) }
    case .signed(2): each(Int16.self) { Float(Int16(littleEndian: $0)) }
    case .signed(4): each(Int32.self) { Float(Int32(littleEndian: $0)) }
    case .signed: each(Int64.self) { Float(Int64(littleEndian: $0)) }
    case .unsigned(1): each(UInt8.self) { Float($0) }
    case .unsigned(2): each(UInt16.self) { Float(UInt16(littleEndian: $0)) }
    case .unsigned(4): each(UInt32.self) { Float(UInt32(littleEndian: $0)) }
    case .unsigned: each(UInt64.self) { Float(UInt64(littleEndian: $0)) }
    case .boolean: each(UInt8.self) { $0 == 0 ? 0 : 1 }
    case .object: preconditionFailure("objects are no numbers")
    }
  }
}

/// The elements of an array and how they lie.
struct NumpyElements {
  let type: NumpyType
  let shape: [Int]
  /// The first axis runs fastest.
  let isFortran: Bool
  let bytes: ArraySlice<UInt8>

  /// nil where `bytes` are not exactly as many as type and shape ask for, or the array has no element or more than 32
  /// axes.
  init?(type: NumpyType, shape: [Int], isFortran: Bool, bytes: ArraySlice<UInt8>) {
    guard shape.count <= highestRank, shape.allSatisfy({ $0 >= 0 }), type != .object, let count = elementCount(shape),
      count > 0
    else { return nil }
    let (size, overflow) = count.multipliedReportingOverflow(by: type.size)
    guard !overflow, size == bytes.count else { return nil }
    (self.type, self.shape, self.isFortran, self.bytes) = (type, shape, isFortran, bytes)
  }

  /// In C order.
  var tensor: Tensor {
    var strides = [Int](repeating: 1, count: shape.count)
    if isFortran {
      for axis in shape.indices.dropFirst() { strides[axis] = strides[axis - 1] * shape[axis - 1] }
    } else {
      for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    }
    return Tensor(Shape(shape)) { target in
      bytes.withUnsafeBytes {
        type.widen($0, into: target, at: ElementPositions(shape: shape, strides: strides, first: 0))
      }
    }
  }

  /// The values of an array of integers; nil for other types, and for values beyond 2^24, which float32 may not hold.
  var integers: [Int]? {
    switch type {
    case .signed, .unsigned: break
    default: return nil
    }
    let values = tensor.values
    guard values.allSatisfy({ abs($0) <= 16_777_216 }) else { return nil }
    return values.map { Int($0) }
  }
}
