import CPUBackend
import Datasets
import Evaluation
import Foundation
import Foundations
import Imaging
import LabelMasks
import PipelineGraph
import SSDD
import StageInterface
import StageKit
import TensorStore
import Tensors
import Threads

/// Reads the masks and d maps of a split once and counts: every image under every kind of masks, and every merge.
struct Measurement {
  let layout: RunLayout
  let manifest: DataSet
  let split: String
  let items: [DataSet.Item]
  let columns: [RunLayout.Column]
  let merges: [RunLayout.Merge]
  let threads: Int
  private let truths: EvaluationMasks
  let hasTruth: Bool

  /// Masks by step and variant, d maps by merge.
  private let sources: [RunLayout.MaskSource: SeedMasks]
  private let maps: [String: ScoreMapReader]

  /// Pixels of one pair of classes in one image.
  struct Cell: Sendable {
    var truth: UInt8
    var prediction: UInt8
    var count: Int
  }

  /// What was counted in one image.
  struct Image: Sendable {
    /// A column each; empty without truth.
    var cells: [[Cell]]
    /// Of the first merge.
    var choice: Choice?
  }

  struct Result: Sendable {
    var images: [Image] = []
    /// Of all images, one entry per column.
    var totals: [ConfusionMatrix] = []
    /// A merge each.
    var tallies: [MergeTally] = []
  }

  /// Sentences about masks and merges that are left out, since files of theirs are missing or damaged.
  let omissions: [String]

  /// Opens everything that a split has.
  ///
  /// - Throws: `Failure` where the split, its images or its truth masks are not there. Masks or maps that cannot be
  ///   opened are left out and told by `omissions`.
  init(_ layout: RunLayout, _ manifest: DataSet, split: String, columns: [RunLayout.Column], threads: Int) throws {
    self.layout = layout
    self.manifest = manifest
    self.split = split
    self.threads = threads
    let items = try manifest.items(split: split, labelled: false)
    self.items = items
    truths = EvaluationMasks(manifest)
    hasTruth = truths.areGiven(for: items)
    if hasTruth { try truths.checkFiles(of: items) }
    var sources: [RunLayout.MaskSource: SeedMasks] = [:]
    var omissions: [String] = []
    func opens(_ source: RunLayout.MaskSource) -> Bool {
      guard sources[source] == nil, let step = layout.pipeline[source.step] else { return sources[source] != nil }
      let folder = layout.pipeline.folder(of: step)
      do {
        sources[source] = try SeedMasks(folder, variant: source.variant, for: items, classes: manifest.classes)
      } catch {
        omissions.append("The masks of \(source.step) (\(source.variant)) are left out on \(split): \(error)")
        return false
      }
      return true
    }
    self.columns = columns.filter { opens($0.source) }
    var maps: [String: ScoreMapReader] = [:]
    merges = layout.merges.filter { merge in
      guard layout.split(of: merge.step) == split, layout.hasOutputs(merge) else { return false }
      let steps = [merge.knowledge.name, merge.advice.name, merge.step.name]
      guard steps.allSatisfy({ opens(RunLayout.MaskSource(step: $0, variant: "masks")) }) else { return false }
      do {
        let reader = try ScoreMapReader(layout.pipeline.folder(of: merge.step))
        if let item = items.first(where: { !reader.contains($0.id) }) {
          throw Failure(.data, "has no d maps of this image", file: reader.path, item: item.id)
        }
        maps[merge.step.name] = reader
      } catch {
        omissions.append("The choices of \(merge.step.name) are left out: \(error)")
        return false
      }
      return true
    }
    self.sources = sources
    self.maps = maps
    self.omissions = omissions
  }

  // MARK: Reading

  /// The truth mask of an image, class indices.
  func truth(of item: DataSet.Item) throws -> LabelMask { try truths.mask(of: item) }

  func mask(of item: DataSet.Item, _ source: RunLayout.MaskSource, width: Int, height: Int) throws -> LabelMask {
    guard let masks = sources[source] else { throw Failure(.software, "masks of \(source.step) were not opened") }
    return try masks.mask(of: item, width: width, height: height)
  }

  /// d^K and d^A of an image as stored, (h, w).
  func differences(of item: DataSet.Item, merge: String) throws -> (knowledge: Tensor, advice: Tensor) {
    guard let reader = maps[merge] else { throw Failure(.software, "maps of \(merge) were not opened") }
    let maps = (
      knowledge: try reader.map(item.id, named: "knowledge"), advice: try reader.map(item.id, named: "advice")
    )
    guard maps.knowledge.shape.rank == 2, maps.knowledge.shape == maps.advice.shape else {
      throw Failure(
        .data, expected: "two d maps of one size", found: "\(maps.knowledge.shape) and \(maps.advice.shape)",
        file: reader.path, item: item.id)
    }
    return maps
  }

  /// The parameters that a merge ran with, as its program makes them of its options.
  func parameters(of merge: Step) throws -> SSDDParameters {
    let options: SSDDMergeOptions
    do { options = try SSDDMergeOptions.parse(Array(layout.pipeline.command(of: merge).dropFirst())) } catch {
      throw Failure(.configuration, SSDDMergeOptions.message(for: error), file: layout.pipeline.file, item: merge.name)
    }
    var parameters = options.difference.parameters(merging: true)
    if !options.classGuard { parameters.shrinkThreshold = 0 }
    return parameters
  }

  // MARK: Counting

  /// Counts all images, each thread a contiguous share; the sums do not depend on the number of threads.
  func run() throws -> Result {
    let parameters = try merges.map { try self.parameters(of: $0.step) }
    let parts = try Parallel.results(items.count, threads: threads) { range in
      var part = empty(parameters)
      let kernels = CPUKernels(threads: 1)
      for item in items[range] { part.images.append(try count(item, into: &part, kernels: kernels)) }
      return part
    }
    return try parts.reduce(into: empty(parameters)) { sum, part in
      sum.images += part.images
      for i in sum.totals.indices { try sum.totals[i].merge(part.totals[i]) }
      for i in sum.tallies.indices { sum.tallies[i].merge(part.tallies[i]) }
    }
  }

  private func empty(_ parameters: [SSDDParameters]) -> Result {
    let classes = manifest.classes.count
    return Result(
      totals: columns.map { _ in ConfusionMatrix(classes: classes) },
      tallies: parameters.map { MergeTally(classes: classes, parameters: $0) })
  }

  private func count(_ item: DataSet.Item, into part: inout Result, kernels: CPUKernels) throws -> Image {
    guard hasTruth else { return Image(cells: [], choice: nil) }
    let truth = try self.truth(of: item)
    var read: [RunLayout.MaskSource: LabelMask] = [:]
    func mask(_ step: String, _ variant: String = "masks") throws -> LabelMask {
      let source = RunLayout.MaskSource(step: step, variant: variant)
      if let mask = read[source] { return mask }
      let mask = try self.mask(of: item, source, width: truth.width, height: truth.height)
      read[source] = mask
      return mask
    }
    var image = Image(cells: [], choice: nil)
    for (index, column) in columns.enumerated() {
      var matrix = ConfusionMatrix(classes: manifest.classes.count)
      let prediction = try mask(column.source.step, column.source.variant)
      try matrix.add(
        truth: truth, prediction: prediction, item: item.id,
        names: ("truth", layout.pipeline.folder + "/" + column.source.step))
      try part.totals[index].merge(matrix)
      image.cells.append(Self.cells(matrix))
    }
    for (index, merge) in merges.enumerated() {
      let d = try differences(of: item, merge: merge.step.name)
      let choice = try part.tallies[index].add(
        .init(
          truth: truth, knowledge: try mask(merge.knowledge.name), advice: try mask(merge.advice.name),
          refined: try mask(merge.step.name),
          knowledgeDifference: d.knowledge, adviceDifference: d.advice, labels: item.labels ?? []), kernels: kernels)
      if index == 0 { image.choice = choice }
      try addStored(item, merge.step.name, to: &part.tallies[index])
    }
    return image
  }

  /// What the merge itself noted about an image.
  private func addStored(_ item: DataSet.Item, _ merge: String, to tally: inout MergeTally) throws {
    guard let reader = maps[merge] else { return }
    if let bad = try reader.attribute("bad_sample", of: item.id)?.asInteger, bad != 0 { tally.badSamples += 1 }
    tally.adviceShares += try reader.attribute("advice_share", of: item.id)?.asDouble ?? 0
  }

  private static func cells(_ matrix: ConfusionMatrix) -> [Cell] {
    matrix.counts.indices.filter { matrix.counts[$0] > 0 }.map {
      Cell(truth: UInt8($0 / matrix.classes), prediction: UInt8($0 % matrix.classes), count: matrix.counts[$0])
    }
  }
}

extension [Measurement.Cell] {
  /// IoU of each class that occurs in truth or mask.
  func iou(classes: Int) -> [Int: Double] {
    var (hit, union) = ([Int: Int](), [Int: Int]())
    for cell in self {
      union[Int(cell.truth), default: 0] += cell.count
      if cell.truth == cell.prediction {
        hit[Int(cell.truth), default: 0] += cell.count
      } else {
        union[Int(cell.prediction), default: 0] += cell.count
      }
    }
    return Dictionary(uniqueKeysWithValues: union.map { ($0.key, Double(hit[$0.key] ?? 0) / Double($0.value)) })
  }

  /// Mean IoU over the classes that occur; nil where nothing counts.
  func meanIoU(classes: Int) -> Double? {
    let scores = iou(classes: classes)
    // In the order of the classes, so that the sum does not depend on a dictionary's order.
    return scores.isEmpty ? nil : scores.keys.sorted().reduce(0) { $0 + (scores[$1] ?? 0) } / Double(scores.count)
  }
}
