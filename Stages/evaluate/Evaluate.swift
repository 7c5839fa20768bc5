import ArgumentParser
import Datasets
import Evaluation
import Foundation
import Foundations
import Imaging
import StageInterface
import StageKit
import StepFiles
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
    let truths = EvaluationMasks(data.manifest, ignoringPalette: options.ignorePalette)
    // The test images' truth is the server's alone.
    let isScored = options.submission == nil || truths.areGiven(for: data.items)
    if isScored { try truths.checkFiles(of: items) }
    let predictions = try SeedMasks(
      masks, variant: options.variant.folder, for: items, classes: data.classes,
      ignoringPalette: options.ignorePalette)
    var matrix = ConfusionMatrix(classes: data.classes.count)
    if isScored {
      let (counts, agreement) = try confusion(
        items, truths: truths, predictions: predictions, classes: data.classes, threads: run.threads)
      matrix = counts
      warn(of: agreement, items.count, run)
    }
    let provenance = Dictionary(try run.provenance(inputs: [("masks", masks)]).pairs) { $1 }
    let report = try EvaluationReport(names: data.classes.names, matrix: matrix, provenance: provenance)
    if let submission = options.submission {
      let tree = try Submission(submission, split: options.split, classes: data.classes)
      try tree.write(predictions, of: items, run: run)
      run.log.info("\(items.count) masks in \(run.out)/\(tree.folder)")
    }
    guard run.shard.count > 1 else { return try finish(report, split: options.split, run) }
    let part = EvaluationPart(run.shard, split: options.split, report: report)
    try StepFolder(run.out).removeOtherDivisions(than: run.shard.count)
    try AtomicFile.write(try part.json(), to: "\(run.out)/\(part.fileName)")
  }

  private func warn(of agreement: LabelAgreement, _ images: Int, _ run: StageRun) {
    if let contradictions = agreement.contradictions(of: "truth masks") { run.log.warning("\(contradictions)") }
    if images > 0, agreement.imagesWithObjects == 0 {
      run.log.warning(
        "no truth mask shows any class: do the manifest's values, and its value for void, fit these masks?")
    }
  }

  private func finish(_ report: EvaluationReport, split: String, _ run: StageRun) throws {
    for note in report.leftOut { run.log.warning("\(note)") }
    try run.write { folder in
      try AtomicFile.write(report.csv, to: "\(folder)/evaluation.csv")
      try AtomicFile.write(report.confusionTable.csv, to: "\(folder)/confusion.csv")
      try AtomicFile.write(report.text, to: "\(folder)/evaluation.txt")
      try AtomicFile.write(try report.json(), to: "\(folder)/evaluation.json")
    }
    let score = EvaluationReport.percent(report.matrix.meanIntersectionOverUnion)
    let what = options.name.isEmpty ? options.inputs.masks ?? "all parts" : options.name
    run.log.info("\(what): mIoU \(score) % on \(report.matrix.images) images (\(split))")
  }

  /// Every thread reads its share of the images and counts into a matrix of its own.
  private func confusion(
    _ items: [Manifest.Item], truths: EvaluationMasks, predictions: SeedMasks, classes: ClassTable, threads: Int
  ) throws -> (ConfusionMatrix, LabelAgreement) {
    let shares = try Parallel.results(items.count, threads: threads) { range in
      var (matrix, agreement) = (ConfusionMatrix(classes: classes.count), LabelAgreement(classes))
      for item in items[range] {
        let truth = try truths.mask(of: item)
        let truthPath = try truths.path(of: item)
        let prediction = try predictions.mask(of: item, width: truth.width, height: truth.height, from: truthPath)
        try matrix.add(
          truth: truth, prediction: prediction, item: item.id, names: (truthPath, predictions.path(of: item)))
        agreement.add(truth, labels: item.labels)
      }
      return (matrix, agreement)
    }
    var (matrix, agreement) = (ConfusionMatrix(classes: classes.count), LabelAgreement(classes))
    for share in shares {
      try matrix.merge(share.0)
      agreement.merge(share.1)
    }
    return (matrix, agreement)
  }
}
