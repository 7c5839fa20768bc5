import ArgumentParser
import Datasets
import Evaluation
import Foundations
import Imaging
import StageKit
import Synchronization
import Tensors

@main
struct Evaluate: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Score masks against the truth: IoU per class and mIoU from one confusion matrix over all images, void left out.",
    discussion: example("evaluate --manifest M.yaml --data DIR --split val --masks runs/infer --variant masks-crf --out runs/eval"))

  @OptionGroup var shared: SharedOptions

  @Option(help: "Split of the manifest to score.")
  var split = "val"
  @Option(help: ArgumentHelp("A step's folder, or a folder of PNG masks.", valueName: "DIR"))
  var masks: String
  @Option(help: "Which masks of a step's folder: masks or masks-crf.")
  var variant = "masks"
  @Option(help: "What the masks are called in the printed report.")
  var name = ""

  func execute(_ run: StageRun) throws {
    let data = try run.data(shared, split: split, labelled: false)
    let truths = EvaluationMasks(data.manifest)
    try truths.checkFiles(of: data.items)
    let predictions = try SeedMasks(masks, variant: variant, for: data.items, classes: data.classes)
    let matrix = try confusion(data, truths: truths, predictions: predictions, threads: run.threads)
    let report = try EvaluationReport(names: data.classes.names, matrix: matrix)
    try AtomicFile.write(report.csv, to: "\(run.out)/evaluation.csv")
    try AtomicFile.write(report.text, to: "\(run.out)/evaluation.txt")
    // The last file is the one that says the step is done.
    try AtomicFile.write(try report.json(), to: "\(run.out)/evaluation.json")
    let score = EvaluationReport.percent(matrix.meanIntersectionOverUnion)
    run.log.info("\(name.isEmpty ? masks : name): mIoU \(score) % on \(matrix.images) images (\(split))")
  }

  private func confusion(
    _ data: StageData, truths: EvaluationMasks, predictions: SeedMasks, threads: Int
  ) throws -> ConfusionMatrix {
    let results = Mutex<[Int: Result<ConfusionMatrix, any Error>]>([:])
    Parallel.forEachRange(data.items.count, threads: threads) { thread, range in
      let result = Result {
        var matrix = ConfusionMatrix(classes: data.classes.count)
        for item in data.items[range] {
          let truth = try truths.mask(of: item)
          let prediction = try predictions.mask(of: item, width: truth.width, height: truth.height)
          try matrix.add(truth: truth, prediction: prediction, item: item.id)
        }
        return matrix
      }
      results.withLock { $0[thread] = result }
    }
    // In the order of the threads: counts add up to the same whatever it is, but the first failure should not depend on timing.
    return try results.withLock { results in
      try results.keys.sorted().reduce(into: ConfusionMatrix(classes: data.classes.count)) { sum, thread in
        if let matrix = try results[thread]?.get() { sum.merge(matrix) }
      }
    }
  }
}
