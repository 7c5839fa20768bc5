import Foundation
import Foundations
import StepFiles
import Tensors

/// Reads the maps of a step, all parts of a folder as one collection, one image at a time.
///
/// Opening checks that the folder holds exactly one complete set of parts, `part-1-of-N.h5` ... `part-N-of-N.h5`,
/// made by the same stage with the same parameters from the same inputs, and that no id is in two of them. An id is
/// then found in O(1). Memory: the list of ids, and the map that is being read, which takes no more than the caller
/// expects, whatever the file claims.
public final class ScoreMapReader: Sendable {
  /// The folder, or the single file, that was opened.
  public let path: String
  /// All ids: part by part, within a part in the order of writing.
  public let ids: [String]
  private let parts: [UntrustedHDF5]
  private let partOfID: [String: Int]

  /// Opens all parts of the folder `path`, or, where `path` is a file, that one alone.
  public init(_ path: String) throws {
    self.path = path
    let names = try Self.partNames(path)
    let parts = try names.map { try UntrustedHDF5($0) }
    try Self.checkAgreement(parts)
    var ids: [String] = []
    var partOfID: [String: Int] = [:]
    for (i, part) in parts.enumerated() {
      for id in try part.names() {
        if let other = partOfID.updateValue(i, forKey: id) {
          throw Failure(.data, "is also in \(Self.fileName(parts[other].path))", file: part.path, item: id)
        }
        ids.append(id)
      }
    }
    self.parts = parts
    self.ids = ids
    self.partOfID = partOfID
  }

  /// What made the first part; the others agree with it in stage, version and parameters.
  public func provenance() throws -> Provenance { Provenance(attributes: try parts[0].attributes()) }

  public func contains(_ id: String) -> Bool { partOfID[id] != nil }

  /// The names of the maps of `id`: `scores`, `knowledge`, ...
  public func mapNames(_ id: String) throws -> [String] { try part(of: id).group(id).datasets.map(\.name) }

  /// The scores of `id`. Fails where the number of channels is not that of the labels, where the map has more cells
  /// than the image that it claims to be of has pixels, or, with `image`, where that is not the image's size: all
  /// before the map takes any memory.
  public func scores(_ id: String, of image: (height: Int, width: Int)? = nil) throws -> ScoreMap {
    let file = try part(of: id)
    let group = try file.group(id)
    guard let shape = group.shape(of: "scores") else {
      throw Failure(.data, "no such data set or group", file: file.path, item: "\(id)/scores")
    }
    let labels = try group.integers("labels", Self.place(file, id))
    let size = try group.integers("size", Self.place(file, id))
    let stride = group.attributes["stride"]?.asInteger ?? 1
    guard shape.count == 3, shape[0] == labels.count, labels.count <= Self.mostLabels, size.count == 2, stride >= 1,
      shape[1] <= size[0], shape[2] <= size[1]
    else {
      throw Failure(
        .data, "scores of shape \(Shape(shape)) do not go with the labels \(labels), size \(size) and stride \(stride)",
        file: file.path, item: id)
    }
    if let image, size != [image.height, image.width] {
      throw Failure(
        .data, "probability map is \(size[1])x\(size[0]), image is \(image.width)x\(image.height)", file: path, item: id
      )
    }
    let scores = try tensor("scores", shape, of: id, in: file, atMost: image == nil ? Self.mostElements : .max)
    return ScoreMap(scores: scores, labels: labels, height: size[0], width: size[1], stride: stride)
  }

  /// The size of the image that `id` is of, as its part says.
  public func imageSize(of id: String) throws -> (height: Int, width: Int) {
    let file = try part(of: id)
    let group = HDF5Group(datasets: [], groups: [], attributes: try file.attributes(of: id))
    let size = try group.integers("size", Self.place(file, id))
    guard size.count == 2 else { throw Self.place(file, id).failure("expected a size of two numbers, found \(size)") }
    return (size[0], size[1])
  }

  /// Mask values are bytes.
  private static let mostLabels = 256
  /// Elements of a map where nothing is known of its image: 1 GiB.
  private static let mostElements = 1 << 28

  /// Another map of `id`, of at most `count` elements.
  public func map(_ id: String, named name: String, atMost count: Int = 1 << 28) throws -> Tensor {
    let file = try part(of: id)
    return try tensor(name, shape(name, of: id, in: file), of: id, in: file, atMost: count)
  }

  /// A mask of `id`: its shape and its labels, at most `count` of them.
  public func labels(_ id: String, named name: String, atMost count: Int = 1 << 28) throws -> (
    shape: [Int], labels: [UInt8]
  ) {
    let file = try part(of: id)
    let shape = try shape(name, of: id, in: file)
    try Self.check(shape, atMost: count, file, "\(id)/\(name)")
    return (shape, try file.bytes("\(id)/\(name)", shape: shape))
  }

  /// An attribute of the group of `id`; nil where there is none.
  public func attribute(_ name: String, of id: String) throws -> AttributeValue? {
    try part(of: id).attributes(of: id)[name]
  }

  private func shape(_ name: String, of id: String, in file: UntrustedHDF5) throws -> [Int] {
    guard let shape = try file.group(id).shape(of: name) else {
      throw Failure(.data, "no such data set or group", file: file.path, item: "\(id)/\(name)")
    }
    return shape
  }

  private func tensor(_ name: String, _ shape: [Int], of id: String, in file: UntrustedHDF5, atMost count: Int) throws
    -> Tensor
  {
    try Self.check(shape, atMost: count, file, "\(id)/\(name)")
    return try file.tensor("\(id)/\(name)", shape: shape)
  }

  private static func check(_ shape: [Int], atMost count: Int, _ file: UntrustedHDF5, _ item: String) throws {
    guard elementCount(shape) ?? .max <= count else {
      throw Failure(
        .data, expected: "at most \(count) elements", found: "the shape \(Shape(shape))", file: file.path, item: item)
    }
  }

  private static func place(_ file: UntrustedHDF5, _ id: String) -> HDF5Place {
    HDF5Place(file: file.path, item: id, kind: .data)
  }

  private func part(of id: String) throws -> UntrustedHDF5 {
    guard let index = partOfID[id] else { throw Failure(.data, "has no maps here", file: path, item: id) }
    return parts[index]
  }

  // MARK: Finding and checking the parts

  private static func fileName(_ path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }

  private static func partNames(_ path: String) throws -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw Failure(.noInput, "no such folder of maps", file: path)
    }
    guard isFolder.boolValue else { return [path] }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw Failure(.noInput, "the folder cannot be read", file: path)
    }
    guard let wanted = try Part.complete(in: names, suffix: ".h5", of: path) else {
      throw Failure(.noInput, "holds no maps (part-I-of-N.h5)", file: path)
    }
    return wanted.map { "\(path)/\($0.fileName)" }
  }

  /// Parameters that differ between the shards of one step by nature.
  private static let shardParameters: Set<String> = ["shard", "threads"]

  private static func checkAgreement(_ parts: [UntrustedHDF5]) throws {
    func identity(_ part: UntrustedHDF5) throws -> [(String, String)] {
      let provenance = Provenance(attributes: try part.attributes())
      return [("stage", provenance.stage), ("version", provenance.version)]
        + provenance.parameters.filter { !shardParameters.contains($0.name) }.map { ("parameter \($0.name)", $0.value) }
        + provenance.inputs.map { ("input \($0.name)", $0.digest) }
    }
    guard parts.count > 1 else { return }
    let first = try identity(parts[0])
    for part in parts.dropFirst() {
      let other = try identity(part)
      guard first.elementsEqual(other, by: ==) else {
        let differing = zip(first, other).first { $0 != $1 }
        let what = differing.map { "`\($0.0)` is \($1.1) here and \($0.1) there" } ?? "the parameters differ"
        throw Failure(.data, "was made otherwise than \(fileName(parts[0].path)): \(what)", file: part.path)
      }
    }
  }
}
