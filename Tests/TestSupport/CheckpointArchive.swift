import Foundation
import Foundations
import TensorStore
import Tensors

/// Writes a PyTorch checkpoint of any size, one tensor at a time: what `torch.save` makes of a state dict, by other
/// code than the project's own writer.
package enum CheckpointArchive {
  /// A tensor of float32, or a counter: an integer 0 of 64 bits without axes, as `num_batches_tracked` is.
  package struct Entry {
    package let name: String
    /// Nil for a counter.
    package let shape: Shape?

    package init(_ name: String, _ shape: Shape?) { (self.name, self.shape) = (name, shape) }
  }

  /// The elements are asked for one tensor after another, in order.
  package static func write(_ entries: [Entry], to path: String, elements: (Entry, Shape) throws -> Tensor) throws {
    guard FileManager.default.createFile(atPath: path, contents: nil), let handle = FileHandle(forWritingAtPath: path)
    else {
      throw Failure(.io, "cannot create", file: path)
    }
    defer { try? handle.close() }
    var archive = Archive(handle: handle)
    try archive.add("data.pkl", CheckpointBytes(items: entries.enumerated().map(item), storages: []).pickle())
    try archive.add("byteorder", Array("little".utf8))
    for (key, entry) in entries.enumerated() {
      if let shape = entry.shape {
        try elements(entry, shape).withUnsafeBufferPointer {
          try archive.add("data/\(key)", UnsafeRawBufferPointer($0))
        }
      } else {
        try archive.add("data/\(key)", [UInt8](repeating: 0, count: 8))
      }
    }
    try archive.add("version", Array("3\n".utf8))
    try archive.finish()
  }

  private static func item(_ key: Int, _ entry: Entry) -> CheckpointBytes.Item {
    let shape = entry.shape?.dimensions ?? []
    let strides = shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
    return CheckpointBytes.Item(
      name: entry.name, storageType: entry.shape == nil ? "LongStorage" : "FloatStorage", key: String(key),
      elements: shape.reduce(1, *), shape: shape,
      strides: strides)
  }

  /// A zip archive of stored entries.
  private struct Archive {
    let handle: FileHandle
    private var position = 0
    private var directory: [UInt8] = []
    private var count = 0

    init(handle: FileHandle) { self.handle = handle }

    mutating func add(_ name: String, _ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try add(name, $0) } }

    mutating func add(_ name: String, _ bytes: UnsafeRawBufferPointer) throws {
      let name = Array("archive/\(name)".utf8)
      // Flags, method, time and date; checksum, stored and whole size; length of the name.
      let sizes = little(bytes.count) + little(bytes.count)
      let common = zeros(8) + little(Int(CRC32.checksum(bytes))) + sizes + little(name.count, 2)
      directory += little(0x0201_4B50) + zeros(4) + common + zeros(12) + little(position) + name
      try write(little(0x0403_4B50) + zeros(2) + common + zeros(2) + name)
      try handle.write(contentsOf: bytes)
      position += bytes.count
      count += 1
    }

    mutating func finish() throws {
      let (start, size) = (position, directory.count)
      try write(directory)
      try write(
        little(0x0605_4B50) + zeros(4) + little(count, 2) + little(count, 2) + little(size) + little(start) + zeros(2))
    }

    private func little(_ value: Int, _ count: Int = 4) -> [UInt8] { CheckpointBytes.little(value, count) }
    private func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    private mutating func write(_ bytes: [UInt8]) throws {
      try handle.write(contentsOf: Data(bytes))
      position += bytes.count
    }
  }
}
