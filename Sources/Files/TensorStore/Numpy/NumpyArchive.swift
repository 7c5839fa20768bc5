import CZlib
import Foundations

/// The arrays of a `.npz`: a zip archive of `.npy` files, stored (`numpy.savez`) or deflated
/// (`numpy.savez_compressed`).
struct NumpyArchive {
  private let archive: ZipArchive
  private let source: ByteSource

  init(_ source: ByteSource) throws {
    self.source = source
    archive = try ZipArchive(source)
  }

  static func recognises(_ start: some Sequence<UInt8>) -> Bool { start.starts(with: [0x50, 0x4B, 0x03, 0x04]) }

  /// Names of the arrays, without `.npy`, in order.
  var names: [String] { archive.entries.keys.filter { $0.hasSuffix(".npy") }.map { String($0.dropLast(4)) }.sorted() }

  /// The array of that name; nil where there is none.
  func array(_ name: String) throws -> NumpyFile.Content? {
    guard let entry = archive.entries["\(name).npy"] else { return nil }
    return try NumpyFile.read(bytes(of: entry)[...], file: source.name, item: name)
  }

  private func bytes(of entry: ZipArchive.Entry) throws -> [UInt8] {
    func failure(_ message: String) -> Failure { Failure(.data, message, file: source.name, item: entry.name) }
    guard entry.method == 8 else {
      let place = try archive.content(entry)
      try archive.verify(entry)
      return try source.read(place.offset, place.size, entry.name)
    }
    guard !entry.isEncrypted else { throw failure("is encrypted") }
    let header = try source.read(entry.headerOffset, 30, entry.name)
    guard littleEndian(header, 0, 4) == 0x0403_4B50 else { throw failure("has no local header") }
    let offset = entry.headerOffset + 30 + Int(littleEndian(header, 26, 2)) + Int(littleEndian(header, 28, 2))
    // Deflate packs at most 1032:1, so a small file cannot ask for much memory.
    guard entry.size <= entry.storedSize * 1032 + 64 else {
      throw failure("is damaged: it cannot have \(entry.size) bytes")
    }
    let packed = try source.read(offset, entry.storedSize, entry.name)
    guard let bytes = Self.inflated(packed, size: entry.size) else {
      throw failure("is damaged: it cannot be unpacked")
    }
    guard bytes.withUnsafeBytes(CRC32.checksum) == entry.checksum else {
      throw failure("damaged: the bytes do not have the checksum that the archive states")
    }
    return bytes
  }

  /// Raw deflate of exactly `size` bytes; nil where it is something else.
  private static func inflated(_ packed: [UInt8], size: Int) -> [UInt8]? {
    var stream = z_stream()
    guard packed.count < Int(UInt32.max), size < Int(UInt32.max),
      inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { inflateEnd(&stream) }
    var packed = packed
    var status = Z_OK
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { target, filled in
      packed.withUnsafeMutableBufferPointer { packed in
        stream.next_in = packed.baseAddress
        stream.avail_in = UInt32(packed.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(size)
        status = inflate(&stream, Z_FINISH)
        filled = size - Int(stream.avail_out)
      }
    }
    return status == Z_STREAM_END && bytes.count == size ? bytes : nil
  }
}
