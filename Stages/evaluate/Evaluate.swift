import ArgumentParser
import Datasets
import Evaluation
import Foundation
import Foundations
import Imaging
import StageInterface
import StageKit
import Threads

@main
struct Evaluate: Stage {
  @OptionGroup var options: EvaluateOptions

  func execute(_ run: StageRun) throws {
    if let merge = options.inputs.merge {
      let parts = try EvaluationPart.all(in: merge)
      try finish(try EvaluationPart.merged(parts), split: parts[0].split, run)
    } else if let masks = options.inputs.masks {
      try score(masks, run)
    }
  }

  private func score(_ masks: String, _ run: StageRun) throws {
    keepImageMemory()
    let data = try run.data(options.data, split: options.split, labelled: false)
    let items = run.shard.select(data.items)
    let truths = EvaluationMasks(data.manifest)
    // The test images' truth is the server's alone.
    let isScored = options.submission == nil || truths.areGiven(for: data.items)
    if isScored { try truths.checkFiles(of: items) }
    let predictions = try SeedMasks(masks, variant: options.variant.rawValue, for: items, classes: data.classes)
    var matrix = ConfusionMatrix(classes: data.classes.count)
    if isScored { matrix = try confusion(items, truths: truths, predictions: predictions, threads: run.threads, into: matrix) }
    let provenance = Dictionary(try run.provenance(inputs: [("masks", masks)]).pairs) { $1 }
    let report = try EvaluationReport(names: data.classes.names, matrix: matrix, provenance: provenance)
    if let submission = options.submission {
      let tree = try Submission(submission, split: options.split, classes: data.classes)
      try tree.write(predictions, of: items, run: run)
      run.log.info("\(items.count) masks in \(run.out)/\(tree.folder)")
    }
    guard run.shard.count > 1 else { return try finish(report, split: options.split, run) }
    let part = EvaluationPart(shard: run.shard.index, shards: run.shard.count, split: options.split, report: report)
    EvaluationPart.removeOtherDivisions(than: run.shard.count, in: run.out)
    try AtomicFile.write(try part.json(), to: "\(run.out)/\(part.fileName)")
  }

  private func finish(_ report: EvaluationReport, split: String, _ run: StageRun) throws {
    try AtomicFile.write(report.csv, to: "\(run.out)/evaluation.csv")
    try AtomicFile.write(report.confusionTable.csv, to: "\(run.out)/confusion.csv")
    try AtomicFile.write(report.text, to: "\(run.out)/evaluation.txt")
    // The last file is the one that says the step is done.
    try AtomicFile.write(try report.json(), to: "\(run.out)/evaluation.json")
    let score = EvaluationReport.percent(report.matrix.meanIntersectionOverUnion)
    let what = options.name.isEmpty ? options.inputs.masks ?? "all parts" : options.name
    run.log.info("\(what): mIoU \(score) % on \(report.matrix.images) images (\(split))")
  }

  /// Every thread reads its share of the images and counts into a matrix of its own.
  private func confusion(
    _ items: [Manifest.Item], truths: EvaluationMasks, predictions: SeedMasks, threads: Int, into empty: ConfusionMatrix
  ) throws -> ConfusionMatrix {
    let shares = try Parallel.results(items.count, threads: threads) { range in
      var matrix = empty
      for item in items[range] {
        let truth = try truths.mask(of: item)
        let prediction = try predictions.mask(of: item, width: truth.width, height: truth.height)
        try matrix.add(truth: truth, prediction: prediction, item: item.id)
      }
      return matrix
    }
    return ConfusionMatrix.merged(shares) ?? empty
  }
}
