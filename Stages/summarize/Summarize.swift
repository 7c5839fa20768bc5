import ArgumentParser
import Datasets
import Evaluation
import Foundation
import Foundations
import Imaging
import StageInterface
import StageKit

@main
struct Summarize: Stage {
  @OptionGroup var options: SummarizeOptions

  func execute(_ run: StageRun) throws {
    if !options.inputs.masks.isEmpty && options.images > 0 { try drawPictures(run) }
    let reports = try options.inputs.evaluations.map { entry in
      guard let data = FileManager.default.contents(atPath: entry.path) else { throw Failure(.noInput, "no such evaluation", file: entry.path) }
      return (name: entry.name, report: try EvaluationReport(json: data, file: entry.path))
    }
    let table = try Self.table(reports)
    let note = "IoU in %. Training read image-level labels only; pixel masks, of training images too, served this evaluation alone.\n"
    try AtomicFile.write(table.csv, to: "\(run.out)/table.csv")
    try AtomicFile.write(try Self.json(reports), to: "\(run.out)/table.json")
    try AtomicFile.write(table.aligned + note, to: "\(run.out)/table.txt")
  }

  private static func table(_ reports: [(name: String, report: EvaluationReport)]) throws -> TextTable {
    let names = reports.first?.report.names ?? []
    var table = TextTable(header: ["masks", "images", "mIoU"] + names)
    for (name, report) in reports {
      guard report.names == names else {
        throw Failure(.data, expected: "the classes \(names.joined(separator: " "))", found: report.names.joined(separator: " "), item: name)
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

  /// `pictures/seeds.png`: a row an image, with the masks of each step laid over it, and the truth where there is one.
  private func drawPictures(_ run: StageRun) throws {
    let (split, masks) = (options.split, options.inputs.masks)
    let data = try run.data(options.data, split: split, labelled: false)
    let truths = EvaluationMasks(data.manifest)
    let count = min(options.images, data.items.count)
    // Evenly spread, one further each time: data sets are often ordered by class in a regular way.
    let chosen = (0..<count).map { data.items[($0 * data.items.count / count + $0) % data.items.count] }
    let sources = try masks.map { (name: $0.name, masks: try SeedMasks($0.path, for: chosen, classes: data.classes)) }
    var montage = Montage(columns: ["image"] + sources.map(\.name) + ["truth"])
    for item in chosen {
      let image = try item.image()
      func overlay(_ mask: LabelMask) -> RGBImage {
        image.overlaid(with: data.classes.values(ofIndices: mask), palette: data.classes.palette, transparent: [0, data.classes.void])
      }
      var row = [image]
      for source in sources { row.append(overlay(try source.masks.mask(of: item, width: image.width, height: image.height))) }
      row.append(overlay(try truths.mask(of: item, width: image.width, height: image.height)))
      montage.add(row: item.id, row)
    }
    try montage.rendered().writePNG(to: "\(run.out)/pictures/\(split).png")
  }
}
