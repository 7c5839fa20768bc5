import Evaluation
import Foundation

extension Site {
  // MARK: Trainings

  func trainingContext(_ training: TrainingRecord) throws -> [String: Any] {
    let last = training.last.filter { !["step", "epoch"].contains($0.name) }.prefix(6).map { "\($0.name) \($0.value)" }
      .joined(separator: ", ")
    return [
      "step": training.step, "warnings": training.warnings,
      "summary": "\(training.stage): \(training.updates) updates; the last: \(last).",
      "plots": try contexts(of: Self.plots(of: [(training.step, training)], name: "training-\(training.step)")),
    ]
  }

  /// Losses, shares of foreground, of difference and of bad samples, and the learning rate: a plot for each kind that
  /// the logs have.
  ///
  /// Of several trainings the same columns are drawn over one another, each line with its training's name.
  static func plots(of trainings: [(name: String, record: TrainingRecord)], name: String) -> [Plot] {
    let kinds: [(String, String, (String) -> Bool)] = [
      ("loss", "loss", { $0.hasPrefix("loss") }),
      ("foreground", "share of foreground", { $0.hasPrefix("foreground_") }),
      ("shares", "other shares", { $0.hasPrefix("differing_") || $0.hasPrefix("bad_") || $0.hasSuffix("_share") }),
      ("accuracy", "accuracy", { $0.hasPrefix("accuracy") }), ("rate", "learning rate", { $0 == "learning_rate" }),
    ]
    return kinds.compactMap { key, title, belongs in
      var series: [SVG.Series] = []
      for (label, training) in trainings {
        // Over one another: the sum alone, else there would be too many lines.
        let columns = training.columns.filter {
          belongs($0.name) && (trainings.count == 1 || key != "loss" || $0.name == "loss")
        }
        series += columns.map { column in
          let short = column.name.split(separator: "_").dropFirst(key == "foreground" ? 1 : 0).joined(separator: " ")
          return SVG.Series(
            name: trainings.count == 1 ? short : "\(label): \(short)",
            points: zip(training.steps, column.values).map { ($0, $1) })
        }
      }
      guard !series.isEmpty else { return nil }
      let subject = trainings.count == 1 ? trainings[0].name : name
      let words = trainings.map { "\($0.name) over \($0.record.updates) updates" }.joined(separator: ", ")
      return Plot(
        name: "\(name)-\(key)", alternative: "\(title): \(words). The values are in data/training-*.csv.",
        svg: SVG.lines(title: "\(subject): \(title)", x: "update", y: title, series))
    }
  }

  // MARK: Merges

  static func classTable(of merge: MergeRecord, classes: [String]) -> TextTable {
    var table = TextTable(header: [
      "class", "gain over knowledge", "gain over advice", "|S^A,T|", "|S^A,F|", "advice mostly right", "won", "lost",
      "both wrong", "won of decidable %",
    ])
    func points(_ new: Double?, _ old: Double?) -> String {
      ResultTable.difference(new, old).map { String(format: "%+.2f", $0 * 100) } ?? "-"
    }
    for (c, name) in classes.enumerated() {
      let (right, wrong, choice) = (merge.adviceTrue[c], merge.adviceFalse[c], merge.choiceByClass[c])
      let decidable = choice.won + choice.lost
      table.add([
        name, points(merge.refinedIoU[c], merge.knowledgeIoU[c]), points(merge.refinedIoU[c], merge.adviceIoU[c]),
        "\(right)", "\(wrong)",
        right + wrong == 0 ? "-" : right > wrong ? "yes" : "no", "\(choice.won)", "\(choice.lost)", "\(choice.neither)",
        decidable == 0 ? "-" : String(format: "%.1f", Double(choice.won) / Double(decidable) * 100),
      ])
    }
    return table
  }

  /// What was measured of a merge, in words.
  func sentences(_ merge: MergeRecord) -> [String] {
    func percent(_ share: Double?) -> String { EvaluationReport.percent(share) }
    let (choice, total) = (merge.choice, max(merge.choice.total, 1))
    func share(_ count: Int) -> String { String(format: "%.1f %%", Double(count) / Double(total) * 100) }
    func area(_ calibration: Calibration) -> String {
      calibration.auc.map { String(format: "%.3f", $0) } ?? "undefined"
    }
    let (right, wrong) = (merge.adviceTrue.reduce(0, +), merge.adviceFalse.reduce(0, +))
    let (knowledge, advice) = (area(merge.knowledgeDifference), area(merge.adviceDifference))
    return [
      "Where \(merge.knowledge) (knowledge) and \(merge.advice) (advice) differ and the truth is known, "
        + "\(choice.total) pixels of \(merge.images) images: the choice won \(share(choice.won)), "
        + "lost \(share(choice.lost)), and both masks are wrong on \(share(choice.neither)).",
      "mIoU: knowledge \(percent(merge.knowledgeMean)), advice \(percent(merge.adviceMean)), "
        + "refined \(percent(merge.refinedMean)); a choice that is always right would have "
        + "\(percent(merge.oracleMean)).",
      "|S^A,T| against |S^A,F|, the paper's own explanation: over all classes the advice is right on \(right) of "
        + "\(right + wrong) counted pixels. A pixel counts for each of the two classes that the masks say there.",
      "Area under the ROC curve: d of the knowledge \(knowledge) and d of the advice \(advice) for \"the masks "
        + "differ\"; "
        + "w \(area(merge.confidence)) for \"the advice is right\" where one of the two is. 0.5 is chance.",
      "Bad samples, which the class guard flagged: \(merge.badSamples) of \(merge.images). "
        + "Share of differing pixels that took the advice, mean over images: \(percent(merge.adviceShare)) %.",
    ]
  }

  func mergeContext(_ merge: MergeRecord) throws -> [String: Any] {
    let table = Self.classTable(of: merge, classes: report.classes.map(\.name))
    let rows = table.rows.map { (title: $0[0], kind: "plain", cells: Array($0.dropFirst())) }
    return [
      "heading": "\(merge.step), \(merge.split)", "sentences": sentences(merge),
      "plots": try contexts(of: plots(of: merge)),
      "tables": [
        Self.context(
          label: "\(merge.step): choice per class", header: table.header, rows: rows,
          files: ["data/choice-\(Pictures.fileName(merge.step)).csv"])
      ],
    ]
  }

  private func plots(of merge: MergeRecord) -> [Plot] {
    let file = "The values are in data/report.json."
    return [
      Plot(
        name: "bias-\(merge.step)",
        alternative: "mIoU against dd_bias of \(merge.step), recomputed from its d maps. \(file)", svg: biasCurve(merge)
      ),
      Plot(
        name: "won-\(merge.step)",
        alternative: "Share of differing pixels won and lost per true class; the table below has the numbers.",
        svg: wonAndLost(merge)),
      Plot(
        name: "advice-\(merge.step)",
        alternative: "Share of the advice that is right per class; the table below has the numbers.",
        svg: adviceShares(merge)),
      Plot(
        name: "calibration-\(merge.step)",
        alternative: "How often the masks differ where d says so, for both d maps. \(file)", svg: calibration(merge)),
      Plot(
        name: "confidence-\(merge.step)", alternative: "How often the advice is right, by w. \(file)",
        svg: SVG.lines(
          title: "\(merge.step): w against who is right", x: "w", y: "share where the advice is right",
          [Self.series("w", merge.confidence)], marks: [(0, "advice from here")], levels: [(0.5, "")], yRange: 0...1)),
    ]
  }

  private func biasCurve(_ merge: MergeRecord) -> String {
    let points = zip(merge.bias.biases, merge.bias.means).compactMap { bias, mean in mean.map { (x: bias, y: $0 * 100) }
    }
    let levels = [("knowledge", merge.knowledgeMean), ("advice", merge.adviceMean)].compactMap { word, mean in
      mean.map { ($0 * 100, word) }
    }
    return SVG.lines(
      title: "\(merge.step): mIoU over dd_bias", x: "dd_bias", y: "mIoU in %",
      [.init(name: "from the stored d maps", points: points)],
      marks: [(merge.bias.own, "this run")], levels: levels)
  }

  private static func series(_ name: String, _ calibration: Calibration) -> SVG.Series {
    SVG.Series(name: name, points: zip(calibration.means, calibration.shares).map { ($0, $1) })
  }

  private func calibration(_ merge: MergeRecord) -> String {
    let diagonal = SVG.Series(name: "perfectly calibrated", points: [(0, 0), (1, 1)])
    return SVG.lines(
      title: "\(merge.step): calibration of d", x: "d", y: "share of pixels that differ",
      [
        Self.series("d of the knowledge", merge.knowledgeDifference),
        Self.series("d of the advice", merge.adviceDifference), diagonal,
      ], yRange: 0...1)
  }

  private func wonAndLost(_ merge: MergeRecord) -> String {
    SVG.bars(
      title: "\(merge.step): won and lost per true class", unit: "% of differing pixels of the class",
      categories: report.classes.map(\.name),
      [
        ("won", merge.choiceByClass.map { $0.total == 0 ? nil : Double($0.won) / Double($0.total) * 100 }),
        ("lost", merge.choiceByClass.map { $0.total == 0 ? nil : Double($0.lost) / Double($0.total) * 100 }),
      ])
  }

  /// Above 50 the paper's condition |S^A,T| > |S^A,F| holds.
  private func adviceShares(_ merge: MergeRecord) -> String {
    SVG.bars(
      title: "\(merge.step): share of the advice that is right, per class", unit: "|S^A,T| in % of |S^A,T| + |S^A,F|",
      categories: report.classes.map(\.name),
      [
        (
          "advice right",
          zip(merge.adviceTrue, merge.adviceFalse).map { $0 + $1 == 0 ? nil : Double($0) / Double($0 + $1) * 100 }
        )
      ])
  }

  // MARK: Figure 6

  /// For each split that has cells of a matrix: mIoU of every family of evaluations in every cell.
  func gridContexts() throws -> [[String: Any]] {
    var result: [[String: Any]] = []
    for table in resultTables {
      let evaluations = report.evaluations.filter { $0.split == table.split && !$0.cell.isEmpty }
      let families = Self.unique(evaluations.map(\.family))
      let cells = Self.unique(evaluations.map { Self.words($0.cell) })
      guard cells.count > 1 else { continue }
      let values = families.map { family in
        (
          name: report.evaluations.first { $0.family == family }.map { Self.bareTitle($0) } ?? family,
          values: cells.map { cell in
            evaluations.first { $0.family == family && Self.words($0.cell) == cell }?.meanIoU.map { $0 * 100 }
          }
        )
      }
      let plot = Plot(
        name: "figure-6-\(table.split)",
        alternative: "mIoU of each cell of the matrix; the table below has the numbers.",
        svg: SVG.bars(
          title: "Figure 6, \(table.split): mIoU over the grid", unit: "mIoU in %", categories: cells, values))
      var context = Self.context(
        label: "mIoU in % over the grid, \(table.split)", header: ["cell"] + values.map(\.name),
        rows: cells.indices.map { row in
          (cells[row], "measured", values.map { ResultTable.text($0.values[row], .measured) })
        })
      context["plots"] = try contexts(of: [plot])
      result.append(context)
    }
    return result
  }

  /// The title without the cell in brackets.
  static func bareTitle(_ evaluation: EvaluationRecord) -> String {
    guard !evaluation.cell.isEmpty, let bracket = evaluation.title.range(of: " (", options: .backwards) else {
      return evaluation.title
    }
    return String(evaluation.title[..<bracket.lowerBound])
  }

  static func words(_ cell: [Setting]) -> String { cell.map { "\($0.name) \($0.value)" }.joined(separator: ", ") }

  static func unique(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
  }
}
