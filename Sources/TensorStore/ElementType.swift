/// The types of elements that can be widened to float32.
enum ElementType: CaseIterable, Equatable {
  case float, double, half, bfloat16, int64, int32, int16, int8, uint8, boolean

  var storageName: String {
    switch self {
    case .float: "FloatStorage"
    case .double: "DoubleStorage"
    case .half: "HalfStorage"
    case .bfloat16: "BFloat16Storage"
    case .int64: "LongStorage"
    case .int32: "IntStorage"
    case .int16: "ShortStorage"
    case .int8: "CharStorage"
    case .uint8: "ByteStorage"
    case .boolean: "BoolStorage"
    }
  }

  /// Bytes.
  var size: Int {
    switch self {
    case .double, .int64: 8
    case .float, .int32: 4
    case .half, .bfloat16, .int16: 2
    case .int8, .uint8, .boolean: 1
    }
  }

  /// Little-endian elements as float32. `bytes` is aligned for the type; `positions` says where in it each element of `target` is.
  func widen(_ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Float>, at positions: ElementPositions) {
    func each<Element: BitwiseCopyable>(_: Element.Type, _ widen: (Element) -> Float) {
      let elements = bytes.bindMemory(to: Element.self)
      positions.forEach { target[$0] = widen(elements[$1]) }
    }
    switch self {
    case .float: each(UInt32.self) { Float(bitPattern: UInt32(littleEndian: $0)) }
    case .double: each(UInt64.self) { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
    case .half: each(UInt16.self) { Float(Float16(bitPattern: UInt16(littleEndian: $0))) }
    case .bfloat16: each(UInt16.self) { Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16) }
    case .int64: each(Int64.self) { Float(Int64(littleEndian: $0)) }
    case .int32: each(Int32.self) { Float(Int32(littleEndian: $0)) }
    case .int16: each(Int16.self) { Float(Int16(littleEndian: $0)) }
    case .int8: each(Int8.self) { Float($0) }
    case .uint8: each(UInt8.self) { Float($0) }
    case .boolean: each(UInt8.self) { $0 == 0 ? 0 : 1 }
    }
  }
}

/// The product of the extents; nil where it does not fit, even if an extent of 0 elsewhere makes it 0. Extents must not be negative.
func elementCount(_ shape: [Int]) -> Int? {
  var product = 1
  for extent in shape {
    let (value, overflow) = product.multipliedReportingOverflow(by: max(1, extent))
    if overflow { return nil }
    product = value
  }
  return shape.contains(0) ? 0 : product
}

/// The highest rank that a tensor in a file may have.
let highestRank = 32

/// Where the elements of a tensor are, in C order: element (i, j, ...) is at first + i * strides[0] + j * strides[1] + ...
struct ElementPositions {
  let shape: [Int]
  let strides: [Int]
  let first: Int

  init(shape: [Int], strides: [Int], first: Int) {
    self.shape = shape
    self.strides = strides
    self.first = first
  }

  /// One behind the other.
  init(count: Int) { self.init(shape: [count], strides: [1], first: 0) }

  /// Calls `body` with 0, 1, 2, ... and the position of that element.
  @inline(__always)
  func forEach(_ body: (_ index: Int, _ position: Int) -> Void) {
    guard let inner = shape.last, let step = strides.last else { return body(0, first) }
    let rows = shape.dropLast().reduce(1, *)
    var digits = [Int](repeating: 0, count: shape.count - 1)
    var start = first
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
