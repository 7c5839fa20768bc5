import TensorStore

/// Builds PyTorch checkpoints as bytes: just enough of pickle and zip for the tests.
package struct CheckpointBytes {
  package struct Item {
    package var name: String
    package var storageType: String
    package var key: String
    package var elements: Int
    package var offset: Int
    package var shape: [Int]
    package var strides: [Int]

    package init(
      name: String, storageType: String = "FloatStorage", key: String, elements: Int, offset: Int = 0, shape: [Int],
      strides: [Int]
    ) {
      (self.name, self.storageType, self.key, self.elements) = (name, storageType, key, elements)
      (self.offset, self.shape, self.strides) = (offset, shape, strides)
    }
  }

  package var items: [Item]
  /// The bytes of each storage, by key, in order.
  package var storages: [(key: String, bytes: [UInt8])]
  /// Put before the STOP of the pickle's dictionary, as a value under the key "extra".
  package var extra: [UInt8] = []
  /// The pickled object in place of a dictionary of the items; empty for that.
  package var root: [UInt8] = []

  package init(items: [Item], storages: [(key: String, bytes: [UInt8])]) {
    (self.items, self.storages) = (items, storages)
  }

  /// Two tensors: a 2x3 matrix, and its transpose on the same storage.
  package static var small: CheckpointBytes {
    let matrix = Item(name: "module.a.weight", key: "0", elements: 6, shape: [2, 3], strides: [3, 1])
    let transposed = Item(name: "module.b.weight", key: "0", elements: 6, shape: [3, 2], strides: [1, 3])
    return CheckpointBytes(items: [matrix, transposed], storages: [("0", floats([1, 2, 3, 4, 5, 6]))])
  }

  package static func floats(_ values: [Float]) -> [UInt8] { values.flatMap { little($0.bitPattern, 4) } }

  package static func little(_ value: some FixedWidthInteger, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: UInt64(truncatingIfNeeded: value) >> UInt64(8 * $0)) }
  }

  // MARK: Pickle

  package static func text(_ text: String) -> [UInt8] { [0x58] + little(text.utf8.count, 4) + Array(text.utf8) }
  package static func integer(_ value: Int) -> [UInt8] { [0x8A, 8] + little(value, 8) }
  package static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
  package static func tuple(_ parts: [[UInt8]]) -> [UInt8] { [0x28] + parts.flatMap { $0 } + [0x74] }

  package static func dictionary(_ entries: [(String, [UInt8])]) -> [UInt8] {
    [0x7D, 0x28] + entries.flatMap { text($0.0) + $0.1 } + [0x75]
  }

  package static func storage(_ type: String, key: String, count: Int, legacy: Bool = false) -> [UInt8] {
    let identifier = [text("storage"), global("torch", type), text(key), text("cpu"), integer(count)]
    return tuple(identifier + (legacy ? [[0x4E]] : [])) + [0x51]
  }

  /// A tensor of a type that has no storage of its own, on `bytes` bytes.
  package static func tensorVersion3(_ type: String, key: String, bytes: Int, shape: [Int]) -> [UInt8] {
    let strides = shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
    let arguments = tuple([
      storage("UntypedStorage", key: key, count: bytes), integer(0), tuple(shape.map(integer)),
      tuple(strides.map(integer)), [0x89], [0x4E],
      global("torch", type),
    ])
    return global("torch._utils", "_rebuild_tensor_v3") + arguments + [0x52]
  }

  package static func tensor(_ item: Item, legacy: Bool) -> [UInt8] {
    let arguments = tuple([
      storage(item.storageType, key: item.key, count: item.elements, legacy: legacy), integer(item.offset),
      tuple(item.shape.map(integer)), tuple(item.strides.map(integer)), [0x89],
      global("collections", "OrderedDict") + [0x29, 0x52],
    ])
    return global("torch._utils", "_rebuild_tensor_v2") + arguments + [0x52]
  }

  package func pickle(legacy: Bool = false) -> [UInt8] {
    if !root.isEmpty { return [0x80, 2] + root + [0x2E] }
    var bytes: [UInt8] = [0x80, 2] + Self.global("collections", "OrderedDict") + [0x29, 0x52, 0x28]
    for item in items { bytes += Self.text(item.name) + Self.tensor(item, legacy: legacy) }
    if !extra.isEmpty { bytes += Self.text("extra") + extra }
    return bytes + [0x75, 0x2E]
  }

  // MARK: Files

  package var legacy: [UInt8] {
    let magic: [UInt8] = [0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
    let version: [UInt8] = [0x80, 2, 0x4D, 0xE9, 0x03, 0x2E]
    let system: [UInt8] = [0x80, 2, 0x7D] + Self.text("little_endian") + [0x88, 0x73, 0x2E]
    let keys: [UInt8] = [0x80, 2, 0x5D, 0x28] + storages.flatMap { Self.text($0.key) } + [0x65, 0x2E]
    let sizes = Dictionary(items.map { ($0.key, $0.elements) }, uniquingKeysWith: { first, _ in first })
    let data = storages.flatMap { Self.little(sizes[$0.key] ?? 0, 8) + $0.bytes }
    return magic + version + system + pickle(legacy: true) + keys + data
  }

  package var zip: [UInt8] { Self.zip(entries) }

  package var entries: [(name: String, bytes: [UInt8])] {
    [("archive/data.pkl", pickle()), ("archive/byteorder", Array("little".utf8))]
      + storages.map { ("archive/data/\($0.key)", $0.bytes) }
  }

  /// `wide`: sizes and offsets in ZIP64 fields. `method`: what the headers claim. `checksum`: instead of that of an
  /// entry's bytes.
  package static func zip(
    _ entries: [(name: String, bytes: [UInt8])], wide: Bool = false, method: Int = 0, checksum: UInt32? = nil
  ) -> [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for (name, bytes) in entries {
      let offset = file.count
      let common = little(method, 2) + little(0, 4) + little(checksum ?? bytes.withUnsafeBytes(CRC32.checksum), 4)
      let size = little(bytes.count, 4)
      file +=
        little(0x0403_4B50, 4) + little(20, 2) + little(0, 2) + common + size + size + little(name.utf8.count, 2)
        + little(3, 2)
      file += Array(name.utf8) + [0, 0, 0] + bytes
      let extra =
        wide ? little(1, 2) + little(24, 2) + little(bytes.count, 8) + little(bytes.count, 8) + little(offset, 8) : []
      directory += little(0x0201_4B50, 4) + little(20, 2) + little(20, 2) + little(0, 2) + common
      directory += wide ? little(0xFFFF_FFFF, 4) + little(0xFFFF_FFFF, 4) : size + size
      directory += little(name.utf8.count, 2) + little(extra.count, 2) + little(0, 10)
      directory += little(wide ? 0xFFFF_FFFF : offset, 4) + Array(name.utf8) + extra
    }
    let start = file.count
    file += directory
    if wide {
      let record = file.count
      file += little(0x0606_4B50, 4) + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8)
      file += little(entries.count, 8) + little(entries.count, 8) + little(directory.count, 8) + little(start, 8)
      file += little(0x0706_4B50, 4) + little(0, 4) + little(record, 8) + little(1, 4)
    }
    file +=
      little(0x0605_4B50, 4) + little(0, 4) + little(wide ? 0xFFFF : entries.count, 2)
      + little(wide ? 0xFFFF : entries.count, 2)
    file += little(wide ? 0xFFFF_FFFF : directory.count, 4) + little(wide ? 0xFFFF_FFFF : start, 4) + little(0, 2)
    return file
  }
}
