import Foundation
import Foundations
import Tensors

/// Reads the maps of a step, all parts of a folder as one collection, one image at a time.
///
/// Opening checks that the folder holds exactly one complete set of parts, `part-1-of-N.h5` ... `part-N-of-N.h5`, made by the same stage with the same
/// parameters, and that no id is in two of them. An id is then found in O(1). Memory: the list of ids, and the map that is being read.
public final class ScoreMapReader: Sendable {
  /// The folder, or the single file, that was opened.
  public let path: String
  /// All ids: part by part, within a part in the order of writing.
  public let ids: [String]
  private let parts: [HDF5File]
  private let partOfID: [String: Int]

  /// Opens all parts of the folder `path`, or, where `path` is a file, that one alone.
  public init(_ path: String) throws {
    self.path = path
    let names = try Self.partNames(path)
    let parts = try names.map { try HDF5File($0) }
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
  public func provenance() throws -> Provenance { try parts[0].provenance() }

  public func contains(_ id: String) -> Bool { partOfID[id] != nil }

  /// The names of the maps of `id`: `scores`, `knowledge`, ...
  public func mapNames(_ id: String) throws -> [String] { try part(of: id).datasetNames(in: id) }

  /// The scores of `id`. Fails where the number of channels is not that of the labels.
  public func scores(_ id: String) throws -> ScoreMap {
    let file = try part(of: id)
    let scores = try file.readTensor("\(id)/scores")
    let labels = try file.integers("labels", of: id)
    let size = try file.integers("size", of: id)
    let stride = try file.attribute("stride", of: id)?.asInteger ?? 1
    guard scores.shape.rank == 3, scores.shape[0] == labels.count, size.count == 2, stride >= 1 else {
      throw Failure(
        .data, "scores of shape \(scores.shape) do not go with the labels \(labels), size \(size) and stride \(stride)", file: file.path, item: id)
    }
    return ScoreMap(scores: scores, labels: labels, height: size[0], width: size[1], stride: stride)
  }

  /// Another map of `id`.
  public func map(_ id: String, named name: String) throws -> Tensor { try part(of: id).readTensor("\(id)/\(name)") }

  /// A mask of `id`: its shape and its labels.
  public func labels(_ id: String, named name: String) throws -> (shape: [Int], labels: [UInt8]) {
    let (shape, values) = try part(of: id).readBytes("\(id)/\(name)")
    return (shape, values)
  }

  /// An attribute of the group of `id`; nil where there is none.
  public func attribute(_ name: String, of id: String) throws -> AttributeValue? { try part(of: id).attribute(name, of: id) }

  private func part(of id: String) throws -> HDF5File {
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
    let found = Set(names.compactMap(MapPart.init(fileName:)))
    let counts = Set(found.map(\.count)).sorted()
    guard let count = counts.first else { throw Failure(.noInput, "holds no maps (part-I-of-N.h5)", file: path) }
    guard counts.count == 1 else {
      throw Failure(
        .data, "holds parts of more than one set (of \(counts.map(String.init).joined(separator: " and of "))); remove the old one", file: path)
    }
    let wanted = (1...count).map { MapPart(index: $0, count: count) }
    let missing = wanted.filter { !found.contains($0) }.map(\.fileName)
    guard missing.isEmpty else {
      let list = missing.prefix(5).joined(separator: ", ") + (missing.count > 5 ? " and \(missing.count - 5) more" : "")
      throw Failure(.noInput, "is incomplete: \(list) of \(count) parts missing", file: path)
    }
    return wanted.map { "\(path)/\($0.fileName)" }
  }

  /// Parameters that differ between the shards of one step by nature.
  private static let shardParameters: Set<String> = ["shard", "threads"]

  private static func checkAgreement(_ parts: [HDF5File]) throws {
    func identity(_ part: HDF5File) throws -> [(String, String)] {
      let provenance = try part.provenance()
      return [("stage", provenance.stage), ("version", provenance.version)]
        + provenance.parameters.filter { !shardParameters.contains($0.name) }.map { ("parameter \($0.name)", $0.value) }
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
