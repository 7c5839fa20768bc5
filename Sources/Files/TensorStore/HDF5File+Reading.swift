import CHDF5
import Foundations
import Tensors

extension HDF5File {
  /// Reads a numeric data set as float32, C order, shape as stored: half, single and double precision and every integer
  /// type.
  ///
  /// Doubles and integers beyond 2^24 are rounded to the nearest float32.
  public func readTensor(_ name: String) throws -> Tensor {
    try withDataset(name) { id, place in
      let shape = Shape(try Self.dimensions(dataset: id, place))
      return try Tensor(shape, initializingWith: { try Self.readFloats(id, into: $0, place) })
    }
  }

  /// Reads a floating-point or integer data set as float64, C order. Integers beyond 2^53 are rounded.
  package func readDoubles(_ name: String) throws -> (shape: [Int], values: [Double]) {
    try read(name, as: chdf5_native_double(), zero: 0, expecting: [H5T_FLOAT, H5T_INTEGER, H5T_ENUM], "numbers")
  }

  /// Reads an integer data set (booleans as h5py writes them included). Fails where an unsigned value does not fit.
  package func readIntegers(_ name: String) throws -> (shape: [Int], values: [Int64]) {
    let unsigned = try withDataset(name) { id, place in
      let type = try place.check(H5Dget_type(id), "cannot read the type")
      defer { H5Tclose(type) }
      return H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) >= 8 && H5Tget_sign(type) == H5T_SGN_NONE
    }
    guard unsigned else {
      return try read(name, as: chdf5_native_int64(), zero: 0, expecting: [H5T_INTEGER, H5T_ENUM], "integers")
    }
    let (shape, values) = try read(
      name, as: chdf5_native_uint64(), zero: UInt64(0), expecting: [H5T_INTEGER], "integers")
    if let large = values.first(where: { $0 > UInt64(Int64.max) }) {
      throw Failure(.data, "the value \(large) is beyond 64-bit signed integers", file: path, item: name)
    }
    return (shape, values.map { Int64($0) })
  }

  /// Reads a data set of unsigned bytes: images, masks, text. Fails for other types, which could lose values.
  public func readBytes(_ name: String) throws -> (shape: [Int], values: [UInt8]) {
    try withDataset(name) { id, place in
      let type = try place.check(H5Dget_type(id), "cannot read the type")
      defer { H5Tclose(type) }
      guard H5Tget_size(type) == 1, H5Tget_class(type) == H5T_ENUM || H5Tget_sign(type) == H5T_SGN_NONE else {
        throw place.failure("expected unsigned bytes, found \(Self.describe(type))")
      }
    }
    return try read(name, as: chdf5_native_uint8(), zero: 0, expecting: [H5T_INTEGER, H5T_ENUM], "unsigned bytes")
  }

  private func read<Element: BitwiseCopyable>(
    _ name: String, as memoryType: @autoclosure () -> hid_t, zero: Element, expecting classes: [H5T_class_t],
    _ expected: String
  ) throws -> (shape: [Int], values: [Element]) {
    try withDataset(name) { id, place in
      let shape = try Self.dimensions(dataset: id, place)
      let type = try place.check(H5Dget_type(id), "cannot read the type")
      defer { H5Tclose(type) }
      guard classes.contains(H5Tget_class(type)) else {
        throw place.failure("expected \(expected), found \(Self.describe(type))")
      }
      var values = [Element](repeating: zero, count: shape.reduce(1, *))
      if !values.isEmpty {
        try place.check(H5Dread(id, memoryType(), chdf5_all(), chdf5_all(), chdf5_default(), &values), "cannot read")
      }
      return (shape, values)
    }
  }

  private static func readFloats(_ id: hid_t, into target: UnsafeMutableBufferPointer<Float>, _ place: HDF5Place) throws
  {
    let type = try place.check(H5Dget_type(id), "cannot read the type")
    defer { H5Tclose(type) }
    guard [H5T_FLOAT, H5T_INTEGER, H5T_ENUM].contains(H5Tget_class(type)) else {
      throw place.failure("expected numbers, found \(describe(type))")
    }
    guard let base = target.baseAddress, target.count > 0 else { return }
    let half = try place.check(chdf5_make_float16(), "cannot make the half precision type")
    defer { H5Tclose(half) }
    guard H5Tequal(type, half) > 0 else {
      try place.check(H5Dread(id, chdf5_native_float(), chdf5_all(), chdf5_all(), chdf5_default(), base), "cannot read")
      return
    }
    // HDF5 converts half precision bit by bit in software; the processor does it in one instruction. The halves are
    // read into the back of the target, so that widening them from the front on overtakes none.
    let halves = UnsafeMutableRawPointer(base) + target.count * MemoryLayout<UInt16>.size
    try place.check(H5Dread(id, half, chdf5_all(), chdf5_all(), chdf5_default(), halves), "cannot read")
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: min(target.count, 4096)) { piece in
      for start in stride(from: 0, to: target.count, by: piece.count) {
        let count = min(piece.count, target.count - start)
        UnsafeMutableRawBufferPointer(piece).copyMemory(
          from: UnsafeRawBufferPointer(start: halves + start * 2, count: count * 2))
        for i in 0..<count { base[start + i] = Float(Float16(bitPattern: UInt16(littleEndian: piece[i]))) }
      }
    }
  }

  /// `32-bit floating point`, for messages.
  static func describe(_ type: hid_t) -> String {
    let bits = H5Tget_size(type) * 8
    switch H5Tget_class(type) {
    case H5T_FLOAT: return "\(bits)-bit floating point"
    case H5T_INTEGER: return (H5Tget_sign(type) == H5T_SGN_NONE ? "unsigned " : "") + "\(bits)-bit integers"
    case H5T_STRING: return "strings"
    case H5T_ENUM: return "an enumeration"
    case H5T_COMPOUND: return "a compound type"
    default: return "another type"
    }
  }
}
