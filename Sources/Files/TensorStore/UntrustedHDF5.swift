import Foundation
import Foundations
import Tensors

/// An HDF5 file that may be damaged, or made with ill intent: weights, maps or a checkpoint.
///
///     let part = try UntrustedHDF5("part-1-of-1.h5")
///     let image = try part.group("2007_000032")
///     let shape = image.datasets[0].shape      // checked by the caller before memory is taken
///     let scores = try part.tensor("2007_000032/scores", shape: shape)
///
/// In programs that called `IsolatedHDF5.prepare` libhdf5 reads it in another process, so that no file can crash this
/// one. Links to other places are refused. Every problem is a `Failure` that names the file and the item: `.noInput`
/// where the file is missing, `.data` for what it holds. Safe to use from several threads; requests are answered one
/// after another.
final class UntrustedHDF5: @unchecked Sendable {
  let path: String
  /// Bytes of the file when it was opened.
  let limits: ReaderLimits
  private let lock = NSLock()
  /// Touched under the lock only.
  private var reading: Reading

  private enum Reading {
    case here(HDF5File)
    /// The number is what the process calls the file.
    case elsewhere(ReaderClient, Int)
  }

  init(_ path: String) throws {
    self.path = path
    limits = ReaderLimits(fileSize: try ReaderLimits.fileSize(path))
    reading = try Self.open(path, limits)
  }

  deinit {
    if case .elsewhere(let client, let file) = reading { client.close(file) }
  }

  private static func open(_ path: String, _ limits: ReaderLimits) throws -> Reading {
    guard let client = try IsolatedHDF5.client() else { return .here(try HDF5File(path)) }
    return .elsewhere(client, try client.open(path, limits))
  }

  /// The names of everything within `group`, in order of creation where the file records it (ours do), else by name.
  func names(in group: String = "/") throws -> [String] {
    try ask(
      here: { try $0.names(in: group) }, elsewhere: { try $0.value(.names, $1) }, ReaderMessage.Request(item: group))
  }

  /// All attributes of an item, by name; those of types that are not read are left out.
  func attributes(of item: String = "/") throws -> [String: AttributeValue] {
    try ask(
      here: { try $0.attributesByName(of: item) }, elsewhere: { try $0.value(.attributes, $1) },
      ReaderMessage.Request(item: item))
  }

  /// What `group` holds: every member is looked at, which takes long for the root of a part with many images.
  func group(_ name: String = "/") throws -> HDF5Group {
    let group: HDF5Group = try ask(
      here: { try $0.content(of: name) }, elsewhere: { try $0.value(.group, $1) }, ReaderMessage.Request(item: name))
    for item in group.datasets {
      guard item.shape.allSatisfy({ $0 >= 0 }), let count = elementCount(item.shape), count < 1 << 40 else {
        throw Failure(.data, "has impossible extents \(item.shape)", file: path, item: item.name)
      }
    }
    return group
  }

  /// The elements of a data set as float32. It takes the memory of `shape`, which the caller has found in `group` and
  /// checked against what it expects.
  func tensor(_ name: String, shape: [Int]) throws -> Tensor {
    try ask(
      here: { file in
        let tensor = try file.readTensor(name)
        guard tensor.shape.dimensions == shape else { throw self.changed(name) }
        return tensor
      }, elsewhere: { try $0.tensor($1) }, ReaderMessage.Request(item: name, shape: shape))
  }

  /// The same of unsigned bytes.
  func bytes(_ name: String, shape: [Int]) throws -> [UInt8] {
    try ask(
      here: { file in
        let read = try file.readBytes(name)
        guard read.shape == shape else { throw self.changed(name) }
        return read.values
      }, elsewhere: { try $0.bytes($1) }, ReaderMessage.Request(item: name, shape: shape))
  }

  private func changed(_ name: String) -> Failure {
    Failure(.data, "has another shape than it had before: the file changes while it is read", file: path, item: name)
  }

  private func ask<R>(
    here: (HDF5File) throws -> R, elsewhere: (ReaderClient.Files, ReaderMessage.Request) throws -> R,
    _ request: ReaderMessage.Request
  ) throws -> R {
    lock.lock()
    defer { lock.unlock() }
    // Another file may have ended the process in which this one was open.
    if case .elsewhere(let client, _) = reading, client.status != nil { reading = try Self.open(path, limits) }
    switch reading {
    case .here(let file): return try here(file)
    case .elsewhere(let client, let number):
      var request = request
      request.file = number
      return try elsewhere(ReaderClient.Files(client: client, path: path, limits: limits), request)
    }
  }
}

/// What a group of an HDF5 file holds.
struct HDF5Group: Codable {
  struct Item: Codable {
    let name: String
    let shape: [Int]
  }
  /// In order of creation where the file records it, else by name.
  var datasets: [Item]
  var groups: [String]
  var attributes: [String: AttributeValue]

  /// The shape of a data set; nil where there is none of this name.
  func shape(of name: String) -> [Int]? { datasets.first { $0.name == name }?.shape }

  /// An attribute of integers, which must be there; `place` is the group's.
  func integers(_ name: String, _ place: HDF5Place) throws -> [Int] {
    guard let value = attributes[name] else { throw place.failure("the attribute `\(name)` is missing") }
    guard let integers = value.asIntegers else {
      throw Failure(
        .data, expected: "integers in the attribute `\(name)`", found: "\(value)", file: place.file, item: place.item)
    }
    return integers
  }
}

extension HDF5File {
  /// What `group` holds; links to other places are refused.
  func content(of group: String) throws -> HDF5Group {
    try requireOwnMembers(of: group)
    var content = HDF5Group(datasets: [], groups: [], attributes: try attributesByName(of: group))
    for name in try names(in: group) {
      let path = group == "/" ? name : "\(group)/\(name)"
      switch try kind(of: path) {
      case .dataset: content.datasets.append(HDF5Group.Item(name: name, shape: try shape(of: path)))
      case .group: content.groups.append(name)
      case .other: break
      }
    }
    return content
  }

  func attributesByName(of item: String) throws -> [String: AttributeValue] {
    Dictionary(try attributes(of: item).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
  }
}
