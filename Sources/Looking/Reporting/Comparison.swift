import Evaluation
import Foundation
import Foundations

/// Two or more runs, or cells of a matrix, side by side, from what their reports say.
public struct Comparison {
  /// One side: a run, or the cells of a run that have the given places on the given axes.
  package struct Variant {
    /// What it is called: the pipeline's name, with the cell; numbered where two would have one name.
    package var title: String
    /// The folder of its report.
    var folder: String
    var cell: [Setting]
    package var report: RunReport

    /// Whether a step belongs to this side: it has the chosen places or none of these axes.
    func owns(_ stepCell: [Setting]) -> Bool {
      cell.allSatisfy { place in stepCell.first { $0.name == place.name }.map { $0.value == place.value } ?? true }
    }

    /// The rest of a cell when the chosen places are taken away: what is compared has the same rest on every side.
    func rest(_ stepCell: [Setting]) -> [Setting] {
      stepCell.filter { place in !cell.contains { $0.name == place.name } }
    }

    var evaluations: [EvaluationRecord] { report.evaluations.filter { owns($0.cell) } }
    func key(_ evaluation: EvaluationRecord) -> String { Self.key(evaluation.family, rest(evaluation.cell)) }
    static func key(_ family: String, _ rest: [Setting]) -> String {
      rest.isEmpty ? family : "\(family) (\(Site.words(rest)))"
    }

    /// Parameters and inputs by `STEP PARAMETER`, in the order of the steps.
    var settings: [Setting] {
      report.steps.filter { owns($0.cell) }.flatMap { step in
        let name = Self.key(step.family, rest(step.cell))
        return [Setting(name: "\(name): stage", value: step.stage)]
          + step.parameters.map { Setting(name: "\(name): \($0.name)", value: $0.value) }
          + step.inputs.map {
            Setting(
              name: "\(name): input \($0.name)",
              value: $0.value.split(separator: "/").first.map(String.init) ?? $0.value)
          }
      }
    }

    /// Settings other than seeds: sides that agree in them repeat one experiment.
    var signature: [Setting] { settings.filter { !$0.name.hasSuffix(": seed") } }
  }

  package let variants: [Variant]
  let folder: String

  /// - Parameters:
  ///   - operands: `DIR` or `DIR:AXIS-VALUE+AXIS-VALUE`; a run's folder or its report's.
  ///   - folder: where the pages go.
  /// - Throws: `Failure` for fewer than two sides, a folder without a report, an unknown cell, a report of another
  /// format.
  public init(_ operands: [String], folder: String) throws {
    guard operands.count >= 2 else { throw Failure(.usage, expected: "two or more runs", found: "\(operands.count)") }
    var variants = try operands.map(Self.variant)
    for index in variants.indices {
      let same = variants.indices.filter {
        operands.indices.contains($0) && variants[$0].report.name == variants[index].report.name
      }
      let cell = variants[index].cell.isEmpty ? "" : " (\(Site.words(variants[index].cell)))"
      let isAmbiguous = same.contains { $0 != index && variants[$0].cell == variants[index].cell }
      variants[index].title = variants[index].report.name + (isAmbiguous ? " \(index + 1)" : "") + cell
    }
    self.variants = variants
    self.folder = folder
  }

  private static func variant(_ operand: String) throws -> Variant {
    let isFolder = FileManager.default.fileExists(atPath: operand)
    let colon = isFolder ? nil : operand.lastIndex(of: ":")
    let path = colon.map { String(operand[..<$0]) } ?? operand
    let candidates = ["\(path)/report", path].filter {
      FileManager.default.fileExists(atPath: "\($0)/\(Site.dataFile)")
    }
    guard let folder = candidates.first else {
      throw Failure(.noInput, "holds no report (\(Site.dataFile)); run `make report` for it first", file: path)
    }
    let file = "\(folder)/\(Site.dataFile)"
    struct Head: Decodable { var format: Int }
    guard let data = FileManager.default.contents(atPath: file),
      let head = try? JSONDecoder().decode(Head.self, from: data)
    else {
      throw Failure(.data, "is no report", file: file)
    }
    guard head.format == RunReport.currentFormat else {
      throw Failure(
        .data, expected: "format \(RunReport.currentFormat); run `make report` again", found: "\(head.format)",
        file: file)
    }
    let report: RunReport
    do { report = try JSONDecoder().decode(RunReport.self, from: data) } catch {
      throw Failure(.data, "is no report: \(error)", file: file)
    }
    let cell = try colon.map { try places(String(operand[operand.index(after: $0)...]), in: report, file: file) } ?? []
    return Variant(title: report.name, folder: folder, cell: cell, report: report)
  }

  /// `AXIS-VALUE+AXIS-VALUE` as places on axes that the report's steps have.
  private static func places(_ text: String, in report: RunReport, file: String) throws -> [Setting] {
    let known = report.steps.flatMap(\.cell)
    return try text.split(separator: "+").map { part in
      guard let place = known.first(where: { "\($0.name)-\($0.value)" == part }) else {
        let names = Site.unique(known.map { "\($0.name)-\($0.value)" })
        throw Failure(
          .usage,
          expected: names.isEmpty ? "no cell, since no step has a matrix" : "a cell among \(RunReader.list(names))",
          found: "\(part)", file: file)
      }
      return place
    }
  }

  // MARK: What is compared

  /// Settings that are not the same on every side, `-` where a side has none.
  package var differingSettings: [(name: String, values: [String])] {
    let all = variants.map {
      Dictionary($0.settings.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
    return Site.unique(variants.flatMap { $0.settings.map(\.name) }).compactMap { name in
      let values = all.map { $0[name] ?? "-" }
      return Set(values).count > 1 ? (name, values) : nil
    }
  }

  /// One kind of masks on every side that has it.
  package struct Row {
    package var key: String
    var title: String
    var split: String
    package var sides: [EvaluationRecord?]
  }

  package var rows: [Row] {
    let keys = Site.unique(variants.flatMap { variant in variant.evaluations.map(variant.key) })
    return keys.map { key in
      let sides = variants.map { variant in variant.evaluations.first { variant.key($0) == key } }
      let first = sides.compactMap { $0 }.first
      let title = first.map(Site.bareTitle) ?? key
      return Row(key: key, title: title == key ? key : "\(title) (\(key))", split: first?.split ?? "", sides: sides)
    }
  }

  /// Groups of sides that differ in seeds, and in nothing else; places in `variants`. A side of its own is a group of
  /// one, and so are two that agree in their seeds too: they are one experiment, not two.
  package var repeats: [[Int]] {
    var groups: [[Int]] = []
    for index in variants.indices {
      let group = groups.firstIndex { group in
        variants[group[0]].signature == variants[index].signature
          && group.allSatisfy { variants[$0].settings != variants[index].settings }
      }
      if let group {
        groups[group].append(index)
      } else {
        groups.append([index])
      }
    }
    return groups
  }

  /// An image whose score differs between the first side and another.
  package struct Change {
    package var id: String
    var side: Int
    var split: String
    var before: (place: Int, column: Int, score: Double)
    var after: (place: Int, column: Int, score: Double)
    package var difference: Double { after.score - before.score }
  }

  /// The images that changed most, by the size of the change, for each split and kind of masks that both sides name as
  /// refined.
  package func changes(side: Int, limit: Int) -> [(heading: String, changes: [Change])] {
    let (first, other) = (variants[0], variants[side])
    return first.report.splits.compactMap { split in
      guard let second = other.report.splits.first(where: { $0.split == split.split }), let refined = split.refined
      else { return nil }
      func isOurs(_ column: MaskColumn) -> Bool {
        Self.isSame(column, split.columns[refined]) && first.owns(column.cell)
      }
      guard let column = isOurs(split.columns[refined]) ? refined : split.columns.firstIndex(where: isOurs) else {
        return nil
      }
      let kind = split.columns[column]
      guard let match = second.columns.firstIndex(where: { Self.isSame($0, kind) && other.owns($0.cell) }) else {
        return nil
      }
      let places = Dictionary(
        second.images.enumerated().map { ($0.element.id, $0.offset) }, uniquingKeysWith: { first, _ in first })
      let all = split.images.enumerated().compactMap { place, image -> Change? in
        guard let there = places[image.id], column < image.scores.count, match < second.images[there].scores.count,
          let before = image.scores[column], let after = second.images[there].scores[match], before != after
        else { return nil }
        return Change(
          id: image.id, side: side, split: split.split, before: (place, column, before), after: (there, match, after))
      }
      let sorted = all.sorted { (abs($1.difference), $0.id) < (abs($0.difference), $1.id) }
      return sorted.isEmpty
        ? nil : ("\(Variant.key(kind.family, first.rest(kind.cell))), \(split.split)", Array(sorted.prefix(limit)))
    }
  }

  private static func isSame(_ a: MaskColumn, _ b: MaskColumn) -> Bool {
    a.family == b.family && a.variant == b.variant
  }
}
