import Datasets
import Foundation
import Foundations
import Imaging
import TensorStore
import Tensors

/// What a map stage computes for one image.
public struct MapResult: Sendable {
  /// Scores per class, labels as mask values; nil where the stage writes none.
  public var scores: ScoreMap?
  /// Further maps by name: `knowledge`, `advice`.
  public var maps: [(name: String, tensor: Tensor)]
  /// Masks of class indices, by folder: `masks`, `masks-crf`.
  public var masks: [(folder: String, mask: LabelMask)]
  /// Numbers about the image, kept with its maps: shares, counts.
  public var attributes: [(name: String, value: AttributeValue)]

  public init(
    scores: ScoreMap? = nil, maps: [(name: String, tensor: Tensor)] = [], masks: [(folder: String, mask: LabelMask)],
    attributes: [(name: String, value: AttributeValue)] = []
  ) {
    self.scores = scores
    self.maps = maps
    self.masks = masks
    self.attributes = attributes
  }
}

/// `part-I-of-N.json`: says that a shard is done, of which images and by what. Written last.
struct PartIndex: Codable {
  var shard: Int
  var shards: Int
  var ids: [String]
  /// Folders of masks beside it.
  var masks: [String]
  /// SHA-256 over the part's maps and masks.
  var content: String
  /// Keys and values of the provenance.
  var provenance: [String: String]
}

extension StageRun {
  /// Computes this shard's images one after another and writes `part-I-of-N.h5` (where there are maps), masks, and last `part-I-of-N.json`.
  ///
  /// Parts of another division of the work are taken away first, so that a folder never holds two. A failure of one image is reported with
  /// its id; what other shards have done stays.
  public func writeMaps(
    _ data: StageData, hasMaps: Bool, provenance: Provenance, _ compute: (Manifest.Item) throws -> MapResult
  ) throws {
    try AtomicFile.createFolder(out)
    try removeStaleParts()
    let items = shard.select(data.items)
    var digest = SHA256()
    var folders: [String] = []
    let progress = progress(total: items.count, unit: "images")
    func process(_ writer: ScoreMapWriter?) throws {
      for item in items {
        let result = try attributed(to: item) { try compute(item) }
        if let writer { try write(result, of: item, to: writer) }
        for (folder, mask) in result.masks {
          if !folders.contains(folder) { folders.append(folder) }
          let values = data.classes.values(ofIndices: mask)
          digest.update(values.labels)
          try values.write(to: "\(out)/\(folder)/\(item.id).png", palette: data.classes.palette, text: provenance.pairs)
        }
        progress.advance()
      }
    }
    if hasMaps {
      let part = MapPart(index: shard.index, count: shard.count)
      try ScoreMapWriter.write(to: out, part: part, provenance: provenance, process)
      digest.update(Array(try SHA256.hexadecimal(ofFile: "\(out)/\(part.fileName)").utf8))
    } else {
      try process(nil)
    }
    let index = PartIndex(
      shard: shard.index, shards: shard.count, ids: items.map(\.id), masks: folders.sorted(), content: digest.hexadecimal(),
      provenance: Dictionary(provenance.pairs) { $1 })
    try AtomicFile.write(index.json, to: "\(out)/\(shard.stem).json")
    progress.finish()
  }

  private func attributed<R>(to item: Manifest.Item, _ body: () throws -> R) throws -> R {
    do { return try body() } catch let failure as Failure { throw failure.of(item: item.id) }
  }

  private func write(_ result: MapResult, of item: Manifest.Item, to writer: ScoreMapWriter) throws {
    if let scores = result.scores { try writer.append(item.id, scores) }
    for (name, tensor) in result.maps { try writer.append(item.id, tensor, named: name) }
    for (name, value) in result.attributes { try writer.setAttribute(name, value, of: item.id) }
  }

  /// Removes this shard's completion file and everything of a division into another number of shards.
  private func removeStaleParts() throws {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: out)) ?? [] {
      guard name.hasPrefix("part-"), name.hasSuffix(".json") || name.hasSuffix(".h5") else { continue }
      let isOwn = name == "\(shard.stem).json"
      let isOfThisDivision = name.hasSuffix("-of-\(shard.count).json") || name.hasSuffix("-of-\(shard.count).h5")
      if isOwn || !isOfThisDivision { try? FileManager.default.removeItem(atPath: "\(out)/\(name)") }
    }
  }
}

extension PartIndex {
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else { preconditionFailure("a part index holds text and integers only") }
    return String(decoding: data, as: UTF8.self) + "\n"
  }
}

extension ClassTable {
  /// Mask values of class indices.
  public func values(of indices: [Int]) -> [Int] { indices.map { Int(entries[$0].value) } }

  /// Class indices of mask values; `Failure(.data)` for a value without a class.
  public func indices(of values: [Int], item: String) throws -> [Int] {
    try values.map { value in
      guard (0...255).contains(value), let index = index(ofValue: UInt8(value)), index != Self.voidIndex else {
        throw Failure(.data, expected: "mask values of the class table", found: "\(value)", item: item)
      }
      return Int(index)
    }
  }
}
