import Foundation
import Foundations
import Tensors

/// An array in numpy's own format (`.npy`), versions 1 to 3.
enum NumpyFile {
  enum Content {
    case numbers(NumpyElements)
    /// A pickled array of Python objects.
    case pickle(ArraySlice<UInt8>)
  }

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  static func recognises(_ start: some Sequence<UInt8>) -> Bool { start.starts(with: magic) }

  /// - Throws: `Failure(.data)` for a file of another kind, cut short or damaged, big-endian, or with more or fewer
  ///   bytes than its header says.
  static func read(_ bytes: ArraySlice<UInt8>, file: String, item: String?) throws -> Content {
    func failure(_ message: String) -> Failure { Failure(.data, message, file: file, item: item) }
    guard recognises(bytes), bytes.count >= 10 else { throw failure("is not an array of numpy (.npy)") }
    let start = bytes.startIndex
    let version = bytes[start + 6]
    guard (1...3).contains(version) else {
      throw failure("expected version 1 to 3 of numpy's format, found \(version)")
    }
    let width = version == 1 ? 2 : 4
    let early = failure("the file ends before the end of the array (it is cut short, or damaged)")
    guard bytes.count >= 8 + width else { throw early }
    let length = Int(littleEndian(Array(bytes[start + 8..<start + 8 + width]), 0, width))
    let data = start + 8 + width + length
    guard length <= 1 << 20, data <= bytes.endIndex else { throw early }
    let header = String(decoding: bytes[start + 8 + width..<data], as: UTF8.self)
    guard let description = text("descr", in: header), let order = word("fortran_order", in: header),
      let shape = shape(in: header)
    else {
      throw failure("expected a header with descr, fortran_order and shape, found \(header.prefix(120))")
    }
    guard let type = NumpyType(description) else {
      throw failure(
        "expected little-endian numbers, found elements of type \(description); in Python: array.astype(\"<f4\")")
    }
    let body = bytes[data...]
    if type == .object { return .pickle(body) }
    guard let elements = NumpyElements(type: type, shape: shape, isFortran: order == "True", bytes: body) else {
      throw failure("expected the bytes of an array of shape \(shape) and type \(description), found \(body.count)")
    }
    return .numbers(elements)
  }

  /// An array as version 1, elements in half precision as in HDF5 maps. A finite value that half precision cannot hold
  /// is a failure.
  static func bytes(ofHalf tensor: Tensor, file: String) throws -> [UInt8] {
    let dimensions = tensor.shape.dimensions
    let shape = dimensions.map(String.init).joined(separator: ", ") + (dimensions.count == 1 ? "," : "")
    var header = "{'descr': '<f2', 'fortran_order': False, 'shape': (\(shape)), }"
    // The elements start at a multiple of 64; the header ends with a line break.
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    var bytes = magic + [1, 0] + littleEndianBytes(header.utf8.count, 2) + Array(header.utf8)
    bytes.reserveCapacity(bytes.count + 2 * tensor.count)
    try tensor.withUnsafeBufferPointer { values in
      for value in values {
        let half = Float16(value)
        guard half.isFinite || !value.isFinite else {
          throw Failure(.data, "half precision cannot hold the score \(value)", file: file)
        }
        bytes.append(UInt8(truncatingIfNeeded: half.bitPattern))
        bytes.append(UInt8(truncatingIfNeeded: half.bitPattern >> 8))
      }
    }
    return bytes
  }

  // MARK: The header, the text of a Python dictionary

  /// What follows `'KEY':`.
  private static func value(_ key: String, in header: String) -> Substring? {
    for quote in ["'", "\""] {
      if let range = header.range(of: "\(quote)\(key)\(quote):") {
        return header[range.upperBound...].drop { $0 == " " }
      }
    }
    return nil
  }

  private static func text(_ key: String, in header: String) -> Substring? {
    guard let value = value(key, in: header), let quote = value.first, quote == "'" || quote == "\"" else { return nil }
    return value.dropFirst().prefix { $0 != quote }
  }

  private static func word(_ key: String, in header: String) -> Substring? {
    let word = value(key, in: header)?.prefix { $0.isLetter }
    return word == "True" || word == "False" ? word : nil
  }

  private static func shape(in header: String) -> [Int]? {
    guard let value = value("shape", in: header), value.first == "(", let end = value.firstIndex(of: ")") else {
      return nil
    }
    let parts = value[..<end].dropFirst().split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    let extents = parts.filter { !$0.isEmpty }.compactMap { Int($0) }
    return extents.count == parts.filter { !$0.isEmpty }.count && extents.allSatisfy { $0 >= 0 } ? extents : nil
  }
}
