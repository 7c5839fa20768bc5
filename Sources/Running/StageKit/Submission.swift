import Datasets
import Foundation
import Foundations
import Imaging
import LabelMasks
import StageInterface
import Threads

/// Masks in the tree that PASCAL VOC's evaluation server takes: `results/VOC2012/Segmentation/comp6_test_cls/ID.png`,
/// to be packed as it is.
public struct Submission: Sendable {
  public typealias Competition = EvaluateOptions.Competition

  /// The folder of the masks, relative to the output folder.
  public let folder: String
  private let classes: ClassTable

  /// Throws `Failure(.data)` where the classes are not VOC's twenty with VOC's values: the server knows no others.
  public init(_ competition: Competition, split: String, classes: ClassTable) throws {
    let (expected, found) = (try ClassTable.voc().entries, classes.entries)
    guard expected.map(\.name) == found.map(\.name), expected.map(\.value) == found.map(\.value) else {
      throw Failure(
        .data, expected: "the background and VOC's 20 classes with the values 0 to 20",
        found: found.map { "\($0.value) \($0.name)" }.joined(separator: ", "),
        item: "--submission")
    }
    folder = "results/VOC2012/Segmentation/\(competition.rawValue)_\(split)_cls"
    self.classes = classes
  }

  /// Writes the masks of a shard's items: palette PNG of the image's size, a class at every pixel.
  ///
  /// They are made in the folder of unfinished work and moved when all are there. Without shards the folder then holds
  /// nothing else.
  /// - Throws: `Failure` naming the first item whose mask is missing, has not the image's size or leaves a pixel void.
  public func write(_ masks: SeedMasks, of items: [Manifest.Item], run: StageRun) throws {
    let work = try run.openWork()
    try work.clear()
    do {
      try Parallel.results(items.count, threads: run.threads) { range in
        for item in items[range] { try write(masks, of: item, to: "\(work.path)/\(folder)/\(item.id).png") }
      }
    } catch {
      try work.remove()
      throw (error as? Failure).map { run.relocated($0, from: work.path) } ?? error
    }
    if run.shard.count == 1 { try? FileManager.default.removeItem(atPath: "\(run.out)/\(folder)") }
    for item in items { try work.move("\(folder)/\(item.id).png", to: run.folder) }
    try work.remove()
  }

  private func write(_ masks: SeedMasks, of item: Manifest.Item, to path: String) throws {
    let size = try item.imageSize()
    let mask = try masks.mask(of: item, width: size.width, height: size.height)
    guard !mask.presentLabels.contains(LabelMask.void) else {
      throw Failure(.data, "the mask leaves pixels void; the server wants a class at each", item: item.id)
    }
    try classes.values(ofIndices: mask).write(to: path, palette: classes.palette)
  }
}
