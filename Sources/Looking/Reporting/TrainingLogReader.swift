import Foundation
import Foundations

/// Reads `log.tsv`, one line per update, as a training leaves it or is writing it.
enum TrainingLogReader {
  /// Points of a thinned curve.
  static let points = 240
  /// Below this share of foreground, or of background, over the last tenth of a training, a mask counts as collapsed.
  static let collapsedShare = 0.005

  struct Log {
    var names: [String]
    /// One entry per line.
    var rows: [[Double]]
  }

  /// Nil where there is no log yet. A last line that is being written is left out; another line that is no row of
  /// numbers is a `Failure`.
  static func read(_ path: String) throws -> Log? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: true)
    guard let header = lines.first else { return nil }
    let names = header.split(separator: "\t").map(String.init)
    lines.removeFirst()
    if !text.hasSuffix("\n"), !lines.isEmpty { lines.removeLast() }
    var rows: [[Double]] = []
    for (index, line) in lines.enumerated() {
      let values = line.split(separator: "\t").compactMap { Double($0) }
      guard values.count == names.count else {
        throw Failure(
          .data, expected: "\(names.count) numbers", found: "\"\(line.prefix(60))\"", file: path,
          item: "line \(index + 2)")
      }
      rows.append(values)
    }
    return Log(names: names, rows: rows)
  }

  /// Means over at most `points` ranges of steps, and what is to be said of the shares.
  static func thinned(_ log: Log) -> (steps: [Double], columns: [TrainingRecord.Column]) {
    let count = min(points, log.rows.count)
    let ranges = (0..<count).map { log.rows.count * $0 / count..<log.rows.count * ($0 + 1) / count }
    func mean(_ column: Int, _ range: Range<Int>) -> Double {
      range.reduce(0) { $0 + log.rows[$1][column] } / Double(range.count)
    }
    let step = log.names.firstIndex(of: "step") ?? 0
    let columns = log.names.enumerated().filter { !["step", "epoch"].contains($0.element) }
    return (
      ranges.map { mean(step, $0) },
      columns.map { index, name in .init(name: name, values: ranges.map { mean(index, $0) }) }
    )
  }

  /// A sentence for each mask of which hardly a pixel is foreground, or background, any more.
  ///
  /// Example: `seg-dynamic: the mask sub has collapsed: 0.1 % of its pixels are foreground over the last 36 updates,
  /// 12.4 % at the start.`
  static func collapses(_ log: Log, step: String) -> [String] {
    let tail = max(1, log.rows.count / 10)
    guard log.rows.count >= 10 else { return [] }
    return log.names.enumerated().compactMap { index, name in
      guard name.hasPrefix("foreground_") else { return nil }
      func mean(_ rows: ArraySlice<[Double]>) -> Double { rows.reduce(0) { $0 + $1[index] } / Double(rows.count) }
      let (first, last) = (mean(log.rows.prefix(tail)), mean(log.rows.suffix(tail)))
      let isEmpty = last < collapsedShare
      guard isEmpty || last > 1 - collapsedShare else { return nil }
      let mask = name.dropFirst("foreground_".count)
      return
        "\(step): the mask \(mask) has collapsed\(isEmpty ? "" : " into foreground"): \(percent(last)) % of its "
        + "pixels are foreground over the last \(tail) updates, "
        + "\(percent(first)) % over the first."
    }
  }

  private static func percent(_ share: Double) -> String { String(format: "%.1f", share * 100) }
}
