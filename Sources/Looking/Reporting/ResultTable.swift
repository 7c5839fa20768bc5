import Evaluation
import Foundation

/// Table 1 of one split: a row per evaluation, rows for repeated seeds, and what the method gains.
package struct ResultTable {
  package enum Kind: String {
    case measured = "measured here"
    case published
    case gain
    /// Mean and standard deviation over seeds.
    case seeds = "mean of seeds"
  }

  package struct Row {
    package var title: String
    package var kind: Kind
    var images: Int?
    var scales = ""
    var crf = ""
    /// Per cent, or percentage points of a gain.
    package var mean: Double?
    package var iou: [Double?]
    /// Standard deviations over seeds, the mean's first.
    package var deviations: [Double?] = []
  }

  let split: String
  let classes: [String]
  package var rows: [Row]

  package init(split: String, evaluations: [EvaluationRecord]) {
    self.split = split
    classes = evaluations.first?.classes ?? []
    rows = evaluations.map(Self.row)
    rows += Self.seedRows(evaluations)
    rows += Self.gainRows(evaluations)
    if classes == PublishedResults.vocClasses, split == "val" {
      rows += PublishedResults.table1.map {
        Row(title: $0.method, kind: .published, images: 1449, scales: "-", crf: $0.crf, mean: $0.mean, iou: $0.iou)
      }
    }
  }

  private static func row(_ evaluation: EvaluationRecord) -> Row {
    Row(
      title: evaluation.title, kind: .measured, images: evaluation.images, scales: evaluation.scales,
      crf: evaluation.crf,
      mean: evaluation.meanIoU.map { $0 * 100 }, iou: evaluation.iou.map { $0.map { $0 * 100 } })
  }

  /// One row per family of evaluations that differ in the seed alone.
  private static func seedRows(_ evaluations: [EvaluationRecord]) -> [Row] {
    var order: [String] = []
    var groups: [String: [EvaluationRecord]] = [:]
    for evaluation in evaluations where evaluation.cell.contains(where: { $0.name == "seed" }) {
      let rest = evaluation.cell.filter { $0.name != "seed" }.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
      let key = rest.isEmpty ? evaluation.family : "\(evaluation.family) (\(rest))"
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(evaluation)
    }
    return order.compactMap { key in
      guard let group = groups[key], group.count > 1 else { return nil }
      let rows = group.map(row)
      let classes = rows[0].iou.indices.map { c in Statistics(rows.map { $0.iou[c] }) }
      let mean = Statistics(rows.map(\.mean))
      return Row(
        title: "\(key): \(group.count) seeds", kind: .seeds, images: group[0].images, scales: rows[0].scales,
        crf: rows[0].crf, mean: mean.mean,
        iou: classes.map(\.mean), deviations: [mean.deviation] + classes.map(\.deviation))
    }
  }

  /// What refined masks gain: networks against the baseline network, merged seeds against the two masks that they were
  /// merged from.
  private static func gainRows(_ evaluations: [EvaluationRecord]) -> [Row] {
    let pairs: [(MaskRole, MaskRole)] = [
      (.merged, .walk), (.merged, .crf), (.staticNetwork, .baseline), (.dynamicNetwork, .baseline),
      (.dynamicNetwork, .staticNetwork),
    ]
    return pairs.flatMap { new, old in
      evaluations.filter { $0.role == new }.compactMap { after -> Row? in
        let candidates = evaluations.filter { $0.role == old && $0.variant == after.variant }
        guard let before = candidates.first(where: { before in before.cell.allSatisfy(after.cell.contains) }) else {
          return nil
        }
        let (a, b) = (row(after), row(before))
        return Row(
          title: "gain of \(after.title) over \(before.title)", kind: .gain, mean: Self.difference(a.mean, b.mean),
          iou: zip(a.iou, b.iou).map(Self.difference))
      }
    }
  }

  static func difference(_ a: Double?, _ b: Double?) -> Double? {
    guard let a, let b else { return nil }
    return a - b
  }

  // MARK: Forms

  /// `64.90`, with a sign for gains, `±` where seeds repeat, `-` where undefined.
  static func text(_ value: Double?, _ kind: Kind, deviation: Double? = nil) -> String {
    guard let value else { return "-" }
    let text = String(format: kind == .gain ? "%+.2f" : "%.2f", value)
    return deviation.map { "\(text) ± \(String(format: "%.2f", $0))" } ?? text
  }

  /// The cells of a row from the mean on.
  static func numbers(_ row: Row) -> [String] {
    ([row.mean] + row.iou).enumerated().map { index, value in
      text(value, row.kind, deviation: index < row.deviations.count ? row.deviations[index] : nil)
    }
  }

  /// For each column from the mean on the largest measured value as it is printed.
  var best: [String] {
    let measured = rows.filter { $0.kind == .measured }
    return (0..<classes.count + 1).map { column in
      let values = measured.compactMap { ([$0.mean] + $0.iou)[column] }
      return measured.count > 1 ? Self.text(values.max(), .measured) : ""
    }
  }

  var table: TextTable {
    var table = TextTable(
      header: ["masks", "origin", "split", "images", "scales", "CRF", "mIoU"] + classes,
      alignments: [.left, .left, .left, .right, .left, .left]
        + [TextTable.Alignment](repeating: .right, count: classes.count + 1))
    for row in rows {
      table.add(
        [row.title, row.kind.rawValue, split, row.images.map(String.init) ?? "-", row.scales, row.crf]
          + Self.numbers(row))
    }
    return table
  }
}

/// Mean and standard deviation (n - 1) of the values that are there.
struct Statistics {
  let mean: Double?
  let deviation: Double?

  init(_ values: [Double?]) {
    let known = values.compactMap { $0 }
    guard !known.isEmpty else {
      (mean, deviation) = (nil, nil)
      return
    }
    let average = known.reduce(0, +) / Double(known.count)
    mean = average
    let squares = known.reduce(0) { $0 + ($1 - average) * ($1 - average) }
    deviation = known.count > 1 ? (squares / Double(known.count - 1)).squareRoot() : nil
  }
}
