import Foundation
import Foundations
import Tensors

/// Score maps of one image in a file of numpy, in the layouts that people's scripts write.
///
/// | file | layout | channels |
/// |---|---|---|
/// | `.npy`, or `.npz` with one array | (k, h, w) numbers | `all` |
/// | `.npy` of a dictionary {class: (h, w)}, as PSA's scripts save | pickled | `keys` |
/// | `.npy` of a dictionary {"keys", "cam", "high_res"} (IRN), or a `.npz` of them | `high_res` before `cam` | `keys` |
/// | `.npz` with `labels` and `scores` | (k), (k, h, w) | `labels` |
public struct NumpyScores: Sendable {
  /// What the channels of `maps` stand for.
  public enum Channels: Sendable, Equatable {
    /// Every class, in order.
    case all
    /// Classes counted from 0; whether 0 is the background or the first object depends on what the maps are.
    case keys([Int])
    /// Mask values.
    case labels([Int])
  }

  /// (k, h, w).
  public let maps: Tensor
  public let channels: Channels

  /// Suffixes of such files, in small letters.
  public static let suffixes = ["npy", "npz"]

  /// - Throws: `Failure` `.noInput` where there is no such file; `.data` where it is damaged, of another layout,
  ///   big-endian, holds values that are not finite, or asks for anything but arrays. Nothing in a pickle is executed.
  public init(contentsOf path: String) throws { try self.init(ByteSource(path: path)) }

  /// The same from memory; `name` stands for the path in messages.
  package init(bytes: [UInt8], name: String) throws { try self.init(ByteSource(bytes: bytes, name: name)) }

  private init(_ source: ByteSource) throws {
    let start = try source.read(0, min(16, source.size), "start of the file")
    (maps, channels) =
      NumpyArchive.recognises(start)
      ? try Self.archived(source)
      : try Self.single(
        NumpyFile.read(source.read(0, source.size, "array")[...], file: source.name, item: nil), source.name)
    let keys: [Int]
    switch channels {
    case .all: keys = []
    case .keys(let list), .labels(let list): keys = list
    }
    guard channels == .all || keys.count == maps.shape[0] else {
      throw Failure(.data, "there are \(keys.count) classes for \(maps.shape[0]) maps", file: source.name)
    }
    guard Set(keys).count == keys.count, keys.allSatisfy({ (0...65_535).contains($0) }) else {
      throw Failure(.data, expected: "classes of 0 to 65535, each once", found: "\(keys)", file: source.name)
    }
    guard maps.values.allSatisfy(\.isFinite) else {
      throw Failure(.data, "holds scores that are not finite", file: source.name)
    }
  }

  /// Writes maps as a `.npy` of half precision, whole or not at all.
  public static func write(_ maps: Tensor, to path: String) throws {
    try AtomicFile.write(try NumpyFile.bytes(ofHalf: maps, file: path), to: path)
  }

  // MARK: Layouts

  private static func single(_ content: NumpyFile.Content, _ file: String) throws -> (Tensor, Channels) {
    switch content {
    case .numbers(let elements): return (try maps(elements, file, nil), .all)
    case .pickle(let bytes):
      var pickle = NumpyPickle(bytes, file: file)
      let root = try pickle.run()
      guard case .dictionary(let index) = root else {
        throw Failure(
          .data, "expected a dictionary of maps, as PSA's and IRN's scripts save, found another object", file: file)
      }
      return try dictionary(pickle.dictionaries[index].map { ($0.key, pickle.resolved($0.value)) }, pickle, file)
    }
  }

  private static func dictionary(
    _ entries: [(key: NumpyObject, value: NumpyObject)], _ pickle: NumpyPickle, _ file: String
  ) throws -> (Tensor, Channels) {
    var named: [String: NumpyObject] = [:]
    var planes: [Int: Tensor] = [:]
    for (key, value) in entries {
      if case .integer(let number) = key {
        guard case .numbers(let elements) = value, elements.shape.count == 2 else {
          throw Failure(.data, "expected a map (height, width) for the class \(number)", file: file)
        }
        planes[number] = elements.tensor
      } else {
        named[try pickle.text(key)] = value
      }
    }
    guard planes.isEmpty else {
      let keys = planes.keys.sorted()
      let shapes = Set(planes.values.map(\.shape))
      guard named.isEmpty, shapes.count == 1, let shape = shapes.first else {
        throw Failure(
          .data, expected: "maps of one size", found: "\(shapes.map(\.description).sorted().joined(separator: ", "))",
          file: file)
      }
      let stacked = keys.compactMap { planes[$0] }.map { $0.reshaped([1, shape[0], shape[1]]) }
      return (Tensor.stacked(stacked), .keys(keys))
    }
    return try keyed(file, names: named.keys.sorted()) { name in
      switch named[name] {
      case .numbers(let elements): elements
      case .list, .tuple: try named[name].flatMap { try integers($0, pickle) }
      default: nil
      }
    }
  }

  private static func archived(_ source: ByteSource) throws -> (Tensor, Channels) {
    let archive = try NumpyArchive(source)
    let names = archive.names
    if names.count == 1, let content = try archive.array(names[0]) { return try single(content, source.name) }
    return try keyed(source.name, names: names) { name in
      guard let content = try archive.array(name) else { return nil }
      guard case .numbers(let elements) = content else {
        throw Failure(.data, "expected an array of numbers, found Python objects", file: source.name, item: name)
      }
      return elements
    }
  }

  /// `keys` with `high_res` or `cam`, or `labels` with `scores`.
  private static func keyed(_ file: String, names: [String], _ array: (String) throws -> NumpyElements?) throws -> (
    Tensor, Channels
  ) {
    func numbers(_ name: String, _ elements: NumpyElements) throws -> [Int] {
      guard let integers = elements.integers else {
        throw Failure(.data, "expected whole numbers", file: file, item: name)
      }
      return integers
    }
    if let keys = try array("keys") {
      for name in ["high_res", "cam"] {
        if let elements = try array(name) { return (try maps(elements, file, name), .keys(try numbers("keys", keys))) }
      }
    } else if let labels = try array("labels"), let scores = try array("scores") {
      return (try maps(scores, file, "scores"), .labels(try numbers("labels", labels)))
    }
    throw Failure(
      .data, expected: "keys with high_res or cam, or labels with scores",
      found: names.isEmpty ? "nothing" : names.joined(separator: ", "), file: file)
  }

  private static func maps(_ elements: NumpyElements, _ file: String, _ item: String?) throws -> Tensor {
    guard elements.shape.count == 3, !elements.shape.contains(0) else {
      throw Failure(
        .data, expected: "an array (classes, height, width)", found: "shape \(elements.shape)", file: file, item: item)
    }
    return elements.tensor
  }

  private static func integers(_ object: NumpyObject, _ pickle: NumpyPickle) throws -> NumpyElements? {
    let values = try pickle.elements(object).map { value in
      guard case .integer(let number) = value, let small = UInt16(exactly: number) else {
        throw pickle.failure("expected a list of classes")
      }
      return small
    }
    let bytes = values.flatMap { littleEndianBytes(Int($0), 2) }
    return NumpyElements(type: .unsigned(2), shape: [values.count], isFortran: false, bytes: bytes[...])
  }
}
