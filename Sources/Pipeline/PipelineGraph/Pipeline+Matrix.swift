import StageInterface
import YAMLText
import Yams

/// One axis of a step's matrix: a parameter and the values that it takes.
struct MatrixAxis {
  let parameter: OptionDeclaration
  let values: [Step.Value]
  var name: String { parameter.name }
}

/// A step as the file has it, before it is expanded into the cells of its matrix.
struct StepDraft {
  struct Input {
    let name: String
    /// Set for inputs that take several outputs.
    let label: String?
    /// Names a step of the file, not a cell.
    let source: Step.Source
    /// `cell: {AXIS: VALUE}` beside the step's name.
    let pins: [(key: Node, name: String, value: Node)]
    let node: Node
  }

  let key: Node
  /// Without inputs and cell.
  let step: Step
  let inputs: [Input]
  /// The step's own axes; it may have more from the steps that it reads.
  let matrix: [MatrixAxis]
}

extension PipelineReader {
  /// More are a mistake rather than a wish: each is a folder, a rule and a run.
  static let maximumCells = 10_000

  // MARK: Reading

  /// `matrix: {PARAMETER: [VALUE, ...]}` of a step.
  mutating func readMatrix(_ node: Node?, of stage: StageDeclaration, parameters: Node?) -> [MatrixAxis] {
    let known = stage.parameters + stage.options.filter { $0.name == "seed" }
    var axes: [MatrixAxis] = []
    for (key, name, value) in yaml.pairs(node, "matrix") {
      guard let parameter = known.first(where: { $0.name == name }) else {
        yaml.reportUnknown("parameter of stage \(stage.name)", name, among: known.map(\.name), at: key)
        continue
      }
      if parameters?.mapping?[name] != nil {
        yaml.report("expected \(name) in either `matrix:` or `parameters:`, found it in both", at: key)
      }
      if let values = readAxis(value, parameter) { axes.append(MatrixAxis(parameter: parameter, values: values)) }
    }
    return axes
  }

  private mutating func readAxis(_ node: Node, _ parameter: OptionDeclaration) -> [Step.Value]? {
    guard let items = node.sequence, !items.isEmpty else {
      yaml.report(
        "matrix: expected a list of values for \(parameter.name), found "
          + "\(node.sequence == nil ? node.found : "an empty list")",
        at: node)
      return nil
    }
    var values: [Step.Value] = []
    for item in items {
      guard let value = readValue(item, parameter) else { return nil }
      if values.contains(value) {
        yaml.report("matrix: expected each value of \(parameter.name) once, found \(value) twice", at: item)
        return nil
      }
      guard SafeText.isPartOfName(Step.Coordinate(axis: parameter.name, value: value).name) else {
        yaml.report(
          "matrix: a value is a part of a folder's name and has letters, digits and . _ + - only, found \"\(value)\"",
          at: item)
        return nil
      }
      values.append(value)
    }
    return values
  }

  // MARK: Axes

  /// Gathers the axes of every step: those of the steps that it reads one output of, then its own.
  mutating func resolveAxes(_ drafts: [StepDraft]) {
    let byName = Dictionary(drafts.map { ($0.step.family, $0) }, uniquingKeysWith: { first, _ in first })
    var visiting: Set<String> = []
    for draft in drafts { _ = resolve(draft, byName, &visiting) }
  }

  private mutating func resolve(_ draft: StepDraft, _ drafts: [String: StepDraft], _ visiting: inout Set<String>)
    -> [MatrixAxis]
  {
    let name = draft.step.family
    if let known = axes[name] { return known }
    // A cycle is told elsewhere.
    guard visiting.insert(name).inserted else { return [] }
    var result: [MatrixAxis] = []
    for input in draft.inputs {
      guard case .step(let other) = input.source, let source = drafts[other] else { continue }
      let all = resolve(source, drafts, &visiting)
      // An input with names takes all cells, so it adds no axis.
      guard input.label == nil else { continue }
      for axis in all where !input.pins.contains(where: { $0.name == axis.name }) {
        join(axis, to: &result, of: name, at: input.node)
      }
    }
    for axis in draft.matrix { join(axis, to: &result, of: name, at: draft.key) }
    if result.reduce(1, { min($0 * $1.values.count, Self.maximumCells + 1) }) > Self.maximumCells {
      yaml.report("step \(name): expected at most \(Self.maximumCells) cells, found more", at: draft.key)
      result = []
    }
    axes[name] = result
    return result
  }

  /// An axis that comes from two sides is one axis, and must have the same values on both.
  private mutating func join(_ axis: MatrixAxis, to axes: inout [MatrixAxis], of step: String, at node: Node) {
    guard let other = axes.first(where: { $0.name == axis.name }) else {
      axes.append(axis)
      return
    }
    guard other.values != axis.values else { return }
    func list(_ axis: MatrixAxis) -> String { axis.values.map(\.description).joined(separator: ", ") }
    yaml.report(
      "step \(step): expected one list of values for the axis \(axis.name), found \(list(other)) and \(list(axis))",
      at: node)
  }

  // MARK: Cells

  /// The steps with every matrix expanded: one step per cell, wired to the cells that it reads.
  mutating func expand(_ drafts: [StepDraft], manifest: Manifest?) -> [Step] {
    drafts.flatMap { draft in
      let inputs = draft.inputs.map { ($0, cells(read: $0)) }
      return Self.cells(of: axes[draft.step.family] ?? []).map { cell in
        var step = draft.step
        step.cell = cell
        step.inputs = inputs.flatMap { input, cells in Self.inputs(input, from: cells, in: cell) }
        for axis in draft.matrix {
          if let value = cell.first(where: { $0.axis == axis.name })?.value { step.set(axis.name, to: value) }
        }
        if step.name.split(separator: "/").contains(where: { $0.utf8.count > 200 }) {
          yaml.report(
            "step \(draft.step.family): its cells would have names of more than 200 characters: \(step.name)",
            at: draft.key)
        }
        step.manifest = step.stage.manifestUse.holds(for: step.parameters) ? manifest : nil
        if step.manifest == nil, step.stage.manifestUse.holds(for: step.parameters) { reportMissingManifest(draft) }
        return step
      }
    }
  }

  /// All combinations, the last axis changing fastest; without axes one empty cell.
  private static func cells(of axes: [MatrixAxis]) -> [[Step.Coordinate]] {
    axes.reduce([[]]) { cells, axis in
      cells.flatMap { cell in axis.values.map { cell + [Step.Coordinate(axis: axis.name, value: $0)] } }
    }
  }

  /// The cells of the step that an input names which its pins leave, and the pins.
  private mutating func cells(read input: StepDraft.Input) -> (cells: [[Step.Coordinate]], pins: [Step.Coordinate]) {
    guard case .step(let name) = input.source, let axes = axes[name] else { return ([[]], []) }
    var pins: [Step.Coordinate] = []
    for (key, axisName, node) in input.pins {
      guard let axis = axes.first(where: { $0.name == axisName }) else {
        yaml.reportUnknown("axis of step \(name)", axisName, among: axes.map(\.name), at: key)
        continue
      }
      guard let value = readValue(node, axis.parameter) else { continue }
      guard axis.values.contains(value) else {
        yaml.reportUnknown(
          "value of the axis \(axisName) of step \(name)", value.description, among: axis.values.map(\.description),
          at: node)
        continue
      }
      pins.append(Step.Coordinate(axis: axisName, value: value))
    }
    return (Self.cells(of: axes).filter { cell in pins.allSatisfy(cell.contains) }, pins)
  }

  /// What one cell reads by one input: the cells that agree with it on the axes that they share.
  private static func inputs(
    _ input: StepDraft.Input, from source: (cells: [[Step.Coordinate]], pins: [Step.Coordinate]),
    in cell: [Step.Coordinate]
  ) -> [Step.Input] {
    guard case .step(let name) = input.source else {
      return [Step.Input(name: input.name, label: input.label, source: input.source)]
    }
    let pinned = source.pins.map(\.axis)
    let own = cell.filter { !pinned.contains($0.axis) }
    return source.cells.filter { other in
      own.allSatisfy { mine in !other.contains { $0.axis == mine.axis && $0.value != mine.value } }
    }.map { other in
      let free = other.filter { coordinate in
        !pinned.contains(coordinate.axis) && !own.contains { $0.axis == coordinate.axis }
      }
      return Step.Input(
        name: input.name, label: input.label, cell: free, source: .step(Step.name(family: name, cell: other)))
    }
  }
}

extension Step {
  /// Sets a parameter, in the order in which the stage declares them.
  fileprivate mutating func set(_ name: String, to value: Value) {
    if name == "seed", case .text(let text) = value {
      seed = UInt64(text)
      return
    }
    parameters.removeAll { $0.name == name }
    let order = stage.parameters.map(\.name)
    let place =
      parameters.firstIndex { (order.firstIndex(of: $0.name) ?? 0) > (order.firstIndex(of: name) ?? 0) }
      ?? parameters.endIndex
    parameters.insert(Parameter(name: name, value: value), at: place)
  }
}
