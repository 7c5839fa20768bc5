import ArgumentParser
import Datasets
import Evaluation
import Foundation
import Foundations
import Imaging
import StageKit
import Tensors

@main
struct Evaluate: Stage {
  static let algorithmVersion = 2
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Score masks against the truth: IoU per class and mIoU from one confusion matrix over all images, void left out.",
    discussion: example(
      "evaluate --manifest M.yaml --data DIR --split val --masks runs/infer --variant masks-crf --out runs/eval",
      about: """
        With --shard I/N it leaves part-I-of-N.json; `evaluate --merge DIR --out DIR` makes of all parts exactly what one run over the whole split gives.
        With --submission, masks are also written as PASCAL VOC's server takes them; a split without truth masks is then not scored.
        """))

  @OptionGroup var shared: SharedOptions

  @Option(help: "Split of the manifest to score.")
  var split = "val"
  @Option(help: ArgumentHelp("A step's folder, or a folder of PNG masks.", valueName: "DIR"))
  var masks: String?
  @Option(help: "Which masks of a step's folder: masks or masks-crf.")
  var variant = "masks"
  @Option(help: "What the masks are called in the printed report.")
  var name = ""
  @Option(
    help: "Write results/VOC2012/Segmentation/ for VOC's server: comp6 where other data than VOC's trained (SBD's images, ImageNet's weights), else comp5.")
  var submission: Submission.Competition?
  @Option(help: ArgumentHelp("Folder with the parts of all shards, to be joined; nothing else is read.", valueName: "DIR"))
  var merge: String?

  func validate() throws {
    guard (masks == nil) != (merge == nil) else { throw ValidationError("Give either --masks or --merge.") }
  }

  func execute(_ run: StageRun) throws {
    if let merge {
      let parts = try EvaluationPart.all(in: merge)
      try finish(try EvaluationPart.merged(parts), split: parts[0].split, run)
    } else if let masks {
      try score(masks, run)
    }
  }

  private func score(_ masks: String, _ run: StageRun) throws {
    keepImageMemory()
    let data = try run.data(shared, split: split, labelled: false)
    let items = run.shard.select(data.items)
    let truths = EvaluationMasks(data.manifest)
    // The test images' truth is the server's alone.
    let isScored = submission == nil || truths.areGiven(for: data.items)
    if isScored { try truths.checkFiles(of: items) }
    let predictions = try SeedMasks(masks, variant: variant, for: items, classes: data.classes)
    var matrix = ConfusionMatrix(classes: data.classes.count)
    if isScored { matrix = try confusion(items, truths: truths, predictions: predictions, threads: run.threads, into: matrix) }
    let provenance = Dictionary(try run.provenance(inputs: [("masks", masks)]).pairs) { $1 }
    let report = try EvaluationReport(names: data.classes.names, matrix: matrix, provenance: provenance)
    if let submission {
      let tree = try Submission(submission, split: split, classes: data.classes)
      try tree.write(predictions, of: items, run: run)
      run.log.info("\(items.count) masks in \(run.out)/\(tree.folder)")
    }
    guard run.shard.count > 1 else { return try finish(report, split: split, run) }
    let part = EvaluationPart(shard: run.shard.index, shards: run.shard.count, split: split, report: report)
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
    let what = name.isEmpty ? masks ?? "all parts" : name
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

extension Submission.Competition: ExpressibleByArgument {}
