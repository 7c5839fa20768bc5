import Evaluation
import Foundation
import Foundations
import Imaging
import LabelMasks

/// The report as files: pages that open from disk, and the same content as JSON, CSV, Markdown, SVG and PNG under
/// `data/`.
struct Site {
  let report: RunReport
  let splits: [ReportBuilder.Split]
  let folder: String
  let seed: UInt64

  static let dataFile = "data/report.json"
  static let styleFile = "style.css"
  /// What a report's folder holds; everything else in it is somebody else's.
  static let ownNames = ["index.html", "style.css", "slider.js", "data", "images", "browse", "confusion"]

  /// One plot with its text alternative.
  struct Plot {
    var name: String
    var alternative: String
    var svg: String
  }

  func write() throws {
    let pages = try PageWriter(folder: folder)
    try writeFile(Style.sheet.utf8, to: "\(folder)/\(Self.styleFile)")
    try writeFile(Style.slider.utf8, to: "\(folder)/slider.js")
    try writeFile(DifferenceScale.svg.utf8, to: "\(folder)/data/plots/d-scale.svg")
    for split in splits {
      try writeImagePages(split, pages)
      try writeLists(split, pages)
      try writeConfusionPages(split, pages)
    }
    try pages.write("index", to: "index.html", title: "\(report.name): report", try indexContext())
    try writeTables()
    try writeImageScores()
    for split in splits { try writeMontage(split) }
    try AtomicFile.write(try Self.json(report), to: "\(folder)/\(Self.dataFile)")
  }

  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
  }

  // MARK: Tables

  /// Table 1 of each split.
  var resultTables: [ResultTable] {
    var order: [String] = []
    for evaluation in report.evaluations where !order.contains(evaluation.split) { order.append(evaluation.split) }
    return order.map { split in ResultTable(split: split, evaluations: report.evaluations.filter { $0.split == split })
    }
  }

  private func writeTables() throws {
    var markdown = "# \(report.name)\n\n\(report.dataset)\n"
    for note in report.notes { markdown += "\n- \(note)" }
    for table in resultTables {
      let name = "data/table-1-\(Pictures.fileName(table.split))"
      try writeFile(table.table.csv.utf8, to: "\(folder)/\(name).csv")
      try writeFile(table.table.markdown.utf8, to: "\(folder)/\(name).md")
      markdown += "\n\n## Table 1, \(table.split)\n\n\(table.table.markdown)"
    }
    for merge in report.merges {
      let table = Self.classTable(of: merge, classes: report.classes.map(\.name))
      let name = "data/choice-\(Pictures.fileName(merge.step))"
      try writeFile(table.csv.utf8, to: "\(folder)/\(name).csv")
      markdown +=
        "\n\n## \(merge.step): choice per class\n\n\(table.markdown)\n" + sentences(merge).joined(separator: "\n")
        + "\n"
    }
    for training in report.trainings {
      var table = TextTable(
        header: ["step"] + training.columns.map(\.name), alignments: training.columns.map { _ in .right } + [.right])
      for (row, step) in training.steps.enumerated() {
        table.add(["\(step)"] + training.columns.map { "\($0.values[row])" })
      }
      try writeFile(table.csv.utf8, to: "\(folder)/data/training-\(Pictures.fileName(training.step)).csv")
    }
    try writeFile(markdown.utf8, to: "\(folder)/data/results.md")
  }

  /// `data/images-SPLIT.csv`: one row per image with its mIoU under each kind of masks.
  private func writeImageScores() throws {
    for split in splits {
      let record = split.record
      var table = TextTable(
        header: ["id", "labels"] + record.columns.map { "\($0.step) \($0.variant)" } + [
          "gain", "won", "lost", "neither",
        ])
      for (place, image) in record.images.enumerated() {
        let scores = record.columns.indices.map {
          $0 < image.scores.count ? EvaluationReport.percent(image.scores[$0]) : "-"
        }
        let gain = record.gain(of: place).map { String(format: "%+.2f", $0 * 100) } ?? "-"
        let choice = image.choice.map { ["\($0.won)", "\($0.lost)", "\($0.neither)"] } ?? ["-", "-", "-"]
        table.add([image.id, image.labels.joined(separator: " ")] + scores + [gain] + choice)
      }
      try writeFile(table.csv.utf8, to: "\(folder)/data/images-\(Pictures.fileName(record.split)).csv")
    }
  }

  /// The figure's rows as one picture for a paper's appendix.
  private func writeMontage(_ split: ReportBuilder.Split) throws {
    let record = split.record
    let hasD = split.merge != nil
    let names = record.columns.map(\.title)
    var montage = Montage(
      columns: ["image"] + names + (hasD ? ["d of knowledge", "d of advice"] : []) + (record.hasTruth ? ["truth"] : []))
    var seen: Set<Int> = []
    for place in split.examples.all where seen.insert(place).inserted {
      let id = record.images[place].id
      let base = "\(folder)/\(Pictures.folder(of: id))"
      let photograph = try RGBImage(contentsOf: "\(base)/\(Pictures.photograph)")
      func overlaid(_ name: String) throws -> RGBImage {
        let (mask, palette, _) = try LabelMask.readAll(contentsOf: "\(base)/\(name)")
        return photograph.overlaid(with: mask, palette: palette ?? .voc, transparent: [0])
      }
      func map(_ name: String) throws -> RGBImage {
        try RGBImage(contentsOf: "\(base)/\(name)").resizedBilinear(width: photograph.width, height: photograph.height)
      }
      var cells: [RGBImage] = [photograph] + (try record.columns.map { try overlaid(Pictures.fileName(of: $0)) })
      if hasD { cells += [try map(Pictures.knowledgeDifference), try map(Pictures.adviceDifference)] }
      if record.hasTruth { cells.append(try overlaid(Pictures.truth)) }
      montage.add(row: id, cells)
    }
    guard !seen.isEmpty else { return }
    try montage.rendered().writePNG(to: "\(folder)/data/figure-\(Pictures.fileName(record.split)).png")
  }

  // MARK: Plots

  /// Writes plots and returns what the template `plots` needs.
  func contexts(of plots: [Plot]) throws -> [[String: Any]] {
    try plots.map { plot in
      let path = "data/plots/\(Pictures.fileName(plot.name)).svg"
      try writeFile(plot.svg.utf8, to: "\(folder)/\(path)")
      return ["src": link(path), "alt": plot.alternative, "height": Self.height(of: plot.svg)]
    }
  }

  /// The height that the picture says it has.
  private static func height(of svg: String) -> String {
    guard let match = svg.firstMatch(of: /height="([0-9]+)"/) else { return "320" }
    return String(match.output.1)
  }

  /// A table for the template `table`.
  static func context(
    label: String, header: [String], rows: [(title: String, kind: String, cells: [String])], words: Int = 0,
    best: [String] = [], files: [String] = [],
    hrefs: [String: String] = [:]
  ) -> [String: Any] {
    let contexts: [[String: Any]] = rows.map { row in
      let cells: [[String: Any]] = row.cells.enumerated().map { index, text in
        let column = index - words
        let isBest = row.kind == "measured" && best.indices.contains(column) && best[column] == text
        return ["text": text, "word": index < words, "best": isBest]
      }
      var context: [String: Any] = ["title": row.title, "kind": row.kind, "cells": cells]
      if let href = hrefs[row.title] { context["href"] = href }
      return context
    }
    let headers: [[String: Any]] = header.enumerated().map {
      ["text": $0.element, "isWord": (1...max(words, 1)).contains($0.offset) && words > 0]
    }
    var context: [String: Any] = ["label": label, "header": headers, "rows": contexts]
    if !files.isEmpty {
      context["files"] =
        [
          "links": files.map {
            ["href": link($0), "name": String($0.split(separator: "/").last ?? "")] as [String: Any]
          }
        ] as [String: Any]
    }
    return context
  }
}
