import Datasets
import Foundation
import Foundations
import Imaging
import LabelMasks
import StepFiles
import TensorStore
import Tensors

/// What a map stage computes for one image: class indices throughout; mask values appear where files are written.
public struct MapResult: Sendable {
  /// Scores per class with the size of the image and the pixels per cell.
  public struct Scores: Sendable {
    public let of: ClassScores
    public let height: Int
    public let width: Int
    public let stride: Int

    /// - Parameters:
    ///   - size: of the image, in pixels.
    ///   - stride: pixels of the image per cell of the scores, along each axis.
    public init(_ scores: ClassScores, size: (width: Int, height: Int), stride: Int = 1) {
      of = scores
      (width, height) = size
      self.stride = stride
    }
  }

  /// Nil where the stage writes none.
  public var scores: Scores?
  /// Further maps by name: `knowledge`, `advice`.
  public var maps: [(name: String, tensor: Tensor)]
  /// Masks of class indices, by folder: `masks`, `masks-crf`.
  public var masks: [(folder: String, mask: LabelMask)]
  /// Numbers about the image, kept with its maps: shares, counts.
  public var attributes: [(name: String, value: AttributeValue)]

  public init(
    scores: Scores? = nil, maps: [(name: String, tensor: Tensor)] = [], masks: [(folder: String, mask: LabelMask)],
    attributes: [(name: String, value: AttributeValue)] = []
  ) {
    self.scores = scores
    self.maps = maps
    self.masks = masks
    self.attributes = attributes
  }

  /// What a map stage gives for an image that shows no class (`none` in the table): a map of the background, 1
  /// everywhere, and its mask.
  public static func backgroundAlone(width: Int, height: Int) -> MapResult {
    let scores = ClassScores(values: Tensor(repeating: 1, [1, height, width]), labels: [0])
    return MapResult(
      scores: Scores(scores, size: (width, height)), masks: [("masks", LabelMask(width: width, height: height))])
  }
}

extension StageRun {
  /// Computes this shard's images one after another and writes `part-I-of-N.h5` (where there are maps), masks, and last
  /// the completion file.
  ///
  /// Everything is made in the folder of the work in progress and moved when the last image is done: until then, and
  /// where an image fails (reported with its id), earlier outputs are as they were. A run that was stopped goes on
  /// after the images that it has finished. Moving takes away the parts of another division of the work, so that a
  /// folder never holds two; what other shards of this division have done stays.
  ///
  /// - Parameter writesNumpy: write `npy/ID.npy` too: the scores of every class of the manifest, (classes, h, w), zero
  ///   for those that the map does not have; without the background where the map has none.
  public func writeMaps(
    _ data: StageData, hasMaps: Bool, writesNumpy: Bool = false, provenance: Provenance,
    _ compute: (Manifest.Item) throws -> MapResult
  ) throws {
    guard let part else { preconditionFailure("\(stage) writes maps, but its output is declared to be in one piece") }
    let work = try openWork()
    let making = MapMaking(
      run: self, data: data, items: MapItems(work: work, folder: folder, hasMaps: hasMaps), writesNumpy: writesNumpy,
      provenance: provenance)
    do {
      let (completion, list) = try making.make(part, compute)
      try commit(work, completion, list)
      if let division = try? folder.division(), division.count == part.count {
        try folder.exclusively { try folder.removeUnlisted(division) }
      }
    } catch {
      work.removeIfEmpty()
      throw (error as? Failure).map { relocated($0, from: work.path) } ?? error
    }
  }
}

/// One shard of a map stage while it is made.
private struct MapMaking {
  let run: StageRun
  let data: StageData
  let items: MapItems
  let writesNumpy: Bool
  let provenance: Provenance

  /// Makes everything in the folder of the work in progress.
  func make(_ part: Part, _ compute: (Manifest.Item) throws -> MapResult) throws -> (
    completion: Completion, list: FileList
  ) {
    let chosen = part.select(data.items)
    let done = Dictionary(chosen.compactMap { item in items.finished(item.id).map { (item.id, $0) } }) { first, _ in
      first
    }
    if !done.isEmpty { run.log.info("going on: \(done.count) of \(chosen.count) images were done before") }
    let progress = run.progress(total: chosen.count, unit: "images", alreadyDone: done.count)
    var results: [(id: String, item: FinishedItem)] = []
    func process(_ writer: ScoreMapWriter?) throws {
      for item in chosen {
        if let known = done[item.id] {
          if let writer, known.damage == nil { try items.copyMaps(of: item.id, known, to: writer) }
          results.append((item.id, known))
        } else {
          results.append((item.id, try make(item, writer, compute)))
          progress.advance()
        }
      }
    }
    var entries: [FileList.Entry] = []
    if items.hasMaps {
      try ScoreMapWriter.write(to: items.work.path, part: part, provenance: provenance, process)
      entries = try FileList(of: [part.fileName], in: items.work.path).entries
    } else {
      try process(nil)
    }
    progress.finish()
    return try describe(part, results, entries)
  }

  private func make(_ item: Manifest.Item, _ writer: ScoreMapWriter?, _ compute: (Manifest.Item) throws -> MapResult)
    throws -> FinishedItem
  {
    let result: MapResult
    do {
      result = try compute(item)
    } catch let failure as Failure {
      // The image itself, not what belongs to the whole step.
      guard run.skipsDamaged, failure.file == item.imagePath, [.data, .noInput].contains(failure.kind) else {
        throw failure.of(item: item.id)
      }
      run.log.warning("left out: \(failure.of(item: item.id))")
      let left = FinishedItem(
        content: SHA256.hexadecimal(of: "\(item.id) left out".utf8), files: [], attributes: [], damage: failure.message)
      try items.keep(left, nil, of: item.id)
      return left
    }
    do {
      let files = try writeMasks(result, of: item) + writeArray(result, of: item)
      let stored = StoredMaps(result, classes: data.classes)
      if let writer { try stored.write(to: writer, id: item.id) }
      let attributes = result.attributes.map { FinishedItem.Attribute(name: $0.name, value: $0.value) }
      let content = stored.content(of: item.id, masks: result.masks)
      let finished = FinishedItem(content: content, files: files, attributes: attributes)
      try items.keep(finished, stored, of: item.id)
      return finished
    } catch let failure as Failure {
      throw failure.of(item: item.id)
    }
  }

  private func writeMasks(_ result: MapResult, of item: Manifest.Item) throws -> [FinishedItem.File] {
    try result.masks.map { folder, mask in
      let name = "\(folder)/\(item.id).png"
      let path = "\(items.work.path)/\(name)"
      try data.classes.values(ofIndices: mask).write(to: path, palette: data.classes.palette, text: provenance.pairs)
      return FinishedItem.File(
        name: name, bytes: FileStatus(path)?.size ?? 0, digest: try SHA256.hexadecimal(ofFile: path))
    }
  }

  /// `npy/ID.npy`, where it is asked for and there are scores.
  private func writeArray(_ result: MapResult, of item: Manifest.Item) throws -> [FinishedItem.File] {
    guard writesNumpy, let scores = result.scores else { return [] }
    let name = "npy/\(item.id).npy"
    let path = "\(items.work.path)/\(name)"
    try NumpyScores.write(scores.of.dense(classes: data.classes.count), to: path)
    return [
      FinishedItem.File(name: name, bytes: FileStatus(path)?.size ?? 0, digest: try SHA256.hexadecimal(ofFile: path))
    ]
  }

  private func describe(
    _ part: Part, _ results: [(id: String, item: FinishedItem)], _ maps: [FileList.Entry]
  ) throws -> (completion: Completion, list: FileList) {
    let masks = results.flatMap(\.item.files).map { FileList.Entry(name: $0.name, bytes: $0.bytes, digest: $0.digest) }
    let list = FileList(maps + masks)
    var completion = Completion(
      recipe: try run.recordedRecipe(), content: DigestSum(results.map(\.item.content)).hexadecimal, list: list)
    (completion.shard, completion.shards) = (part.index, part.count)
    completion.ids = results.filter { $0.item.damage == nil }.map(\.id)
    let images = masks.filter { $0.name.hasSuffix(".png") }
    completion.masks = Set(images.map { ($0.name as NSString).deletingLastPathComponent }).sorted()
    let skipped = results.compactMap { result in result.item.damage.map { (result.id, $0) } }
    if !skipped.isEmpty {
      completion.skipped = Dictionary(skipped) { first, _ in first }
      run.log.warning(
        "\(skipped.count) of \(results.count) images were left out as damaged; \(part.stem).json names them")
    }
    completion.provenance = provenance.isNone ? nil : Dictionary(provenance.pairs) { $1 }
    return (completion, list)
  }
}

extension ClassScores {
  /// The scores of every class, (classes, h, w), zero for those that are not among `labels`; without the background
  /// where that is not among them.
  func dense(classes: Int) -> Tensor {
    let first = labels.contains(0) ? 0 : 1
    let nothing = Tensor(zeros: [1, values.shape[1], values.shape[2]])
    return Tensor.stacked(
      (first..<classes).map { index in labels.firstIndex(of: index).map { values.batch($0..<$0 + 1) } ?? nothing })
  }
}

extension ClassTable {
  /// Mask values of class indices.
  func values(of indices: [Int]) -> [Int] { indices.map { Int(entries[$0].value) } }

  /// Class indices of mask values; `Failure(.data)` for a value without a class.
  func indices(of values: [Int], item: String) throws -> [Int] {
    try values.map { value in
      guard (0...255).contains(value), let index = index(ofValue: UInt8(value)), index != Self.voidIndex else {
        throw Failure(.data, expected: "mask values of the class table", found: "\(value)", item: item)
      }
      return Int(index)
    }
  }
}
