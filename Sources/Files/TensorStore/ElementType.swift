/// The types of elements that can be widened to float32.
enum ElementType: CaseIterable, Equatable {
  case float, double, half, bfloat16, int64, int32, int16, int8, uint8, boolean
  case uint64, uint32, uint16
  /// Eight bits: the number of exponent bits and of fraction bits; `finite` types have no infinity, `Unsigned` zero
  /// ones no minus zero.
  case float8e4m3Finite, float8e5m2, float8e4m3UnsignedZero, float8e5m2UnsignedZero

  /// PyTorch's class of typed storages; nil where it has none.
  var storageName: String? {
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
    default: nil
    }
  }

  /// PyTorch's name of the type, such as `float32`.
  var dtypeName: String {
    switch self {
    case .float: "float32"
    case .double: "float64"
    case .half: "float16"
    case .bfloat16: "bfloat16"
    case .int64: "int64"
    case .int32: "int32"
    case .int16: "int16"
    case .int8: "int8"
    case .uint8: "uint8"
    case .boolean: "bool"
    case .uint64: "uint64"
    case .uint32: "uint32"
    case .uint16: "uint16"
    case .float8e4m3Finite: "float8_e4m3fn"
    case .float8e5m2: "float8_e5m2"
    case .float8e4m3UnsignedZero: "float8_e4m3fnuz"
    case .float8e5m2UnsignedZero: "float8_e5m2fnuz"
    }
  }

  /// Bytes.
  var size: Int {
    switch self {
    case .double, .int64, .uint64: 8
    case .float, .int32, .uint32: 4
    case .half, .bfloat16, .int16, .uint16: 2
    case .int8, .uint8, .boolean, .float8e4m3Finite, .float8e5m2, .float8e4m3UnsignedZero, .float8e5m2UnsignedZero: 1
    }
  }

  /// Little-endian elements as float32. `bytes` is aligned for the type; `positions` says where in it each element of
  /// `target` is.
  func widen(
    _ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Float>, at positions: ElementPositions
  ) {
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
    case .uint64: each(UInt64.self) { Float(UInt64(littleEndian: $0)) }
    case .uint32: each(UInt32.self) { Float(UInt32(littleEndian: $0)) }
    case .uint16: each(UInt16.self) { Float(UInt16(littleEndian: $0)) }
    case .float8e4m3Finite:
      each(UInt8.self) { Self.float8($0, fraction: 3, bias: 7, notANumber: { $0 & 0x7F == 0x7F }) }
    case .float8e4m3UnsignedZero: each(UInt8.self) { Self.float8($0, fraction: 3, bias: 8, notANumber: { $0 == 0x80 }) }
    case .float8e5m2UnsignedZero:
      each(UInt8.self) { Self.float8($0, fraction: 2, bias: 16, notANumber: { $0 == 0x80 }) }
    // Half precision whose fraction has lost its lower eight bits.
    case .float8e5m2: each(UInt8.self) { Float(Float16(bitPattern: UInt16($0) << 8)) }
    }
  }

  /// Sign, exponent and `fraction` bits, the highest exponent an ordinary one.
  private static func float8(_ bits: UInt8, fraction: Int, bias: Int, notANumber: (UInt8) -> Bool) -> Float {
    if notANumber(bits) { return .nan }
    let field = Int(bits & 0x7F) >> fraction
    let rest = Float(Int(bits) & (1 << fraction - 1)) / Float(1 << fraction)
    let magnitude =
      field == 0
      ? Float(sign: .plus, exponent: 1 - bias, significand: 1) * rest
      : Float(sign: .plus, exponent: field - bias, significand: 1 + rest)
    return bits & 0x80 == 0 ? magnitude : -magnitude
  }
}

/// The product of the extents; nil where it does not fit, even if an extent of 0 elsewhere makes it 0. Extents must not
/// be negative.
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

/// Where the elements of a tensor are, in C order: element (i, j, ...) is at first + i * strides[0] + j * strides[1] +
/// ...
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
