import Foundations

/// The entries of a zip archive that stores them uncompressed, as `torch.save` does; ZIP64 included. Compressed and
/// encrypted entries are refused when asked for.
struct ZipArchive {
  struct Entry {
    let name: String
    let size: Int
    let method: Int
    let isEncrypted: Bool
    let storedSize: Int
    let headerOffset: Int
    /// CRC-32 of the content; 0 where the writer recorded none.
    let checksum: UInt32
  }

  let entries: [String: Entry]
  private let source: ByteSource

  /// Reads the central directory. Fails where there is none (an archive that was cut short), or it contradicts itself.
  init(_ source: ByteSource) throws {
    self.source = source
    let directory = try Self.findDirectory(source)
    let bytes = try source.read(directory.offset, directory.size, "central directory")
    var entries: [String: Entry] = [:]
    var position = 0
    var total = 0
    for _ in 0..<directory.count {
      let (entry, next) = try Self.entry(bytes, position, source)
      // Entries that share bytes would make a small file much work.
      total += entry.storedSize
      guard total <= source.size else {
        throw Failure(.data, "overlaps another entry of the archive", file: source.name, item: entry.name)
      }
      guard entries.updateValue(entry, forKey: entry.name) == nil else {
        throw Failure(.data, "is twice in the archive", file: source.name, item: entry.name)
      }
      position = next
    }
    self.entries = entries
  }

  /// The offset and size of the content of `entry` in the file.
  func content(_ entry: Entry) throws -> (offset: Int, size: Int) {
    func failure(_ message: String) -> Failure { Failure(.data, message, file: source.name, item: entry.name) }
    guard !entry.isEncrypted else { throw failure("is encrypted") }
    guard entry.method == 0 else {
      throw failure("is compressed (method \(entry.method)); torch.save stores entries uncompressed")
    }
    guard entry.storedSize == entry.size else {
      throw failure("is stored in \(entry.storedSize) bytes, but has \(entry.size)")
    }
    let header = try source.read(entry.headerOffset, 30, entry.name)
    guard littleEndian(header, 0, 4) == 0x0403_4B50 else { throw failure("has no local header") }
    let skipped = 30 + Int(littleEndian(header, 26, 2)) + Int(littleEndian(header, 28, 2))
    let offset = entry.headerOffset + skipped
    guard offset <= source.size, entry.size <= source.size - offset else {
      throw failure("reaches beyond the end of the file")
    }
    return (offset, entry.size)
  }

  /// Compares the content of `entry` with its checksum; reads it in pieces of 1 MiB. `user`: what is damaged then, by
  /// default the entry.
  func verify(_ entry: Entry, of user: String? = nil) throws {
    guard entry.checksum != 0 else { return }
    let place = try content(entry)
    var found = CRC32()
    var done = 0
    while done < place.size {
      let piece = try source.read(place.offset + done, min(place.size - done, 1 << 20), entry.name)
      piece.withUnsafeBytes { found.update($0) }
      done += piece.count
    }
    guard found.checksum == entry.checksum else {
      let part = user == nil ? "" : ": \(entry.name)"
      throw Failure(
        .data, "damaged\(part): the bytes do not have the checksum that the archive states", file: source.name,
        item: user ?? entry.name)
    }
  }

  // MARK: The central directory

  private static func findDirectory(_ source: ByteSource) throws -> (offset: Int, size: Int, count: Int) {
    let damaged = Failure(
      .data, "the zip archive is cut short or damaged: it has no central directory", file: source.name)
    let tailSize = min(source.size, 22 + 65535)
    let tail = try source.read(source.size - tailSize, tailSize, "end of the archive")
    guard tailSize >= 22,
      let at = (0...tailSize - 22).last(where: {
        littleEndian(tail, $0, 4) == 0x0605_4B50 && Int(littleEndian(tail, $0 + 20, 2)) == tailSize - $0 - 22
      })
    else { throw damaged }
    var count = littleEndian(tail, at + 10, 2)
    var size = littleEndian(tail, at + 12, 4)
    var offset = littleEndian(tail, at + 16, 4)
    if count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
      guard at >= 20, littleEndian(tail, at - 20, 4) == 0x0706_4B50 else { throw damaged }
      guard let position = Int(exactly: littleEndian(tail, at - 12, 8)) else { throw damaged }
      let record = try source.read(position, 56, "ZIP64 end of central directory")
      guard littleEndian(record, 0, 4) == 0x0606_4B50 else { throw damaged }
      count = littleEndian(record, 32, 8)
      size = littleEndian(record, 40, 8)
      offset = littleEndian(record, 48, 8)
    }
    // An entry takes at least 46 bytes of the directory, and the directory is within the file: so nothing here can ask
    // for much memory.
    guard offset <= source.size, size <= UInt64(source.size) - offset, count <= size / 46 else { throw damaged }
    return (Int(offset), Int(size), Int(count))
  }

  private static func entry(_ bytes: [UInt8], _ position: Int, _ source: ByteSource) throws -> (Entry, next: Int) {
    let damaged = Failure(.data, "the central directory of the zip archive is damaged", file: source.name)
    guard bytes.count - position >= 46, littleEndian(bytes, position, 4) == 0x0201_4B50 else { throw damaged }
    let nameSize = Int(littleEndian(bytes, position + 28, 2))
    let extraSize = Int(littleEndian(bytes, position + 30, 2))
    let commentSize = Int(littleEndian(bytes, position + 32, 2))
    let next = position + 46 + nameSize + extraSize + commentSize
    guard next <= bytes.count else { throw damaged }
    let nameStart = position + 46
    let name = String(decoding: bytes[nameStart..<nameStart + nameSize], as: UTF8.self)
    let extra = Array(bytes[nameStart + nameSize..<nameStart + nameSize + extraSize])
    // In this order the ZIP64 field holds those that the fixed part has no room for.
    var fields = [24, 20, 42].map { littleEndian(bytes, position + $0, 4) }
    try widen(&fields, extra, orThrow: damaged)
    // A deflated entry is larger than the file, by at most 1032:1.
    guard let sizes = Optional(fields.compactMap { Int(exactly: $0) }), sizes.count == 3,
      sizes[0] / 1032 <= source.size, sizes[1] <= source.size,
      sizes[2] <= source.size
    else {
      throw Failure(.data, "reaches beyond the end of the file", file: source.name, item: name)
    }
    let entry = Entry(
      name: name, size: sizes[0], method: Int(littleEndian(bytes, position + 10, 2)),
      isEncrypted: littleEndian(bytes, position + 8, 2) & 1 != 0, storedSize: sizes[1], headerOffset: sizes[2],
      checksum: UInt32(truncatingIfNeeded: littleEndian(bytes, position + 16, 4)))
    return (entry, next)
  }

  private static func widen(_ fields: inout [UInt64], _ extra: [UInt8], orThrow damaged: Failure) throws {
    guard fields.contains(0xFFFF_FFFF) else { return }
    var position = 0
    while extra.count - position >= 4 {
      let size = Int(littleEndian(extra, position + 2, 2))
      guard position + 4 + size <= extra.count else { throw damaged }
      if littleEndian(extra, position, 2) == 1 {
        var at = position + 4
        for i in fields.indices where fields[i] == 0xFFFF_FFFF {
          guard at + 8 <= position + 4 + size else { throw damaged }
          fields[i] = littleEndian(extra, at, 8)
          at += 8
        }
        return
      }
      position += 4 + size
    }
    throw damaged
  }
}
