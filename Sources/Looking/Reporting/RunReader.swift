import Datasets
import Evaluation
import Foundation
import Foundations
import PipelineGraph

/// Reads what the steps of a pipeline have left so far into records.
struct RunReader {
  let layout: RunLayout
  private(set) var notes: [String] = []

  init(_ layout: RunLayout) { self.layout = layout }

  private var pipeline: Pipeline { layout.pipeline }

  /// The data set; nil, with a note, while the step that makes its manifest has not run or no step reads one.
  mutating func manifest() throws -> DataSet? {
    guard let place = pipeline.steps.compactMap(\.manifest).first else {
      notes.append("No step of the pipeline reads a data set.")
      return nil
    }
    guard FileManager.default.fileExists(atPath: place.path) else {
      notes.append("The data set is not there yet: \(place.path) does not exist. No image is shown.")
      return nil
    }
    return try DataSet(contentsOf: place.path, dataRoot: place.data)
  }

  // MARK: Steps

  mutating func steps() -> [StepRecord] {
    let records = pipeline.steps.map(record)
    let missing = records.filter { step in !step.isDone && !(pipeline[step.name].map(layout.hasOutputs) ?? false) }
    let stale = records.filter { step in !step.isDone && (pipeline[step.name].map(layout.hasOutputs) ?? false) }
    if !missing.isEmpty {
      notes.append(
        "\(missing.count) of \(records.count) steps have not run: \(Self.list(missing.map(\.name))). What they give "
          + "is missing here."
      )
    }
    if !stale.isEmpty {
      notes.append(
        "Out of date, as make sees it: \(Self.list(stale.map(\.name))). Their present outputs are shown; `make` runs "
          + "them again."
      )
    }
    return records
  }

  static func list(_ names: [String]) -> String {
    names.prefix(12).joined(separator: ", ") + (names.count > 12 ? " and \(names.count - 12) more" : "")
  }

  private func record(_ step: Step) -> StepRecord {
    let state = layout.states[step.name]
    let seed = step.seed.map { [Setting(name: "seed", value: "\($0)")] } ?? []
    return StepRecord(
      name: step.name, family: step.family, cell: step.settings, stage: step.stage.name,
      isDone: state?.isUpToDate ?? false,
      reason: layout.reasons[step.name] ?? "", seconds: state?.seconds,
      command: pipeline.command(of: step).joined(separator: " "),
      parameters: step.parameters.map { Setting(name: $0.name, value: $0.value.description) } + seed,
      inputs: step.inputs.map { input in
        let name = input.title.map { "\(input.name) \($0)" } ?? input.name
        switch input.source {
        case .step(let other): return Setting(name: name, value: other)
        case .file(let path): return Setting(name: name, value: path)
        }
      }, provenance: provenance(of: step))
  }

  /// Keys that say what made the outputs, from the completion file; empty where there is none.
  private func provenance(of step: Step) -> [Setting] {
    struct File: Decodable { var provenance: [String: String]? }
    guard let target = pipeline.targets(of: step).first, target.hasSuffix(".json"),
      let data = FileManager.default.contents(atPath: target),
      let found = try? JSONDecoder().decode(File.self, from: data).provenance
    else { return [] }
    let shown = found.filter { $0.key == "version" || $0.key == "seed" || $0.key.hasPrefix("input.") }
    return shown.sorted { $0.key < $1.key }.map { Setting(name: $0.key, value: $0.value) }
  }

  // MARK: Evaluations

  /// All evaluations that are there, read from their JSON, in the order of the file.
  func evaluations() throws -> [EvaluationRecord] {
    try pipeline.steps.filter { $0.stage.name == "evaluate" }.compactMap { step in
      let path = "\(pipeline.folder(of: step))/evaluation.json"
      guard let data = FileManager.default.contents(atPath: path), let judged = layout.source(of: "masks", of: step)
      else { return nil }
      let report = try EvaluationReport(json: data, file: path)
      let variant = layout.parameter("variant", of: step) ?? "masks"
      return EvaluationRecord(
        step: step.name, family: step.family, cell: step.settings,
        title: step.titled(layout.parameter("name", of: step) ?? step.family),
        split: layout.split(of: step), masks: judged.name, variant: variant, role: layout.role(of: judged),
        scales: layout.scales(of: judged),
        crf: layout.crf(of: judged, variant: variant), images: report.matrix.images, classes: report.names,
        matrix: report.matrix)
    }
  }

  // MARK: Trainings

  mutating func trainings() throws -> [TrainingRecord] {
    var records: [TrainingRecord] = []
    for step in pipeline.steps where step.stage.name.hasPrefix("train-") {
      guard let log = try TrainingLogReader.read("\(pipeline.folder(of: step))/log.tsv"), !log.rows.isEmpty else {
        continue
      }
      let thinned = TrainingLogReader.thinned(log)
      let warnings = TrainingLogReader.collapses(log, step: step.name)
      let last = zip(log.names, log.rows.last ?? []).map { Setting(name: $0, value: SVG.number($1)) }
      records.append(
        TrainingRecord(
          step: step.name, family: step.family, cell: step.settings, stage: step.stage.name, updates: log.rows.count,
          last: last, steps: thinned.steps,
          columns: thinned.columns, warnings: warnings))
      if !layout.hasOutputs(step) {
        notes.append("The training \(step.name) is not finished: \(log.rows.count) updates so far.")
      }
      notes += warnings
    }
    return records
  }
}
