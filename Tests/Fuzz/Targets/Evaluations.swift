import Evaluation
import Foundations
import StepFiles
import TestSupport

/// Evaluations and their parts: what is read can be shown and joined too.
struct EvaluationTarget: FuzzTarget {
  static let name = "evaluations"
  static let about = "evaluation.json and part-I-of-N.json of evaluate"
  private let seeds: [Seed]

  init(_ setting: FuzzSetting) throws {
    let matrix = ConfusionMatrix(classes: 3, counts: [9, 2, 0, 1, 7, 3, 0, 0, 5], images: 2)
    let report = try EvaluationReport(
      names: ["background", "kite", "beetle"], matrix: matrix, provenance: ["stage": "evaluate", "seed": "1"])
    let part = EvaluationPart(Part(index: 1, count: 2), split: "val", report: report)
    let words = ["classes", "counts", "matrix", "images", "iou", "names", "shard", "shards", "split", "null", "1e308"]
    seeds =
      try [("report", try report.json()), ("part", try part.json())].map { .text($0.0, $0.1, words: words) }
      + setting.seeds
    for seed in seeds { try Self.read(seed.bytes) }
  }

  func run(_ index: Int) throws { try Self.read(seeds.input(index).bytes) }

  private static func read(_ bytes: [UInt8]) throws {
    var report: EvaluationReport
    do { report = try EvaluationPart(json: bytes, file: "e.json").report } catch is Failure {
      report = try EvaluationReport(json: bytes, file: "e.json")
    }
    guard !report.text.isEmpty, !report.csv.isEmpty, try !report.json().isEmpty else {
      throw Failure(.software, "an evaluation that cannot be shown")
    }
    let twice = report
    try report.merge(twice)
  }
}

extension Seed {
  /// A text, damaged by words and lines as much as by bytes.
  static func text(_ name: String, _ text: String, words: [String]) -> Seed {
    let bytes = Array(text.utf8)
    return Seed(name: name, bytes: bytes) { $0.mutatedText(bytes, words: words) }
  }
}
