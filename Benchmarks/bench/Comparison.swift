import Foundation
import Foundations

/// One case: our times, and those of another side where there is one, taken in turn.
struct Comparison: Codable {
  struct Times: Codable {
    let seconds: [Double]
    let processorSeconds: [Double]
    let median: Double
    /// Median of the processor time, all threads together.
    let processorMedian: Double
    let peakBytes: Int?
    let note: String

    init(_ runs: [(passed: Double, processor: Double)], peakBytes: Int?, note: String) {
      (self.peakBytes, self.note) = (peakBytes, note)
      (seconds, processorSeconds) = (runs.map(\.passed), runs.map(\.processor))
      (median, processorMedian) = (Self.median(seconds), Self.median(processorSeconds))
    }

    private static func median(_ values: [Double]) -> Double {
      let sorted = values.sorted()
      let middle = sorted.count / 2
      return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
  }

  let name: String
  let title: String
  let unit: String
  let items: Int
  let operations: Double?
  let ours: Times
  var other: Times?
  var target: Double?
  /// Relative difference of the two sides' results.
  var difference: Double?
  /// What the naive twin was compared on.
  let checked: String

  /// Other / ours, of the medians.
  var ratio: Double? { other.map { $0.median / ours.median } }
  var peakRatio: Double? {
    guard let other = other?.peakBytes, let own = ours.peakBytes, own > 0 else { return nil }
    return Double(other) / Double(own)
  }
  /// Items a second.
  var throughput: Double { Double(items) / ours.median }
  var gigaflops: Double? { operations.map { $0 / ours.median / 1e9 } }
}

/// The whole run, as it is stored.
struct BenchReport: Codable {
  let command: String
  let machine: Machine
  let otherVersion: String
  let repeats: Int
  var cases: [Comparison]

  /// The table of a run, one line per case.
  func text(markdown: Bool = false) -> String {
    "\(machine.summary); median of at least \(repeats)\n\n"
      + Self.aligned(cases.contains { $0.other != nil } ? comparedRows : ownRows, markdown: markdown)
  }

  private var ownRows: [[String]] {
    [["case", "time", "a second", "GFLOP/s", "of sgemm", "peak MB"]]
      + cases.map { item in
        [
          item.title, Self.time(item.ours.median), "\(Self.number(item.throughput, 2)) \(item.unit)s",
          item.gigaflops.map { Self.number($0, 0) } ?? "-",
          item.gigaflops.map { "\(Self.number(100 * $0 / machine.matrixLimit, 0)) %" } ?? "-",
          Self.megabytes(item.ours.peakBytes),
        ]
      }
  }

  private var comparedRows: [[String]] {
    [["case", "ours", "other", "ratio", "target", "ours MB", "other MB", "difference"]]
      + cases.map { item in
        [
          item.title, Self.time(item.ours.median), item.other.map { Self.time($0.median) } ?? "-",
          item.ratio.map { Self.number($0, 2) } ?? "-",
          item.target.map { Self.number($0, 1) } ?? "-", Self.megabytes(item.ours.peakBytes),
          Self.megabytes(item.other?.peakBytes),
          item.difference.map { String(format: "%.1e", $0) } ?? "-",
        ]
      }
  }

  /// Columns as wide as their widest cell, all but the first to the right.
  static func aligned(_ rows: [[String]], markdown: Bool) -> String {
    if markdown {
      let lines = rows.map { "| " + $0.joined(separator: " | ") + " |" }
      let rule = "|" + rows[0].indices.map { $0 == 0 ? "---|" : "---:|" }.joined()
      return ([lines[0], rule] + lines.dropFirst()).joined(separator: "\n")
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).enumerated().map { column, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + padding : padding + cell.0
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  static func time(_ seconds: Double) -> String {
    seconds < 1 ? "\(number(1000 * seconds, seconds < 0.1 ? 2 : 0)) ms" : "\(number(seconds, 2)) s"
  }
  static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
  private static func megabytes(_ bytes: Int?) -> String { bytes.map { "\($0 / 1_000_000)" } ?? "-" }
}
