import Evaluation
import Foundation
import Foundations
import Reporting
import Testing

@Suite struct ComparisonTests {
  private let first: Bench
  private let second: Bench

  init() throws {
    (first, second) = (try Bench(), try Bench(salt: 9))
  }

  private func run(_ bench: Bench) -> String { "\(bench.path)/a report" }

  @Test func differencesAreThoseOfTheEvaluations() throws {
    try first.report()
    try second.report()
    let comparison = try Comparison([run(first), run(second)], folder: "\(first.path)/a comparison")
    #expect(try comparison.write() == "\(first.path)/a comparison/index.html")
    func mean(_ bench: Bench) throws -> Double? {
      try EvaluationReport(json: Data(contentsOf: URL(fileURLWithPath: "\(bench.run)/eval-ssdd/evaluation.json")))
        .matrix.meanIntersectionOverUnion
    }
    let (a, b) = (try #require(try mean(first)), try #require(try mean(second)))
    #expect(a != b)
    let difference = String(format: "%+.2f", (b - a) * 100)
    let numbers = [EvaluationReport.percent(a), EvaluationReport.percent(b), difference].joined(separator: ",")
    let line = "\(Bench.hostileName) (eval-ssdd),train,\(numbers)"
    #expect(try first.text("a comparison/data/means.csv").split(separator: "\n").map(String.init).contains(line))
    #expect(comparison.differingSettings.isEmpty)
    let page = try first.text("a comparison/index.html")
    #expect(page.contains("No parameter differs.") && !page.contains("<script>"))
    // No seed differs either: this is no repetition with other seeds.
    #expect(comparison.repeats == [[0], [1]])
    #expect(comparison.variants.map(\.title) == ["bench 1", "bench 2"])
  }

  @Test func imagesComeByTheSizeOfTheirChange() throws {
    try first.report()
    try second.report()
    let comparison = try Comparison([run(first), run(second)], folder: "\(first.path)/c")
    let changes = try #require(comparison.changes(side: 1, limit: 12).first { $0.heading.hasSuffix("train") }).changes
    #expect(changes.count > 1)
    #expect(zip(changes, changes.dropFirst()).allSatisfy { abs($0.difference) >= abs($1.difference) })
    let one = changes[0]
    let (old, new) = (comparison.variants[0].report.splits[0], comparison.variants[1].report.splits[0])
    let refined = try #require(old.refined)
    let before = try #require(old.images.first { $0.id == one.id }?.scores[refined])
    let after = try #require(new.images.first { $0.id == one.id }?.scores[refined])
    #expect(one.difference == after - before)
    try comparison.write()
    #expect(FileManager.default.fileExists(atPath: "\(first.path)/c/images/1-train-1/second.png"))
  }

  @Test func parametersThatDifferAreTold() throws {
    try first.report()
    let yaml = try second.text("bench.yaml")
    #expect(yaml.contains("colour-spread: 13"))
    try AtomicFile.write(
      yaml.split(separator: "colour-spread: 13").joined(separator: "colour-spread: 5"), to: "\(second.path)/bench.yaml")
    try second.report()
    let comparison = try Comparison([run(first), run(second)], folder: "\(first.path)/c")
    #expect(comparison.differingSettings.map(\.name) == ["psa-crf: colour-spread"])
    #expect(comparison.differingSettings.map(\.values) == [["13", "5"]])
    #expect(comparison.repeats == [[0], [1]])
  }

  /// Cells of one run: the axis taken away, the rest has the same names on both sides.
  @Test func cellsOfAMatrixAreSides() throws {
    try first.report()
    let comparison = try Comparison(["\(run(first)):seed-1", "\(run(first)):seed-2"], folder: "\(first.path)/c")
    #expect(comparison.variants.map(\.title) == ["bench (seed 1)", "bench (seed 2)"])
    let row = try #require(comparison.rows.first { $0.key == "eval-dynamic" })
    #expect(row.sides.map { $0?.step } == ["eval-dynamic/seed-1", "eval-dynamic/seed-2"])
    #expect(comparison.repeats == [[0, 1]])
    let images = try #require(comparison.changes(side: 1, limit: 3).first { $0.heading == "infer-dynamic, val" })
      .changes
    #expect(images.count == 3)
    try comparison.write()
    let means = row.sides.map { ($0?.meanIoU ?? 0) * 100 }
    let deviation = abs(means[0] - means[1]) / 2.0.squareRoot()
    let cell = String(format: "%.2f ± %.2f", (means[0] + means[1]) / 2, deviation)
    #expect(try first.text("c/data/repeats.csv").contains("dynamic SSDD (eval-dynamic),val,\(cell)"))
  }

  @Test func wrongOperandsAreRefused() throws {
    try first.report()
    for operands in [[run(first)], [run(first), "\(first.path)/nothing"], [run(first), "\(run(first)):seed-7"]] {
      #expect(throws: Failure.self) { try Comparison(operands, folder: "\(first.path)/c") }
    }
    #expect(throws: Failure.self) { try Comparison([run(first), run(first)], folder: first.path).write() }
  }
}
