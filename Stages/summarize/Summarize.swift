import ArgumentParser
import Datasets
import Evaluation
import Foundation
import Foundations
import Imaging
import LabelMasks
import StageInterface
import StageKit

@main
struct Summarize: Stage {
  @OptionGroup var options: SummarizeOptions

  func execute(_ run: StageRun) throws {
    let inputs = options.inputs
    let reports = try inputs.evaluations.map { (name: $0.name, report: try EvaluationReport(contentsOf: $0.path)) }
    for (name, report) in reports { for note in report.leftOut { run.log.warning("\(name): \(note)") } }
    let table = try Self.table(reports)
    let note =
      reports.isEmpty
      ? "Nothing was scored: there is no evaluation.\n"
      : "IoU in %. Training read image-level labels only; pixel masks, of training images too, served this evaluation "
        + "alone.\n"
    try run.write { folder in
      if options.images > 0 { try drawPictures(run, to: folder) }
      try AtomicFile.write(table.csv, to: "\(folder)/table.csv")
      try AtomicFile.write(try Self.json(reports), to: "\(folder)/table.json")
      try AtomicFile.write(reports.isEmpty ? note : table.aligned + note, to: "\(folder)/table.txt")
    }
  }

  private func drawPictures(_ run: StageRun, to folder: String) throws {
    let inputs = options.inputs
    if !inputs.masks.isEmpty { try drawPictures(of: inputs.masks, split: options.split, variant: nil, run, to: folder) }
    if !inputs.predictions.isEmpty {
      let variant = options.predictionsVariant.folder
      try drawPictures(of: inputs.predictions, split: options.predictionsSplit, variant: variant, run, to: folder)
    }
  }

  private static func table(_ reports: [(name: String, report: EvaluationReport)]) throws -> TextTable {
    let names = reports.first?.report.names ?? []
    var table = TextTable(header: ["masks", "images", "mIoU"] + names)
    for (name, report) in reports {
      guard report.names == names else {
        throw Failure(
          .data, expected: "the classes \(names.joined(separator: " "))", found: report.names.joined(separator: " "),
          item: name)
      }
      let matrix = report.matrix
      table.add(
        [name, "\(matrix.images)", EvaluationReport.percent(matrix.meanIntersectionOverUnion)]
          + matrix.intersectionOverUnion.map(EvaluationReport.percent))
    }
    return table
  }

  private struct Row: Encodable {
    var name: String
    var images: Int
    var mIoU: Double?
    var iou: [String: Double?]
  }

  private static func json(_ reports: [(name: String, report: EvaluationReport)]) throws -> String {
    let rows = reports.map { name, report in
      Row(
        name: name, images: report.matrix.images, mIoU: report.matrix.meanIntersectionOverUnion,
        iou: Dictionary(uniqueKeysWithValues: zip(report.names, report.matrix.intersectionOverUnion)))
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(rows), as: UTF8.self) + "\n"
  }

  /// `pictures/SPLIT.png`: one row per image, with the masks of each step laid over it, and the truth where there is
  /// one.
  private func drawPictures(
    of sources: [NamedPath], split: String, variant: String?, _ run: StageRun, to folder: String
  ) throws {
    let data = try run.data(options.data, split: split, labelled: false)
    let truths = EvaluationMasks(data.manifest, ignoringPalette: options.ignorePalette)
    // An image that is known to show no class has nothing to see in any mask: only where there is no other.
    let withObjects = data.items.filter { $0.labels != [] }
    let items = withObjects.isEmpty ? data.items : withObjects
    let chosen = Self.spread(options.images, over: items.count).map { items[$0] }
    let masks = try sources.map {
      try SeedMasks(
        $0.path, variant: variant, for: chosen, classes: data.classes, ignoringPalette: options.ignorePalette)
    }
    let hasTruth = truths.areGiven(for: chosen)
    var montage = Montage(columns: ["image"] + sources.map(\.name) + (hasTruth ? ["truth"] : []))
    var agreement = LabelAgreement(data.classes)
    for item in chosen {
      let image = try item.image()
      func overlay(_ mask: LabelMask) -> RGBImage {
        image.overlaid(
          with: data.classes.values(ofIndices: mask), palette: data.classes.palette,
          transparent: [0, data.classes.void])
      }
      var row: [RGBImage?] = [image]
      for source in masks { row.append(overlay(try source.mask(of: item, width: image.width, height: image.height))) }
      if hasTruth {
        let truth =
          truths.areGiven(for: [item]) ? try truths.mask(of: item, width: image.width, height: image.height) : nil
        if let truth { agreement.add(truth, labels: item.labels) }
        row.append(truth.map(overlay))
      }
      montage.add(row: item.id, row)
    }
    if let contradictions = agreement.contradictions(of: "truth masks in the pictures") {
      run.log.warning("\(contradictions)")
    }
    try montage.rendered().writePNG(to: "\(folder)/pictures/\(split).png")
  }

  /// `wanted` different places of `count`, or all, ascending: evenly spread and one further each time, because data
  /// sets are often ordered by class in a regular way.
  private static func spread(_ wanted: Int, over count: Int) -> [Int] {
    let number = min(wanted, count)
    var taken: Set<Int> = []
    for position in 0..<number {
      var place = (position * count / number + position) % count
      while !taken.insert(place).inserted { place = (place + 1) % count }
    }
    return taken.sorted()
  }
}
