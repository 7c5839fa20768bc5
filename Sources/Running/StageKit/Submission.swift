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
  /// They are made in a hidden folder and moved when all are there. Without shards the folder then holds nothing else.
  /// - Throws: `Failure` naming the first item whose mask is missing, has not the image's size or leaves a pixel void.
  public func write(_ masks: SeedMasks, of items: [Manifest.Item], run: StageRun) throws {
    let staging = "\(run.out)/.\(run.shard.stem).partial"
    try? FileManager.default.removeItem(atPath: staging)
    try AtomicFile.createFolder(staging)
    defer { try? FileManager.default.removeItem(atPath: staging) }
    do {
      try Parallel.results(items.count, threads: run.threads) { range in
        for item in items[range] { try write(masks, of: item, to: "\(staging)/\(item.id).png") }
      }
    } catch let failure as Failure {
      // The user knows the final places only.
      let file = failure.file?.replacingOccurrences(of: staging, with: "\(run.out)/\(folder)")
      throw Failure(failure.kind, failure.message, file: file, item: failure.item)
    }
    let final = "\(run.out)/\(folder)"
    if run.shard.count == 1 { try? FileManager.default.removeItem(atPath: final) }
    try AtomicFile.createFolder(final)
    for item in items {
      guard rename("\(staging)/\(item.id).png", "\(final)/\(item.id).png") == 0 else {
        throw AtomicFile.failure("cannot move into place", path: "\(final)/\(item.id).png")
      }
    }
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
