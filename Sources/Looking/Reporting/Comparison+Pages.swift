import Evaluation
import Foundation
import Foundations

extension Comparison {
  private static let shownChanges = 12
  private static let ownNames = ["index.html", "style.css", "data", "images"]
  private static let mark = "data/comparison.json"

  /// Writes the page and its files; returns the page's path.
  @discardableResult
  public func write() throws -> String {
    try clear()
    let pages = try PageWriter(folder: folder)
    try writeFile(Style.sheet.utf8, to: "\(folder)/style.css")
    let tables = resultTables
    var notes: [String] = []
    for variant in variants where !variant.report.notes.isEmpty {
      notes += variant.report.notes.map { "\(variant.title): \($0)" }
    }
    let classes = Set(variants.map { $0.report.classes.map(\.name) })
    if classes.count > 1 {
      notes.append(
        "The runs have different classes: scores are compared by name, and where a class is missing there is a `-`.")
    }
    let images = try (1..<variants.count).flatMap(imageContexts)
    let trainings = try trainingContexts()
    let parameters = differingSettings
    try pages.write(
      "comparison", to: "index.html", title: "Comparison",
      [
        "variants": variants.map { "\($0.title): \($0.folder), of \($0.report.pipeline)" }, "hasNotes": !notes.isEmpty,
        "notes": notes,
        "hasParameters": !parameters.isEmpty, "parameters": parameters.isEmpty ? [] : [parameterTable(parameters)],
        "tables": tables.map {
          Site.context(
            label: $0.label, header: $0.table.header, rows: $0.rows, files: ["\($0.file).csv", "\($0.file).md"])
        },
        "hasCurves": !trainings.isEmpty, "trainings": trainings, "hasImages": !images.isEmpty, "images": images,
      ])
    for table in tables {
      try writeFile(table.table.csv.utf8, to: "\(folder)/\(table.file).csv")
      try writeFile(table.table.markdown.utf8, to: "\(folder)/\(table.file).md")
    }
    try AtomicFile.write(try json(), to: "\(folder)/\(Self.mark)")
    return "\(folder)/index.html"
  }

  /// Removes an earlier comparison, and refuses a folder that holds anything else.
  private func clear() throws {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder), !names.isEmpty else { return }
    guard FileManager.default.fileExists(atPath: "\(folder)/\(Self.mark)") else {
      throw Failure(.cannotCreate, "the folder holds something else than a comparison; name another one", file: folder)
    }
    for name in Self.ownNames where names.contains(name) {
      do { try FileManager.default.removeItem(atPath: "\(folder)/\(name)") } catch {
        throw Failure(
          .io, "cannot remove the earlier comparison: \(error.localizedDescription)", file: "\(folder)/\(name)")
      }
    }
  }

  // MARK: Tables

  private struct ResultContext {
    var label: String
    var file: String
    var table: TextTable
    var rows: [(title: String, kind: String, cells: [String])] {
      table.rows.map { ($0[0], "plain", Array($0.dropFirst())) }
    }
  }

  private func parameterTable(_ settings: [(name: String, values: [String])]) -> [String: Any] {
    Site.context(
      label: "Settings that differ", header: ["step and setting"] + variants.map(\.title),
      rows: settings.map { (title: $0.name, kind: "plain", cells: $0.values) }, words: variants.count)
  }

  private static func points(_ value: Double?) -> String { value.map { String(format: "%+.2f", $0 * 100) } ?? "-" }

  /// One table of means, and one per kind of masks with its classes.
  private var resultTables: [ResultContext] {
    var result = [meanTable]
    if repeats.contains(where: { $0.count > 1 }) { result.append(repeatTable) }
    for row in rows {
      let names = Site.unique(row.sides.compactMap { $0 }.flatMap(\.classes))
      var table = TextTable(header: ["side", "mIoU"] + names)
      func scores(_ evaluation: EvaluationRecord?) -> [Double?] {
        guard let evaluation else { return [Double?](repeating: nil, count: names.count + 1) }
        return [evaluation.meanIoU]
          + names.map { name in evaluation.classes.firstIndex(of: name).flatMap { evaluation.iou[$0] } }
      }
      let first = scores(row.sides[0])
      for (index, side) in row.sides.enumerated() {
        table.add([variants[index].title] + scores(side).map(EvaluationReport.percent))
        guard index > 0 else { continue }
        table.add(["difference"] + zip(scores(side), first).map { Self.points(ResultTable.difference($0, $1)) })
      }
      result.append(
        .init(label: "\(row.title), \(row.split)", file: "data/classes-\(Pictures.fileName(row.key))", table: table))
    }
    return result
  }

  private var meanTable: ResultContext {
    let others = variants.dropFirst()
    var table = TextTable(
      header: ["masks", "split"] + variants.map(\.title)
        + (variants.count == 2 ? ["difference"] : others.map { "\($0.title), difference" }))
    for row in rows {
      let means = row.sides.map { $0?.meanIoU }
      table.add(
        [row.title, row.split] + means.map(EvaluationReport.percent)
          + means.dropFirst().map { Self.points(ResultTable.difference($0, means[0])) })
    }
    return .init(label: "mIoU", file: "data/means", table: table)
  }

  /// Sides that differ in seeds alone: mean and standard deviation.
  private var repeatTable: ResultContext {
    let groups = repeats
    let titles = groups.map {
      $0.count == 1 ? variants[$0[0]].title : "\(variants[$0[0]].report.name): \($0.count) seeds"
    }
    var table = TextTable(header: ["masks", "split"] + titles)
    for row in rows {
      let cells = groups.map { group in
        let statistics = Statistics(group.map { row.sides[$0]?.meanIoU.map { $0 * 100 } })
        return ResultTable.text(statistics.mean, .seeds, deviation: statistics.deviation)
      }
      table.add([row.title, row.split] + cells)
    }
    return .init(label: "mIoU, mean and standard deviation over repeated seeds", file: "data/repeats", table: table)
  }

  private func json() throws -> String {
    struct Side: Encodable {
      var title: String
      var settings: [Setting]
    }
    struct Result: Encodable {
      var masks: String
      var split: String
      var meanIoU: [Double?]
    }
    struct Content: Encodable {
      var sides: [Side]
      var results: [Result]
    }
    return try Site.json(
      Content(
        sides: variants.map { Side(title: $0.title, settings: $0.settings) },
        results: rows.map { Result(masks: $0.key, split: $0.split, meanIoU: $0.sides.map { $0?.meanIoU }) }))
  }

  // MARK: Curves and images

  private func trainingContexts() throws -> [[String: Any]] {
    func key(_ variant: Variant, _ training: TrainingRecord) -> String {
      Variant.key(training.family, variant.rest(training.cell))
    }
    let keys = Site.unique(
      variants.flatMap { variant in variant.report.trainings.filter { variant.owns($0.cell) }.map { key(variant, $0) } }
    )
    return try keys.map { name in
      let found = variants.compactMap { variant in
        variant.report.trainings.first { variant.owns($0.cell) && key(variant, $0) == name }.map {
          (name: variant.title, record: $0)
        }
      }
      let plots = try Site.plots(of: found, name: name).map { plot -> [String: Any] in
        let path = "data/plots/\(Pictures.fileName(plot.name)).svg"
        try writeFile(plot.svg.utf8, to: "\(folder)/\(path)")
        return ["src": link(path), "alt": plot.alternative, "height": "350"]
      }
      return ["step": name, "plots": plots]
    }
  }

  private func imageContexts(side: Int) throws -> [[String: Any]] {
    try changes(side: side, limit: Self.shownChanges).map { heading, changes in
      [
        "heading": heading,
        "explanation":
          "Mean IoU of the image, \(variants[side].title) less \(variants[0].title); the largest changes either way.",
        "items": try changes.enumerated().map { rank, change in
          [
            "id": change.id, "note": String(format: "%+.2f", change.difference * 100),
            "cells": try cells(change, folder: "images/\(side)-\(Pictures.fileName(change.split))-\(rank + 1)"),
          ] as [String: Any]
        },
      ]
    }
  }

  /// Photograph, mask before, mask after, truth: copied, so that the comparison stands alone.
  private func cells(_ change: Change, folder place: String) throws -> [[String: Any]] {
    let (first, other) = (variants[0], variants[change.side])
    func copied(_ variant: Variant, _ name: String, as copy: String) throws -> String? {
      let source = "\(variant.folder)/\(Pictures.folder(of: change.id))/\(name)"
      guard let bytes = FileManager.default.contents(atPath: source) else { return nil }
      try writeFile(bytes, to: "\(folder)/\(place)/\(copy)")
      return link("\(place)/\(copy)")
    }
    func column(_ variant: Variant, _ index: Int) -> MaskColumn? {
      variant.report.splits.first { $0.split == change.split }?.columns[index]
    }
    guard let photograph = try copied(first, Pictures.photograph, as: Pictures.photograph) else { return [] }
    func cell(_ over: String?, _ caption: String) -> [String: Any] {
      var cell: [String: Any] = [
        "src": photograph, "alt": caption, "caption": caption, "hasNote": false, "width": 4, "height": 3,
        "href": over ?? photograph,
      ]
      if let over { cell["over"] = [over] }
      return cell
    }
    var cells = [cell(nil, "image")]
    if let mask = column(first, change.before.column),
      let path = try copied(first, Pictures.fileName(of: mask), as: "first.png")
    {
      cells.append(cell(path, "\(first.title): \(EvaluationReport.percent(change.before.score))"))
    }
    if let mask = column(other, change.after.column),
      let path = try copied(other, Pictures.fileName(of: mask), as: "second.png")
    {
      cells.append(cell(path, "\(other.title): \(EvaluationReport.percent(change.after.score))"))
    }
    if let path = try copied(first, Pictures.truth, as: Pictures.truth) { cells.append(cell(path, "truth")) }
    return cells
  }
}
