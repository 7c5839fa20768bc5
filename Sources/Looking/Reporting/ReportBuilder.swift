import Datasets
import Evaluation
import Foundation
import Foundations
import Imaging
import PipelineGraph

/// Makes the report of a pipeline: reads, counts, draws, and writes pages and plain files into one folder.
public struct ReportBuilder {
  public let pipeline: Pipeline
  /// `runs/NAME/report` unless the user says otherwise.
  public let folder: String
  public let threads: Int
  /// Images of each split that get pictures and a view of their own, at most.
  public let pictures: Int
  /// Seed of the random draw of images in the figures.
  public let seed: UInt64

  public init(_ pipeline: Pipeline, folder: String? = nil, threads: Int, pictures: Int, seed: UInt64) {
    self.pipeline = pipeline
    self.folder = folder ?? "\(pipeline.folder)/report"
    self.threads = max(1, threads)
    self.pictures = pictures
    self.seed = seed
  }

  /// Everything of one split while the report is made.
  struct Split {
    var record: SplitRecord
    var measured: Measurement.Result
    var made: [String: Pictures.Made]
    /// Places of images in the figures.
    var examples: Examples
    var merge: RunLayout.Merge?
  }

  /// Places of the images in a figure: the best gains, the worst losses, and a seeded draw that looks at no score.
  struct Examples {
    var best: [Int] = []
    var worst: [Int] = []
    var drawn: [Int] = []
    var all: [Int] { best + worst + drawn }
  }

  /// Makes the report and returns what it says.
  @discardableResult
  public func build() throws -> RunReport {
    guard FileManager.default.fileExists(atPath: pipeline.folder) else {
      throw Failure(
        .noInput, "no outputs of the pipeline; run `make PIPELINE=\(pipeline.file)` first", file: pipeline.folder)
    }
    try clear()
    keepImageMemory()
    let layout = RunLayout(pipeline)
    var reader = RunReader(layout)
    let manifest = try reader.manifest()
    let steps = reader.steps()
    let trainings = try reader.trainings()
    let evaluations = try reader.evaluations()
    var splits: [Split] = []
    var report = RunReport(
      name: pipeline.name, pipeline: pipeline.file,
      dataset: manifest.map { $0.description.isEmpty ? $0.name : "\($0.name): \($0.description)" } ?? "",
      classes: manifest.map(Self.classes) ?? [], steps: steps, evaluations: evaluations, trainings: trainings,
      splits: [], merges: [],
      notes: reader.notes)
    if let manifest {
      for (name, columns) in layout.columns() {
        do {
          let split = try measure(layout, manifest, split: name, columns: columns, report: &report)
          report.splits.append(split.record)
          splits.append(split)
        } catch let failure as Failure {
          report.notes.append("The split \(name) is left out: \(failure)")
        }
      }
    }
    report.notes += contradictions(report, splits)
    try Site(report: report, splits: splits, folder: folder, seed: seed).write()
    return report
  }

  /// Removes what an earlier report left, and refuses a folder that holds anything else.
  private func clear() throws {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder), !names.isEmpty else { return }
    guard
      FileManager.default.fileExists(atPath: "\(folder)/\(Site.dataFile)")
        || FileManager.default.fileExists(atPath: "\(folder)/\(Site.styleFile)")
    else {
      throw Failure(.cannotCreate, "the folder holds something else than a report; name another one", file: folder)
    }
    for name in Site.ownNames where names.contains(name) {
      do { try FileManager.default.removeItem(atPath: "\(folder)/\(name)") } catch {
        throw Failure(.io, "cannot remove the earlier report: \(error.localizedDescription)", file: "\(folder)/\(name)")
      }
    }
  }

  private static func classes(_ manifest: DataSet) -> [ClassEntry] {
    manifest.classes.entries.map {
      ClassEntry(name: $0.name, colour: String(format: "#%02x%02x%02x", $0.colour.red, $0.colour.green, $0.colour.blue))
    }
  }

  // MARK: One split

  private func measure(
    _ layout: RunLayout, _ manifest: DataSet, split: String, columns wanted: [RunLayout.Column], report: inout RunReport
  ) throws -> Split {
    let measurement = try Measurement(layout, manifest, split: split, columns: wanted, threads: threads)
    report.notes += measurement.omissions
    let columns = measurement.columns
    let result = try measurement.run()
    let (refined, against) = RunLayout.comparison(columns)
    let records = columns.map {
      MaskColumn(
        step: $0.step.name, family: $0.step.family, cell: $0.step.settings, variant: $0.source.variant, title: $0.title,
        role: $0.role)
    }
    var record = SplitRecord(
      split: split, columns: records, refined: refined, against: against, hasTruth: measurement.hasTruth, images: [])
    record.images = zip(measurement.items, result.images).map { item, image in
      ImageRecord(
        id: item.id, labels: (item.labels ?? []).map { manifest.classes.names[$0] },
        scores: image.cells.map { $0.meanIoU(classes: manifest.classes.count) }, isShown: false, choice: image.choice)
    }
    let examples = examples(of: record)
    let shown = shown(record, examples)
    for place in shown { record.images[place].isShown = true }
    let made = try Pictures(measurement: measurement, folder: folder).write(
      shown.map { measurement.items[$0] }, columns: records, threads: threads)
    if measurement.hasTruth {
      report.merges += zip(measurement.merges, result.tallies).map { merge, tally in
        tally.record(
          step: merge.step.name, family: merge.step.family, cell: merge.step.settings, knowledge: merge.knowledge.name,
          advice: merge.advice.name,
          split: split)
      }
    } else {
      report.notes.append("The split \(split) has no truth masks: nothing is measured on it.")
    }
    return Split(record: record, measured: result, made: made, examples: examples, merge: measurement.merges.first)
  }

  /// Four images of each kind.
  private func examples(of split: SplitRecord) -> Examples {
    var result = Examples()
    var places = Array(split.images.indices)
    var generator = SeededGenerator(seed: seed, "report", split.split)
    generator.shuffle(&places)
    result.drawn = Array(places.prefix(4)).sorted()
    let gains = split.images.indices.compactMap { place in split.gain(of: place).map { (place, $0) } }
    result.best = gains.filter { $0.1 > 0 }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(4).map(\.0)
    result.worst = gains.filter { $0.1 < 0 }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(4).map(\.0)
    return result
  }

  /// Places of the images that get pictures: all, or those of the figures and then a seeded draw.
  private func shown(_ split: SplitRecord, _ examples: Examples) -> [Int] {
    guard split.images.count > pictures else { return Array(split.images.indices) }
    var places = Array(split.images.indices)
    var generator = SeededGenerator(seed: seed, "pictures", split.split)
    generator.shuffle(&places)
    var chosen = Set(examples.all)
    for place in places where chosen.count < pictures { chosen.insert(place) }
    return chosen.sorted()
  }

  // MARK: Contradictions

  /// Evaluations that do not say what the masks say: one of the two was changed since.
  private func contradictions(_ report: RunReport, _ splits: [Split]) -> [String] {
    var notes: [String] = []
    for split in splits where split.record.hasTruth {
      for (place, column) in split.record.columns.enumerated() {
        guard
          let evaluation = report.evaluations.first(where: {
            $0.masks == column.step && $0.variant == column.variant && $0.split == split.record.split
          }), evaluation.matrix != split.measured.totals[place]
        else { continue }
        let told = EvaluationReport.percent(evaluation.meanIoU)
        let counted = EvaluationReport.percent(split.measured.totals[place].meanIntersectionOverUnion)
        notes.append(
          "The evaluation \(evaluation.step) does not say what the masks of \(column.step) say now: "
            + "mIoU \(told) in its file, \(counted) counted here. Run it again.")
      }
    }
    for merge in report.merges {
      if let agreement = merge.bias.agreement, agreement < 0.99 {
        notes.append(
          "The choices of \(merge.step), computed again from its d maps, are the stored masks' on "
            + "\(EvaluationReport.percent(agreement)) % of the differing "
            + "pixels only: its inputs changed since, so that its curve over dd_bias is doubtful.")
      }
    }
    return notes
  }
}

extension SplitRecord {
  /// Mean IoU of the refined masks less that of those they are told against; nil where either is undefined.
  func gain(of place: Int) -> Double? {
    guard let refined, let against else { return nil }
    let scores = images[place].scores
    guard refined < scores.count, against < scores.count, let new = scores[refined], let old = scores[against] else {
      return nil
    }
    return new - old
  }
}
