import Foundation
import PipelineGraph
import StageInterface

/// What the steps of a pipeline are, by stages and wiring: which masks there are, which step merged which two, which
/// row of a table is what.
///
/// Names of steps mean nothing here, so that a user may call them anything.
struct RunLayout {
  let pipeline: Pipeline
  let states: [String: StepState]
  /// Why a step would run, in a line; nothing for one that is up to date.
  let reasons: [String: String]

  init(_ pipeline: Pipeline) {
    self.pipeline = pipeline
    // Planning fails for steps to be forced alone, and none are here.
    let planner = try? Planner(pipeline)
    let found = planner?.states() ?? []
    states = Dictionary(found.map { ($0.step.name, $0) }, uniquingKeysWith: { first, _ in first })
    reasons = Dictionary(
      found.compactMap { state in planner?.reason(of: state).map { (state.step.name, $0) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// Whether the step's files are all there. They may be out of date: the page then says so.
  func hasOutputs(_ step: Step) -> Bool {
    pipeline.targets(of: step).allSatisfy { FileManager.default.fileExists(atPath: $0) }
  }

  /// The step that an input comes from.
  func source(of input: String, of step: Step) -> Step? {
    guard let input = step.inputs.first(where: { $0.name == input }), case .step(let name) = input.source else {
      return nil
    }
    return pipeline[name]
  }

  /// A parameter as the file sets it, else as its stage has it by default; nil where it is empty or the stage has none.
  func parameter(_ name: String, of step: Step) -> String? {
    let given = step.parameters.first { $0.name == name }?.value.description
    let value = given ?? canonicalParameters(of: step).first { $0.name == name }?.value
    return value.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// All parameters of a step, those that its stage has by default among them; none where the step is not one that its
  /// stage takes.
  private func canonicalParameters(of step: Step) -> [CanonicalParameter] {
    (try? step.stage.canonicalParameters(of: Array(pipeline.command(of: step).dropFirst()))) ?? []
  }

  /// The split that a step works on; empty for a stage that has none.
  func split(of step: Step) -> String { parameter("split", of: step) ?? "" }

  func role(of step: Step) -> MaskRole {
    switch step.stage.name {
    case "cam-infer": return .activation
    case "psa-infer": return .walk
    case "crf": return .crf
    case "ssdd-merge": return .merged
    case "infer-seg":
      guard let network = source(of: "weights", of: step) else { return .other }
      if network.stage.name == "train-seg-dynamic" { return .dynamicNetwork }
      guard let seeds = source(of: "seeds", of: network) else { return .other }
      return seeds.stage.name == "ssdd-merge" ? .staticNetwork : .baseline
    default: return .other
    }
  }

  // MARK: Masks

  /// Masks of a step: the step and `masks` or `masks-crf`.
  struct MaskSource: Hashable {
    let step: String
    let variant: String
  }

  /// One column of pictures.
  struct Column {
    let source: MaskSource
    let step: Step
    let title: String
    let role: MaskRole
  }

  /// The splits that have masks, in the order of the file, each with its columns in that order.
  ///
  /// A split's columns are the masks that are evaluated and those that a merge reads and makes; where nothing is
  /// evaluated, those of networks too. Where that would be more than `maximumColumns`, the first cell that is done
  /// stands for all cells of a step; numbers are still of all.
  func columns() -> [(split: String, columns: [Column])] {
    var order: [String] = []
    var found: [String: [Column]] = [:]
    func add(_ step: Step, variant: String, split: String, title: String) {
      guard hasOutputs(step) else { return }
      if found[split] == nil { order.append(split) }
      let source = MaskSource(step: step.name, variant: variant)
      guard !(found[split]?.contains { $0.source == source } ?? false) else { return }
      found[split, default: []].append(
        Column(source: source, step: step, title: step.titled(title), role: role(of: step)))
    }
    let evaluations = pipeline.steps.filter { $0.stage.name == "evaluate" }
    func title(of step: Step, variant: String) -> String {
      let judged = evaluations.first {
        source(of: "masks", of: $0)?.name == step.name && (parameter("variant", of: $0) ?? "masks") == variant
      }
      return judged.flatMap { parameter("name", of: $0) }
        ?? (variant == "masks" ? step.family : "\(step.family) with CRF")
    }
    for step in pipeline.inOrder {
      let name = step.name
      let judged = evaluations.filter { source(of: "masks", of: $0)?.name == name }
      for evaluation in judged {
        let variant = parameter("variant", of: evaluation) ?? "masks"
        add(step, variant: variant, split: split(of: evaluation), title: title(of: step, variant: variant))
      }
      let isMerging = merges.contains { [$0.knowledge.name, $0.advice.name, $0.step.name].contains(name) }
      if isMerging || (judged.isEmpty && step.stage.name == "infer-seg") {
        add(step, variant: "masks", split: split(of: step), title: title(of: step, variant: "masks"))
      }
    }
    return order.map { split in
      let all = found[split] ?? []
      guard all.count > Self.maximumColumns else { return (split, all) }
      var families: Set<String> = []
      return (split, all.filter { families.insert("\($0.step.family) \($0.source.variant)").inserted })
    }
  }

  static let maximumColumns = 16

  /// Columns whose gain the page tells: the most refined masks against what they would have been without this paper.
  static func comparison(_ columns: [Column]) -> (refined: Int?, against: Int?) {
    func place(_ roles: [MaskRole]) -> Int? {
      for role in roles {
        if let place = columns.firstIndex(where: { $0.role == role && $0.source.variant == "masks" }) { return place }
        if let place = columns.firstIndex(where: { $0.role == role }) { return place }
      }
      return nil
    }
    if let refined = place([.dynamicNetwork, .staticNetwork]), let against = place([.baseline]) {
      return (refined, against)
    }
    if let refined = place([.merged]), let against = place([.crf, .walk]) { return (refined, against) }
    return (columns.indices.last, columns.count > 1 ? columns.indices.first : nil)
  }

  // MARK: Merges

  struct Merge {
    let step: Step
    let knowledge: Step
    let advice: Step
  }

  /// Steps that decide between two masks, with the two.
  var merges: [Merge] {
    pipeline.steps.filter { $0.stage.name == "ssdd-merge" }.compactMap { step in
      guard let knowledge = source(of: "knowledge", of: step), let advice = source(of: "advice", of: step) else {
        return nil
      }
      return Merge(step: step, knowledge: knowledge, advice: advice)
    }
  }

  func hasOutputs(_ merge: Merge) -> Bool { [merge.step, merge.knowledge, merge.advice].allSatisfy(hasOutputs) }

  // MARK: Words about masks

  /// The scales that masks were made at: `0.75, 1, 1.5 with flip`.
  func scales(of step: Step) -> String {
    // A random walk on given scores uses those of the step that made them.
    if step.stage.name == "psa-infer", let source = source(of: "scores", of: step) { return scales(of: source) }
    guard let scales = parameter("scales", of: step) else { return "-" }
    let list = scales.split(separator: ",").joined(separator: ", ")
    return parameter("flip", of: step) == "true" ? "\(list) with flip" : list
  }

  /// The CRF that masks went through, with the parameters that the file sets.
  func crf(of step: Step, variant: String) -> String {
    let prefix: String
    switch (step.stage.name, variant) {
    case ("crf", _): prefix = ""
    case (_, "masks-crf"): prefix = "crf-"
    default: return step.stage.name == "ssdd-merge" ? "of the advice" : "none"
    }
    let names = [
      "iterations", "gaussian-weight", "gaussian-spread", "bilateral-weight", "bilateral-spread", "colour-spread",
    ]
    let given = names.compactMap { name in parameter(prefix + name, of: step).map { "\(name) \($0)" } }
    return given.isEmpty
      ? "with defaults" : given.joined(separator: ", ") + (given.count < names.count ? ", else defaults" : "")
  }
}

extension Step {
  var settings: [Setting] { cell.map { Setting(name: $0.axis, value: $0.value.description) } }

  /// The title with the cell, so that two cells are told apart.
  func titled(_ title: String) -> String {
    cell.isEmpty ? title : "\(title) (\(cell.map { "\($0.axis) \($0.value)" }.joined(separator: ", ")))"
  }
}
