import Evaluation
import Foundation
import Foundations
import Imaging
import LabelMasks
import Reporting
import Testing

@Suite struct ReportTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  // MARK: Numbers

  @Test func tableHasTheNumbersOfTheEvaluations() throws {
    let report = try bench.report()
    let page = try bench.text("a report/index.html")
    #expect(report.evaluations.count == 6)
    for evaluation in report.evaluations {
      let file = try Data(contentsOf: URL(fileURLWithPath: "\(bench.run)/\(evaluation.step)/evaluation.json"))
      let told = try EvaluationReport(json: file)
      #expect(evaluation.matrix == told.matrix)
      #expect(page.contains(">\(EvaluationReport.percent(told.matrix.meanIntersectionOverUnion))<"))
    }
    #expect(report.notes.allSatisfy { !$0.contains("does not say") })
  }

  /// The page follows the file, and says where file and masks part.
  @Test func changedEvaluationChangesThePage() throws {
    try bench.report()
    #expect(!(try bench.text("a report/index.html")).contains(">43.21<"))
    // One class has no pixels: the mean is over two IoUs, 0.8642 and 0.
    let counts = [8642, 0, 1358, 0, 0, 0, 0, 0, 0]
    let matrix = ConfusionMatrix(classes: 3, counts: counts, images: 5)
    try AtomicFile.write(
      try EvaluationReport(names: Bench.classes, matrix: matrix).json(), to: "\(bench.run)/eval-psa/evaluation.json")
    let report = try bench.report()
    #expect(try bench.text("a report/index.html").contains(">43.21<"))
    let rows = try bench.text("a report/data/table-1-train.csv").split(separator: "\n")
    let row = try #require(rows.first { $0.hasPrefix("PSA,measured here,train,5,") })
    #expect(row.hasSuffix(",none,43.21,86.42,-,0.00"))
    #expect(report.notes.contains { $0.contains("eval-psa does not say what the masks of psa say now") })
  }

  /// Counted pixel by pixel without the tally.
  @Test func choiceIsCountedAsDefined() throws {
    let report = try bench.report(threads: 3)
    let merge = try #require(report.merges.first)
    var (won, lost, neither) = (0, 0, 0)
    var (right, wrong) = ([0, 0, 0], [0, 0, 0])
    for id in Bench.ids("train") {
      let masks = try ["psa", "psa-crf", "ssdd"].map {
        try LabelMask(contentsOf: "\(bench.run)/\($0)/masks/\(id).png").labels
      }
      let truth = try LabelMask(contentsOf: "\(bench.path)/data/masks/\(id).png").labels
      for i in truth.indices where truth[i] != 255 && masks[0][i] != masks[1][i] {
        if truth[i] == masks[2][i] {
          won += 1
        } else if truth[i] == masks[0][i] || truth[i] == masks[1][i] {
          lost += 1
        } else {
          neither += 1
        }
        for label in [masks[0][i], masks[1][i]] {
          if truth[i] == masks[1][i] { right[Int(label)] += 1 } else { wrong[Int(label)] += 1 }
        }
      }
    }
    #expect(merge.choice.won == won)
    #expect(merge.choice.lost == lost)
    #expect(merge.choice.neither == neither)
    #expect(won > 0 && lost > 0)
    #expect(merge.adviceTrue == right)
    #expect(merge.adviceFalse == wrong)
    #expect(merge.badSamples == 1 && merge.adviceShare == 0.25)
    let images = try #require(report.splits.first { $0.split == "train" }).images
    #expect(images.map(\.won).reduce(0, +) == won && images.map(\.lost).reduce(0, +) == lost)
  }

  /// The curve passes through the run at the run's own bias, and ends at the two masks.
  @Test func curveOverTheBiasPassesThroughTheRun() throws {
    let merge = try #require(try bench.report().merges.first)
    func scores(_ step: String) throws -> Double? {
      try EvaluationReport(json: try Data(contentsOf: URL(fileURLWithPath: "\(bench.run)/\(step)/evaluation.json")))
        .matrix.meanIntersectionOverUnion
    }
    #expect(merge.bias.own == Double(Float(0.1)))
    let own = try #require(merge.bias.biases.firstIndex(of: merge.bias.own))
    let (knowledge, advice, refined) = (try scores("eval-psa"), try scores("eval-crf"), try scores("eval-ssdd"))
    #expect(merge.bias.means[own] == refined)
    #expect(merge.bias.agreement == 1)
    #expect(merge.knowledgeMean == knowledge)
    #expect(merge.adviceMean == advice)
    #expect(merge.refinedMean == refined)
    let best = try #require(merge.oracleMean)
    #expect(merge.bias.means.allSatisfy { ($0 ?? 0) <= best })
  }

  @Test func threadsDoNotChangeTheReport() throws {
    try bench.report("one", threads: 1)
    try bench.report("four", threads: 4)
    let names = try bench.files("one")
    #expect(try bench.files("four") == names)
    for name in names where name.contains(".") {
      #expect(
        FileManager.default.contentsEqual(atPath: "\(bench.path)/one/\(name)", andPath: "\(bench.path)/four/\(name)"),
        "\(name)")
    }
  }

  @Test func repeatedSeedsHaveMeanAndDeviation() throws {
    let report = try bench.report()
    let table = ResultTable(split: "val", evaluations: report.evaluations.filter { $0.split == "val" })
    let row = try #require(table.rows.first { $0.kind == .seeds })
    let values = report.evaluations.filter { $0.family == "eval-dynamic" }.compactMap { $0.meanIoU.map { $0 * 100 } }
    #expect(values.count == 2)
    #expect(row.mean == (values[0] + values[1]) / 2)
    let deviation = try #require(row.deviations.first ?? nil)
    #expect(abs(deviation - abs(values[0] - values[1]) / 2.0.squareRoot()) < 1e-9)
  }

  // MARK: Words

  @Test func collapsedMaskIsTold() throws {
    let report = try bench.report()
    #expect(report.notes.contains { $0.hasPrefix("dynamic/seed-1: the mask sub has collapsed: 0.0 % of its pixels") })
    #expect(!report.notes.contains { $0.hasPrefix("ddnet: the mask") })
  }

  @Test func unfinishedRunSaysWhatIsMissing() throws {
    for name in ["ssdd", "eval-ssdd", "infer-seg", "eval-seg"] {
      try FileManager.default.removeItem(atPath: "\(bench.run)/\(name)")
    }
    let report = try bench.report()
    let note = try #require(report.notes.first { $0.contains("have not run") })
    for name in ["ssdd", "infer-seg", "eval-ssdd", "eval-seg"] { #expect(note.contains(name)) }
    #expect(report.notes.contains("The training ddnet is not finished: 300 updates so far."))
    #expect(report.merges.isEmpty)
    #expect(try bench.text("a report/index.html").contains("PSA+CRF"))
  }

  /// A mask that is gone leaves out its column and its merge, and nothing else.
  @Test func missingMaskIsTold() throws {
    try FileManager.default.removeItem(atPath: "\(bench.run)/ssdd/masks/train-3.png")
    let report = try bench.report()
    #expect(
      report.notes.contains {
        $0.hasPrefix("The masks of ssdd (masks) are left out on train: ") && $0.contains("train-3")
      })
    #expect(report.merges.isEmpty)
    let train = try #require(report.splits.first { $0.split == "train" })
    #expect(train.columns.map(\.step) == ["psa", "psa-crf"])
  }

  @Test func missingTruthIsTold() throws {
    try FileManager.default.removeItem(atPath: "\(bench.path)/data/masks/val-1.png")
    let report = try bench.report()
    #expect(report.notes.contains { $0.hasPrefix("The split val is left out: ") && $0.contains("val-1") })
    #expect(report.splits.map(\.split) == ["train"])
  }

  @Test func missingDataSetIsNoFailure() throws {
    let pipeline = try bench.pipeline()
    try FileManager.default.removeItem(atPath: "\(bench.path)/data")
    let report = try ReportBuilder(pipeline, folder: "\(bench.path)/r", threads: 1, pictures: 9, seed: 1).build()
    #expect(report.notes.contains { $0.hasPrefix("The data set is not there yet") })
    #expect(try bench.text("r/index.html").contains("PSA+CRF"))
  }

  @Test func namesAreShownAsText() throws {
    try bench.report()
    for name in try bench.files("a report") where name.hasSuffix(".html") || name.hasSuffix(".svg") {
      let page = try bench.text("a report/\(name)")
      #expect(!page.contains("<script>") && !page.contains("<b>"), "\(name)")
    }
    #expect(try bench.text("a report/index.html").contains("SSDD &lt;script&gt;alert(1)&lt;/script&gt;"))
    // An id goes through the same template as names do.
    let pages = try PageWriter(folder: bench.path)
    let image: [String: Any] = ["id": "<script>", "facts": "", "cells": [[String: Any]](), "tables": [[String: Any]]()]
    #expect(try pages.render("image", image).contains("<h1>&lt;script&gt;</h1>"))
    #expect(Pictures.fileName("<script> é/") == "=3Cscript=3E=20=C3=A9=2F")
  }

  @Test func folderOfSomebodyElseIsRefused() throws {
    try AtomicFile.write("mine", to: "\(bench.path)/a report/letter.txt")
    #expect(throws: Failure.self) { try bench.report() }
    #expect(try bench.text("a report/letter.txt") == "mine")
  }

  /// The program beside this test's own: sysexits codes, and a folder with a space in its name.
  @Test func programEndsAsOthersDo() throws {
    let programs = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
    func report(_ arguments: String...) throws -> (status: Int32, output: String) {
      try Tools.run("\(programs)/report", arguments)
    }
    let yaml = "\(bench.path)/bench.yaml"
    let made = try report("page", yaml, "--set", "OUT=\(bench.path)/runs", "--out", "\(bench.path)/my report")
    #expect(made.status == 0)
    #expect(made.output.contains("\(bench.path)/my report/index.html\n"))
    #expect(made.output.contains("report: dynamic/seed-1: the mask sub has collapsed"))
    let missing = try report(yaml, "--set", "OUT=\(bench.path)/nowhere")
    #expect(missing.status == Failure.Kind.noInput.rawValue)
    #expect(missing.output.hasPrefix("report: \(bench.path)/nowhere/bench: no outputs of the pipeline"))
    #expect(try report("compare", "\(bench.path)/my report").status == Failure.Kind.usage.rawValue)
    let pair = try report("compare", "\(bench.path)/my report", "\(bench.path)/nothing", "--out", "\(bench.path)/c")
    #expect(pair.status == Failure.Kind.noInput.rawValue)
  }

  // MARK: Files

  /// Every link and image of every page leads to a file, and every fragment to an element.
  @Test func linksResolve() throws {
    try bench.report()
    var links = 0
    for name in try bench.files("a report") where name.hasSuffix(".html") {
      let page = try bench.text("a report/\(name)")
      let folder = URL(fileURLWithPath: "\(bench.path)/a report/\(name)").deletingLastPathComponent()
      for match in page.matches(of: /(?:href|src|value)="([^"]+)"/) where !match.output.1.hasPrefix("data:") {
        let parts = match.output.1.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(
          String.init)
        guard match.output.0.hasPrefix("href") || parts[0].contains(".") else { continue }
        links += 1
        let path =
          parts[0].isEmpty
          ? "\(bench.path)/a report/\(name)" : "\(folder.path)/\(parts[0].removingPercentEncoding ?? "")"
        #expect(FileManager.default.fileExists(atPath: path), "\(name): \(match.output.1)")
        guard parts.count == 2, path.hasSuffix(".html") else { continue }
        let target = try String(contentsOfFile: path, encoding: .utf8)
        #expect(target.contains("id=\"\(parts[1])\""), "\(name): \(match.output.1)")
      }
    }
    #expect(links > 500)
  }

  @Test func contentIsThereAsPlainFiles() throws {
    try bench.report()
    let names = Set(try bench.files("a report"))
    let wanted = [
      "data/report.json", "data/results.md", "data/table-1-train.csv", "data/table-1-val.md", "data/images-train.csv",
      "data/figure-train.png",
      "data/figure-val.png", "data/training-ddnet.csv", "data/choice-ssdd.csv", "data/plots/bias-ssdd.svg",
      "images/train-1.html",
      "confusion/train-ssdd-masks.html", "browse/train-gain-1.html", "browse/val-class-cat-1.html",
    ]
    for name in wanted { #expect(names.contains(name), "\(name)") }
    let stored = try JSONDecoder().decode(
      RunReport.self, from: Data(contentsOf: URL(fileURLWithPath: "\(bench.path)/a report/data/report.json")))
    #expect(stored.evaluations.count == 6)
  }

  /// A palette PNG whose background is transparent still holds the mask's values.
  @Test func shownMasksKeepTheirValues() throws {
    try bench.report()
    let shown = "\(bench.path)/a report/images/train-2/ssdd.png"
    #expect(try LabelMask(contentsOf: shown) == LabelMask(contentsOf: "\(bench.run)/ssdd/masks/train-2.png"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: shown))
    #expect(bytes.range(of: Data("tRNS".utf8)) != nil)
  }

  @Test func numberOfPicturesIsBounded() throws {
    let report = try bench.report(pictures: 4)
    let train = try #require(report.splits.first { $0.split == "train" })
    #expect(train.images.count == 5)
    #expect(train.images.count { $0.isShown } <= 5)
    #expect(
      try bench.files("a report").filter { $0.hasPrefix("images/val-") && $0.hasSuffix("/photograph.jpg") }.count == 3)
  }

  @Test func largeImagesAreScaledDown() {
    let size = Pictures.size(width: 4000, height: 3000)
    #expect(size.width * size.height <= 650_000 && abs(Double(size.width) / Double(size.height) - 4.0 / 3) < 0.01)
    #expect(Pictures.size(width: 500, height: 375) == (500, 375))
  }

  /// HTML Tidy finds nothing, where it is installed.
  @Test(.enabled(if: Tools.path("tidy") != nil, "HTML Tidy is not installed")) func pagesAreValid() throws {
    try bench.report()
    let names = ["index.html", "images/train-1.html", "browse/train-gain-1.html", "confusion/train-ssdd-masks.html"]
    for name in names {
      let outcome = try Tools.run(
        "tidy", ["-errors", "-quiet", "-utf8", "--drop-empty-elements", "no", "\(bench.path)/a report/\(name)"])
      // Debian's Tidy is older than the attribute, which the HTML standard has.
      let problems = outcome.output.split(separator: "\n").filter { !$0.hasSuffix("proprietary attribute \"loading\"") }
      #expect(problems.isEmpty, "\(name)")
    }
  }
}

@Suite struct HistogramTests {
  @Test func areaIsTheShareOfOrderedPairs() {
    var histogram = PairedHistogram(0...1, bins: 4)
    for value in [0.1, 0.6, 0.9] as [Float] { histogram.add(value, true) }
    for value in [0.3, 0.6] as [Float] { histogram.add(value, false) }
    // Pairs: 0.1 loses both; 0.6 beats 0.3 and ties; 0.9 beats both.
    #expect(histogram.areaUnderCurve == 3.5 / 6)
    histogram = PairedHistogram(0...1, bins: 4)
    histogram.add(0.5, true)
    #expect(histogram.areaUnderCurve == nil)
  }

  @Test func calibrationTellsTheShareInEachRange() {
    var histogram = PairedHistogram(0...1, bins: 100)
    for _ in 0..<3 { histogram.add(0.255, true) }
    histogram.add(0.255, false)
    histogram.add(5, true)
    let calibration = histogram.calibration(groups: 10)
    #expect(calibration.counts == [4, 1] && calibration.shares == [0.75, 1])
    #expect(abs(calibration.means[0] - 0.255) < 1e-6 && abs(calibration.means[1] - 0.995) < 1e-6)
  }
}
