import Foundations
import Tensors

extension PyTorchCheckpoint {
  /// Writes a state dict of float32 tensors as `torch.save` does (zip archive, pickle protocol 2), for
  /// `torch.load(path, weights_only=True)`.
  ///
  /// The file appears whole or not at all, and holds neither attributes nor times: the same tensors give the same
  /// bytes. At most 65,000 tensors and 4 GiB, since there are no ZIP64 fields: a failure beyond.
  public static func write(_ weights: WeightsSource, to path: String) throws {
    try ByteSink.write(to: path) { sink in
      var archive = ArchiveWriter(sink: sink)
      try archive.add("data.pkl", pickle(weights.items))
      try archive.add("byteorder", Array("little".utf8))
      for (index, item) in weights.items.enumerated() { try archive.add("data/\(index)", try item.read()) }
      try archive.add("version", Array("3\n".utf8))
      try archive.finish()
    }
  }

  /// An ordered dictionary of calls of `_rebuild_tensor_v2`, each on a storage of its own.
  private static func pickle(_ items: [WeightsSource.Item]) -> [UInt8] {
    func text(_ text: String) -> [UInt8] {
      [PickleOpcode.binUnicode.rawValue] + littleEndianBytes(text.utf8.count, 4) + Array(text.utf8)
    }
    func global(_ module: String, _ name: String) -> [UInt8] {
      [PickleOpcode.global.rawValue] + Array("\(module)\n\(name)\n".utf8)
    }
    func tuple(_ parts: [[UInt8]]) -> [UInt8] {
      [PickleOpcode.mark.rawValue] + parts.joined() + [PickleOpcode.tuple.rawValue]
    }
    func integer(_ value: Int) -> [UInt8] {
      value <= Int(Int32.max)
        ? [PickleOpcode.binInt.rawValue] + littleEndianBytes(value, 4)
        : [PickleOpcode.long1.rawValue, 8] + littleEndianBytes(value, 8)
    }
    let emptyDictionary =
      global("collections", "OrderedDict") + [PickleOpcode.emptyTuple.rawValue, PickleOpcode.reduce.rawValue]
    func tensor(_ item: WeightsSource.Item, _ key: Int) -> [UInt8] {
      let shape = item.shape.dimensions
      let strides = shape.indices.map { axis in shape[(axis + 1)...].reduce(1) { $0 * max(1, $1) } }
      let identifier = tuple([
        text("storage"), global("torch", "FloatStorage"), text(String(key)), text("cpu"), integer(item.shape.count),
      ])
      let arguments = tuple([
        identifier + [PickleOpcode.persistentID.rawValue], integer(0), tuple(shape.map(integer)),
        tuple(strides.map(integer)),
        [PickleOpcode.newFalse.rawValue], emptyDictionary,
      ])
      return global("torch._utils", "_rebuild_tensor_v2") + arguments + [PickleOpcode.reduce.rawValue]
    }
    var bytes = [PickleOpcode.protocolVersion.rawValue, 2] + emptyDictionary + [PickleOpcode.mark.rawValue]
    for (key, item) in items.enumerated() { bytes += text(item.name) + tensor(item, key) }
    return bytes + [PickleOpcode.setItems.rawValue, PickleOpcode.stop.rawValue]
  }
}

/// Writes the entries of a zip archive uncompressed, each at a multiple of 64 bytes as `torch.save` has them.
private struct ArchiveWriter {
  let sink: ByteSink
  private var directory: [UInt8] = []
  private var count = 0
  /// The first of January 1980, midnight: no time at all.
  private static let date = 0x21

  init(sink: ByteSink) { self.sink = sink }

  mutating func add(_ name: String, _ content: [UInt8]) throws {
    try begin(name, size: content.count, checksum: content.withUnsafeBytes(CRC32.checksum))
    try sink.write(content)
  }

  mutating func add(_ name: String, _ content: Tensor) throws {
    let checksum = content.withUnsafeBufferPointer { CRC32.checksum(UnsafeRawBufferPointer($0)) }
    try begin(name, size: content.count * MemoryLayout<Float>.size, checksum: checksum)
    try sink.write(content)
  }

  /// The local header, and the entry's line in the directory.
  private mutating func begin(_ name: String, size: Int, checksum: UInt32) throws {
    let name = Array("archive/\(name)".utf8)
    let offset = sink.position
    guard offset + size < 0xFFFF_0000, count < 65_000 else {
      throw Failure(.data, "more than 65,000 tensors or 4 GiB cannot be written in this format", file: sink.path)
    }
    // Version, flags, method, time, date, checksum, stored and whole size.
    var common =
      littleEndianBytes(20, 2) + littleEndianBytes(0, 6) + littleEndianBytes(Self.date, 2)
      + littleEndianBytes(Int(checksum), 4)
    common += littleEndianBytes(size, 4) + littleEndianBytes(size, 4) + littleEndianBytes(name.count, 2)
    // A field of padding, which takes at least its own head of 4 bytes.
    let start = offset + 30 + name.count + 4
    let padding = (64 - start % 64) % 64
    let extra = Array("FB".utf8) + littleEndianBytes(padding, 2) + [UInt8](repeating: UInt8(ascii: "Z"), count: padding)
    try sink.write(littleEndianBytes(0x0403_4B50, 4) + common + littleEndianBytes(extra.count, 2) + name + extra)
    directory +=
      littleEndianBytes(0x0201_4B50, 4) + littleEndianBytes(20, 2) + common + littleEndianBytes(0, 12)
      + littleEndianBytes(offset, 4) + name
    count += 1
  }

  /// The directory and its end.
  func finish() throws {
    let start = sink.position
    let counts = littleEndianBytes(count, 2) + littleEndianBytes(count, 2)
    let end = littleEndianBytes(0x0605_4B50, 4) + littleEndianBytes(0, 4) + counts
    try sink.write(
      directory + end + littleEndianBytes(directory.count, 4) + littleEndianBytes(start, 4) + littleEndianBytes(0, 2))
  }
}
