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

extension MapResult {
  /// What a map stage gives for an image that shows no class (`none` in the table): a map of the background, 1 everywhere, and its mask.
  public static func backgroundAlone(width: Int, height: Int, classes: ClassTable) -> MapResult {
    MapResult(
      scores: ScoreMap(scores: Tensor(repeating: 1, [1, height, width]), labels: classes.values(of: [0]), height: height, width: width),
      masks: [("masks", LabelMask(width: width, height: height))])
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
  /// Everything is made in a hidden folder beside its final place and moved when the last image is done: until then, and where an image fails
  /// (reported with its id), earlier outputs are as they were. Moving takes away the parts of another division of the work, so that a folder
  /// never holds two; what other shards of this division have done stays.
  public func writeMaps(
    _ data: StageData, hasMaps: Bool, provenance: Provenance, _ compute: (Manifest.Item) throws -> MapResult
  ) throws {
    let staging = "\(out)/.\(shard.stem).partial"
    // One that a killed run left behind.
    try? FileManager.default.removeItem(atPath: staging)
    try AtomicFile.createFolder(staging)
    defer { try? FileManager.default.removeItem(atPath: staging) }
    do {
      let (index, files) = try makeMaps(data, in: staging, hasMaps: hasMaps, provenance: provenance, compute)
      try removeStaleParts()
      for folder in index.masks { try AtomicFile.createFolder("\(out)/\(folder)") }
      for file in files { try move(file, from: staging) }
      try AtomicFile.write(index.json, to: "\(out)/\(shard.stem).json")
    } catch let failure as Failure {
      // The user knows the final places only.
      throw Failure(failure.kind, failure.message, file: failure.file?.replacingOccurrences(of: staging, with: out), item: failure.item)
    }
  }

  /// Makes everything in `folder`; returns the completion file's content and the names of the files made.
  private func makeMaps(
    _ data: StageData, in folder: String, hasMaps: Bool, provenance: Provenance, _ compute: (Manifest.Item) throws -> MapResult
  ) throws -> (index: PartIndex, files: [String]) {
    let items = shard.select(data.items)
    var digest = SHA256()
    var (files, kinds) = ([String](), Set<String>())
    let progress = progress(total: items.count, unit: "images")
    func process(_ writer: ScoreMapWriter?) throws {
      for item in items {
        let result = try attributed(to: item) { try compute(item) }
        if let writer { try write(result, of: item, to: writer) }
        for (kind, mask) in result.masks {
          let values = data.classes.values(ofIndices: mask)
          digest.update(values.labels)
          kinds.insert(kind)
          files.append("\(kind)/\(item.id).png")
          try values.write(to: "\(folder)/\(kind)/\(item.id).png", palette: data.classes.palette, text: provenance.pairs)
        }
        progress.advance()
      }
    }
    if hasMaps {
      let part = MapPart(index: shard.index, count: shard.count)
      try ScoreMapWriter.write(to: folder, part: part, provenance: provenance, process)
      digest.update(Array(try SHA256.hexadecimal(ofFile: "\(folder)/\(part.fileName)").utf8))
      files.append(part.fileName)
    } else {
      try process(nil)
    }
    progress.finish()
    let index = PartIndex(
      shard: shard.index, shards: shard.count, ids: items.map(\.id), masks: kinds.sorted(), content: digest.hexadecimal(),
      provenance: Dictionary(provenance.pairs) { $1 })
    return (index, files)
  }

  private func move(_ name: String, from staging: String) throws {
    guard rename("\(staging)/\(name)", "\(out)/\(name)") == 0 else {
      throw Failure(.io, "cannot move into place: \(String(cString: strerror(errno)))", file: "\(out)/\(name)")
    }
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
