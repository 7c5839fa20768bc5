import Evaluation
import Foundation

extension Site {
  /// The first page.
  func indexContext() throws -> [String: Any] {
    var context: [String: Any] = ["name": report.name, "dataset": report.dataset, "status": status]
    var contents: [[String: Any]] = []
    func part(_ flag: String, _ isThere: Bool, _ anchor: String, _ word: String) {
      context[flag] = isThere
      if isThere { contents.append(["anchor": anchor, "word": word]) }
    }
    context["hasNotes"] = !report.notes.isEmpty
    context["notes"] = report.notes
    part("hasTables", !report.evaluations.isEmpty, "tables", "Table 1")
    context["tables"] = resultTables.map(Self.context)
    part("hasLiterature", !report.evaluations.isEmpty, "literature", "Tables 2 and 3")
    context["literature"] = literature
    context["literatureNote"] = literatureNote
    context["isVOC"] = isVOC
    part("hasCurves", !report.trainings.isEmpty, "curves", "Training")
    context["trainings"] = try report.trainings.map(trainingContext)
    let figure7 = splits.filter { $0.merge != nil }
    part("hasFigure7", !figure7.isEmpty, "figure7", "Figure 7")
    context["figure7"] = figure7.flatMap { figure($0, isSeeds: true) }
    context["figure7Note"] = Self.figure7Note
    let figure8 = splits.filter { $0.merge == nil && !$0.record.columns.isEmpty }
    part("hasFigure8", !figure8.isEmpty, "figure8", "Figure 8")
    context["figure8"] = figure8.flatMap { figure($0, isSeeds: false) }
    part("hasBrowse", !splits.isEmpty, "browse", "Browse")
    context["browse"] = splits.map {
      ["heading": "\($0.record.split): \($0.record.images.count) images", "links": listLinks($0)] as [String: Any]
    }
    context["legend"] = report.classes.map { ["name": $0.name, "colour": $0.colour] }
    part("hasMerges", !report.merges.isEmpty, "why", "Why it worked")
    context["merges"] = try report.merges.map(mergeContext)
    let grids = try gridContexts()
    part("hasFigure6", !grids.isEmpty, "figure6", "Figure 6")
    context["figure6"] = grids
    let confusions = splits.filter { $0.record.hasTruth && !$0.record.columns.isEmpty }
    part("hasConfusion", !confusions.isEmpty, "confusion", "Confusion")
    context["confusion"] = confusions.compactMap { split in
      split.record.refined.map { ["matrix": matrix(split, column: $0, isOnIndex: true)] as [String: Any] }
    }
    context["confusionLinks"] = confusions.flatMap { split in
      split.record.columns.map {
        ["href": link(Self.confusionPath(split.record, $0)), "word": "\($0.title), \(split.record.split)"]
          as [String: Any]
      }
    }
    part("", true, "provenance", "How it was made")
    context["provenance"] = [timeTable]
    context["steps"] = report.steps.map(stepContext)
    context["contents"] = contents
    return context
  }

  private static let figure7Note = """
    Knowledge and advice are the two masks; d is the probability, given one of them, that they differ; SSDD takes the \
    advice where d of the knowledge less d of the advice plus the bias is at least 0. Gains are of the image's mean \
    IoU, in percentage points.
    """

  private var status: String {
    let done = report.steps.filter(\.isDone).count
    let seconds = report.steps.compactMap(\.seconds).reduce(0, +)
    return
      "Pipeline \(report.pipeline): \(done) of \(report.steps.count) steps done, \(String(format: "%.0f", seconds)) s "
      + "of wall time."
  }

  // MARK: Tables

  static func context(of table: ResultTable) -> [String: Any] {
    let name = "data/table-1-\(Pictures.fileName(table.split))"
    return context(
      label: "Table 1, \(table.split)",
      header: ["masks", "origin", "split", "images", "scales", "CRF", "mIoU"] + table.classes,
      rows: table.rows.map { row in
        (
          row.title, row.kind == .measured ? "measured" : row.kind == .gain ? "gain" : "\(row.kind)",
          [
            row.kind.rawValue, table.split, row.images.map(String.init) ?? "-", row.scales.isEmpty ? "-" : row.scales,
            row.crf.isEmpty ? "-" : row.crf,
          ]
            + ResultTable.numbers(row)
        )
      }, words: 5, best: table.best, files: ["\(name).csv", "\(name).md"])
  }

  private var isVOC: Bool { report.evaluations.first?.classes == PublishedResults.vocClasses }

  private var literatureNote: String {
    isVOC
      ? "mIoU in % on PASCAL VOC 2012. Published values are the papers' own; rows measured here are of the splits that "
        + "they name."
      : "mIoU in %. Published values are of PASCAL VOC 2012. The rows measured here are of other images and classes: "
        + "they stand here for completeness "
        + "and compare with nothing above them."
  }

  /// Tables 2 and 3 with our networks under them, those that were scored on val or test.
  private var literature: [[String: Any]] {
    let networks: Set<MaskRole> = [.dynamicNetwork, .staticNetwork, .baseline]
    let own = report.evaluations.filter { networks.contains($0.role) && ["val", "test"].contains($0.split) }
    func rows(_ methods: [PublishedResults.Method]) -> [(title: String, kind: String, cells: [String])] {
      func number(_ value: Double?) -> String { value.map { String(format: "%.1f", $0) } ?? "-" }
      return methods.map {
        (
          $0.name, "published",
          ["published", $0.venue, $0.supervision.isEmpty ? "none" : $0.supervision, number($0.val), number($0.test)]
        )
      }
        + own.map { evaluation in
          let mean = EvaluationReport.percent(evaluation.meanIoU)
          let data = isVOC ? evaluation.split : "\(evaluation.split), other data"
          return (
            evaluation.title, "measured",
            [
              "measured here", data, "none", evaluation.split == "test" ? "-" : mean,
              evaluation.split == "test" ? mean : "-",
            ]
          )
        }
    }
    let header = ["method", "origin", "venue or split", "additional supervision", "val", "test"]
    return [
      Self.context(
        label: "Table 2: methods without additional supervision", header: header, rows: rows(PublishedResults.table2),
        words: 3),
      Self.context(
        label: "Table 3: methods with additional supervision", header: header, rows: rows(PublishedResults.table3),
        words: 3),
    ]
  }

  // MARK: Figures 7 and 8

  /// Best gains, worst losses and the seeded draw of a split.
  private func figure(_ split: ReportBuilder.Split, isSeeds: Bool) -> [[String: Any]] {
    let record = split.record
    func title(_ place: Int?) -> String { place.map { record.columns[$0].title } ?? "" }
    let pair = record.against == nil ? "" : " of \(title(record.refined)) over \(title(record.against))"
    let kinds: [(String, String, [Int])] = [
      ("best gains", "The images with the largest gain\(pair).", split.examples.best),
      ("worst losses", "The images with the largest loss\(pair).", split.examples.worst),
      ("a random draw", "Drawn with seed \(seed), whatever their scores.", split.examples.drawn),
    ]
    return kinds.filter { !$0.2.isEmpty }.map { word, explanation, places in
      [
        "heading": "\(record.split): \(word)", "explanation": explanation,
        "items": places.map { place in
          [
            "id": record.images[place].id, "href": Self.imagePath(record.images[place].id, from: ""),
            "note": note(record, place),
            "cells": isSeeds ? seedCells(split, place, root: "") : networkCells(split, place, root: ""),
          ] as [String: Any]
        },
      ]
    }
  }

  /// `gain +3.21, labels: cat person`.
  func note(_ record: SplitRecord, _ place: Int) -> String {
    let gain = record.gain(of: place).map { String(format: "gain %+.2f, ", $0 * 100) } ?? ""
    let labels = record.images[place].labels
    return gain + (labels.isEmpty ? "labels not known" : labels.joined(separator: ", "))
  }

  // MARK: Provenance

  private var timeTable: [String: Any] {
    let rows = report.steps.map { step -> (title: String, kind: String, cells: [String]) in
      let digests = step.provenance.filter { $0.name.hasPrefix("input.") }
      let short = digests.map { "\($0.name.dropFirst(6)) \($0.value.prefix(12))" }.joined(separator: ", ")
      return (
        step.name, "measured",
        [
          step.stage, step.isDone ? "done" : "to run", short.isEmpty ? "-" : short,
          step.seconds.map { String(format: "%.1f", $0) } ?? "-",
        ]
      )
    }
    return Self.context(
      label: "Steps", header: ["step", "stage", "state", "inputs, SHA-256 begins", "seconds"], rows: rows, words: 3)
  }

  private func stepContext(_ step: StepRecord) -> [String: Any] {
    let facts =
      step.inputs.map { ("input \($0.name)", $0.value) } + step.parameters.map { ($0.name, $0.value) }
      + step.provenance.map { ($0.name, $0.value) }
    return [
      "name": step.name, "stage": step.stage, "command": step.command,
      "state": step.isDone ? "done" : "to run: \(step.reason)",
      "facts": facts.map { ["name": $0.0, "value": $0.1] as [String: Any] },
    ]
  }
}
