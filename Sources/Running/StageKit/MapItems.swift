import Datasets
import Foundation
import Foundations
import Imaging
import LabelMasks
import StepFiles
import TensorStore
import Tensors

/// What is kept of a finished image until its shard is done, so that a run that was stopped goes on where it was: its
/// masks at `masks/ID.png`, its maps at `items/ID.h5` and this, written last, at `items/ID.json`.
struct FinishedItem: Codable {
  /// Digest of the image's id, maps and masks.
  var content: String
  /// Its masks.
  var files: [File]
  /// Numbers about the image, for its group in the file of maps.
  var attributes: [Attribute]
  /// Why it was left out; nil for an image that was done.
  var damage: String?

  struct File: Codable {
    let name: String
    let bytes: Int
    let digest: String
  }

  struct Attribute: Codable {
    let name: String
    let value: AttributeValue
  }
}

/// The maps of an image as the file has them, with mask values in place of class indices.
struct StoredMaps {
  var scores: ScoreMap?
  var maps: [(name: String, tensor: Tensor)] = []
  var attributes: [(name: String, value: AttributeValue)] = []

  /// Nothing yet, of an image with these attributes.
  init(attributes: [(name: String, value: AttributeValue)]) { self.attributes = attributes }

  init(_ result: MapResult, classes: ClassTable) {
    scores = result.scores.map {
      ScoreMap(
        scores: $0.of.values, labels: classes.values(of: $0.of.labels), height: $0.height, width: $0.width,
        stride: $0.stride)
    }
    (maps, attributes) = (result.maps, result.attributes)
  }

  /// Digest of the image's id and of everything computed for it. What made it, and how it is stored, is not in it.
  func content(of id: String, masks: [(folder: String, mask: LabelMask)]) -> String {
    var digest = SHA256()
    func add(_ text: String) { digest.update("\(text)\n".utf8) }
    add(id)
    if let scores {
      let (size, stride) = ("size \(scores.height) \(scores.width)", "stride \(scores.stride)")
      add("scores \(scores.scores.shape) labels \(scores.labels) \(size) \(stride)")
      digest.update(scores.scores.values)
    }
    for (name, tensor) in maps {
      add("\(name) \(tensor.shape)")
      digest.update(tensor.values)
    }
    for (folder, mask) in masks {
      add("\(folder) \(mask.width)x\(mask.height)")
      digest.update(mask.labels)
    }
    for (name, value) in attributes { add("\(name) \(value)") }
    return digest.hexadecimal()
  }

  func write(to writer: ScoreMapWriter, id: String) throws {
    if let scores { try writer.append(id, scores) }
    for (name, tensor) in maps { try writer.append(id, tensor, named: name) }
    for (name, value) in attributes { try writer.setAttribute(name, value, of: id) }
  }
}

/// The finished images of a shard that is being made.
struct MapItems {
  let work: Unfinished
  let folder: StepFolder
  let hasMaps: Bool

  private func recordPath(_ id: String) -> String { "\(work.path)/items/\(id).json" }
  private func mapsFolder(_ id: String) -> String { "\(work.path)/items/\(id)" }
  private static let part = MapPart()

  /// What an earlier run has finished of an image; nil where that is nothing or not whole.
  func finished(_ id: String) -> FinishedItem? {
    guard let data = FileManager.default.contents(atPath: recordPath(id)),
      let item = try? JSONDecoder().decode(FinishedItem.self, from: data)
    else { return nil }
    // A run that was stopped while it moved files has moved some of them.
    let isWhole = item.files.allSatisfy { file in
      [work.path, folder.path].contains {
        FileStatus("\($0)/\(file.name)")?.size == file.bytes && digest("\($0)/\(file.name)") == file.digest
      }
    }
    let needsMaps = hasMaps && item.damage == nil
    return isWhole && (!needsMaps || FileStatus("\(mapsFolder(id))/\(Self.part.fileName)") != nil) ? item : nil
  }

  private func digest(_ path: String) -> String? { try? SHA256.hexadecimal(ofFile: path) }

  /// Keeps a finished image.
  func keep(_ item: FinishedItem, _ maps: StoredMaps?, of id: String) throws {
    if hasMaps, let maps {
      try ScoreMapWriter.write(to: mapsFolder(id), part: Self.part) { try maps.write(to: $0, id: id) }
    }
    try AtomicFile.write(Array(try JSONEncoder().encode(item)), to: recordPath(id))
  }

  /// Copies the maps of an image that an earlier run finished.
  func copyMaps(of id: String, _ item: FinishedItem, to writer: ScoreMapWriter) throws {
    let reader = try ScoreMapReader("\(mapsFolder(id))/\(Self.part.fileName)")
    var stored = StoredMaps(attributes: item.attributes.map { (name: $0.name, value: $0.value) })
    for name in try reader.mapNames(id) {
      if name == "scores" {
        stored.scores = try reader.scores(id)
      } else {
        stored.maps.append((name, try reader.map(id, named: name)))
      }
    }
    try stored.write(to: writer, id: id)
  }
}
