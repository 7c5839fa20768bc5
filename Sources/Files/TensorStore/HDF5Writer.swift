import CHDF5
import Foundation
import Foundations
import Tensors

/// Writes one HDF5 file, which appears at its final path whole or not at all.
///
///     try HDF5Writer.write(to: "out/maps.h5", provenance: provenance) { file in
///       try file.write(scores, "2007_000032/scores", precision: .half, compression: 4)
///       try file.setAttribute("labels", [0, 15], of: "2007_000032")
///     }
///
/// Names are paths, `a/b`; groups on the way are made. Groups list their members in the order of creation. Nothing in
/// the file depends on when or where it was written: the same calls give the same bytes. Safe to call from several
/// threads, in which case the order is theirs. Every error is a `Failure(.io)` that names the final path, a full disk
/// included; writing the same name twice is `.data`.
public final class HDF5Writer: @unchecked Sendable {
  public enum Precision: Sendable {
    /// IEEE binary32.
    case single
    /// IEEE binary16, which h5py reads as float16: 11 significant bits, magnitude at most 65504. A finite value beyond
    /// is refused.
    case half
  }

  /// The final path.
  public let path: String
  let file: hid_t
  /// The groups made so far; touched only under the library's lock.
  private var groups: Set<String> = ["/"]

  /// Makes a file, lets `body` fill it, and moves it to `path`. Where `body` or the writing fails, what stood at `path`
  /// is as it was.
  ///
  /// `provenance` becomes attributes of the root.
  @discardableResult
  public static func write<R>(to path: String, provenance: Provenance = .none, _ body: (HDF5Writer) throws -> R) throws
    -> R
  {
    try AtomicFile.write(to: path) { temporary in
      let writer = try HDF5Writer(temporary: temporary, path: path)
      let result: R
      do {
        for (name, value) in provenance.attributes { try writer.setAttribute(name, value) }
        result = try body(writer)
      } catch {
        writer.abandon()
        throw error
      }
      try writer.close()
      return result
    }
  }

  private init(temporary: String, path: String) throws {
    self.path = path
    let place = HDF5Place(file: path, item: nil, kind: .io)
    file = try HDF5Library.locked {
      let creation = try place.check(H5Pcreate(chdf5_file_create()), "cannot create")
      defer { H5Pclose(creation) }
      try place.check(chdf5_keep_order(creation), "cannot create")
      return try place.check(H5Fcreate(temporary, chdf5_truncate(), creation, chdf5_default()), "cannot create")
    }
  }

  private func close() throws {
    try HDF5Library.locked {
      let place = HDF5Place(file: path, item: nil, kind: .io)
      do {
        try place.check(H5Fflush(file, H5F_SCOPE_GLOBAL), "cannot write")
      } catch {
        H5Fclose(file)
        throw error
      }
      try place.check(H5Fclose(file), "cannot write")
    }
  }

  private func abandon() {
    HDF5Library.locked { _ = H5Fclose(file) }
  }

  // MARK: Data sets

  /// Writes a tensor in C order. `compression`: deflate level 0 (none) ... 9, with byte shuffling; what is under 1 KiB
  /// is never compressed.
  public func write(_ tensor: Tensor, _ name: String, precision: Precision = .single, compression: Int = 0) throws {
    let shape = tensor.shape.dimensions
    switch precision {
    case .single:
      try tensor.withUnsafeBufferPointer { try write(raw: $0.baseAddress, shape, name, .single, compression) }
    case .half:
      try withUnsafeTemporaryAllocation(of: UInt16.self, capacity: max(1, tensor.count)) { bits in
        try tensor.withUnsafeBufferPointer { try round($0, into: bits, name) }
        try write(raw: bits.baseAddress, shape, name, .half, compression)
      }
    }
  }

  /// Writes unsigned bytes (images, masks, text) in C order; `shape` must multiply to their number.
  public func write(bytes: [UInt8], shape: [Int], _ name: String, compression: Int = 0) throws {
    precondition(shape.reduce(1, *) == bytes.count, "shape \(shape) for \(bytes.count) bytes")
    try bytes.withUnsafeBufferPointer { try write(raw: $0.baseAddress, shape, name, .byte, compression) }
  }

  /// Writes 64-bit signed integers in C order; `shape` must multiply to their number.
  public func write(integers: [Int64], shape: [Int], _ name: String, compression: Int = 0) throws {
    precondition(shape.reduce(1, *) == integers.count, "shape \(shape) for \(integers.count) integers")
    try integers.withUnsafeBufferPointer { try write(raw: $0.baseAddress, shape, name, .integer, compression) }
  }

  /// Writes doubles in C order; `shape` must multiply to their number.
  public func write(doubles: [Double], shape: [Int], _ name: String, compression: Int = 0) throws {
    precondition(shape.reduce(1, *) == doubles.count, "shape \(shape) for \(doubles.count) numbers")
    try doubles.withUnsafeBufferPointer { try write(raw: $0.baseAddress, shape, name, .double, compression) }
  }

  /// Makes a group and those above it; nothing where it exists.
  public func createGroup(_ name: String) throws {
    try HDF5Library.locked {
      let components = try Self.components(name, place(name))
      for count in 1...components.count { try createOneGroup(components.prefix(count).joined(separator: "/")) }
    }
  }

  private func createOneGroup(_ name: String) throws {
    guard groups.insert(name).inserted else { return }
    let place = place(name)
    let creation = try place.check(H5Pcreate(chdf5_group_create()), "cannot create the group")
    defer { H5Pclose(creation) }
    try place.check(chdf5_keep_order(creation), "cannot create the group")
    let group = try place.check(
      H5Gcreate2(file, name, chdf5_default(), creation, chdf5_default()), "cannot create the group")
    H5Gclose(group)
  }

  // MARK: Inside

  private enum Element {
    case half, single, double, byte, integer

    var size: Int { [.half: 2, .single: 4, .double: 8, .byte: 1, .integer: 8][self] ?? 8 }
  }

  func place(_ item: String) -> HDF5Place { HDF5Place(file: path, item: nil, kind: .io).of(item) }

  private func round(
    _ values: UnsafeBufferPointer<Float>, into bits: UnsafeMutableBufferPointer<UInt16>, _ name: String
  ) throws {
    var overflow = false
    for i in 0..<values.count {
      let half = Float16(values[i])
      bits[i] = half.bitPattern.littleEndian
      overflow = overflow || (half.isInfinite && values[i].isFinite)
    }
    guard !overflow else {
      throw Failure(.software, "a value is beyond half precision (65504)", file: path, item: name)
    }
  }

  private func write(raw: UnsafeRawPointer?, _ shape: [Int], _ name: String, _ element: Element, _ compression: Int)
    throws
  {
    try HDF5Library.locked {
      let place = place(name)
      let components = try Self.components(name, place)
      if components.count > 1 { try createGroup(components.dropLast().joined(separator: "/")) }
      guard H5Lexists(file, name, chdf5_default()) == 0 else {
        throw Failure(.data, "is written twice", file: path, item: name)
      }
      try Self.withType(element, place) { stored, memory in
        let space = try Self.space(shape, place)
        defer { H5Sclose(space) }
        let creation = try Self.creation(shape, element.size, compression, place)
        defer { H5Pclose(creation) }
        let what = "cannot write"
        let id = try place.check(
          H5Dcreate2(file, name, stored, space, chdf5_default(), creation, chdf5_default()), what)
        do {
          if let raw, !shape.contains(0) {
            try place.check(H5Dwrite(id, memory, chdf5_all(), chdf5_all(), chdf5_default(), raw), what)
          }
        } catch {
          H5Dclose(id)
          throw error
        }
        try place.check(H5Dclose(id), what)
      }
    }
  }

  private static func components(_ name: String, _ place: HDF5Place) throws -> [String] {
    let components = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let bad = components.contains { $0.isEmpty || $0 == "." || $0.utf8.contains(0) }
    guard !bad else { throw Failure(.data, "is not a name that HDF5 can hold", file: place.file, item: name) }
    return components
  }

  private static func withType(
    _ element: Element, _ place: HDF5Place, _ body: (_ stored: hid_t, _ memory: hid_t) throws -> Void
  ) throws {
    switch element {
    case .single: try body(chdf5_float32(), chdf5_native_float())
    case .double: try body(chdf5_float64(), chdf5_native_double())
    case .byte: try body(chdf5_uint8(), chdf5_native_uint8())
    case .integer: try body(chdf5_int64(), chdf5_native_int64())
    case .half:
      let half = try place.check(chdf5_make_float16(), "cannot make the half precision type")
      defer { H5Tclose(half) }
      try body(half, half)
    }
  }

  static func space(_ shape: [Int], _ place: HDF5Place) throws -> hid_t {
    if shape.isEmpty { return try place.check(H5Screate(H5S_SCALAR), "cannot make the shape") }
    return try place.check(
      H5Screate_simple(Int32(shape.count), shape.map { hsize_t($0) }, nil), "cannot make the shape \(shape)")
  }

  /// Contiguous, or chunks of whole rows of axis 0 up to 16 MiB, shuffled and deflated. Never with a time of
  /// modification.
  private static func creation(_ shape: [Int], _ size: Int, _ compression: Int, _ place: HDF5Place) throws -> hid_t {
    let id = try place.check(H5Pcreate(chdf5_dataset_create()), "cannot set the layout")
    do {
      try place.check(H5Pset_obj_track_times(id, false), "cannot set the layout")
      let bytes = shape.reduce(size, *)
      if compression > 0, bytes >= 1024, !shape.isEmpty {
        let row = max(1, bytes / shape[0])
        var chunk = shape.map { hsize_t($0) }
        chunk[0] = hsize_t(min(shape[0], max(1, (16 << 20) / row)))
        try place.check(H5Pset_chunk(id, Int32(chunk.count), chunk), "cannot set the layout")
        try place.check(H5Pset_shuffle(id), "cannot set the layout")
        try place.check(H5Pset_deflate(id, UInt32(min(compression, 9))), "cannot set the compression")
      }
      return id
    } catch {
      H5Pclose(id)
      throw error
    }
  }
}
