import Foundations
import StageInterface
import Yams

extension PipelineReader {
  static let stepKeys = ["stage", "inputs", "parameters", "matrix", "shards", "resources", "final"]
  /// Parameters that every step has: `--seed` and `--threads`.
  static let commonParameters = ["seed", "threads"]

  /// One step with everything in it checked but what depends on other steps' matrices; nil where something is wrong,
  /// which is then reported.
  mutating func readStep(_ name: String, _ key: Node, _ node: Node, threads: Int?) -> StepDraft? {
    guard let stage = stages[name], let fields = node.mapping else { return nil }
    for (key, field, _) in yaml.pairs(fields) where !Self.stepKeys.contains(field) {
      yaml.reportUnknown("key of step \(name)", field, among: Self.stepKeys, at: key)
    }
    let inputs = readInputs(fields["inputs"], of: name, stage, key)
    let (parameters, common) = readParameters(fields["parameters"], of: stage)
    let matrix = readMatrix(fields["matrix"], of: stage, parameters: fields["parameters"])
    let isAutomatic = fields["shards"]?.scalar?.string == "auto"
    let shards = isAutomatic ? 1 : fields["shards"].flatMap { yaml.integer($0, "shards", in: 1...9999) } ?? 1
    if shards > 1 || isAutomatic, !stage.isShardable {
      let able = catalogue.stages.filter(\.isShardable).map(\.name).joined(separator: ", ")
      yaml.report(
        "stage \(stage.name) works on the whole data set at once and takes no shards; these do: \(able)",
        at: fields["shards"])
    }
    var step = Step(
      family: name, stage: stage, inputs: [], parameters: parameters, seed: common["seed"].flatMap(UInt64.init),
      threads: threads ?? common["threads"].flatMap(Int.init) ?? 0, shards: shards,
      isFinal: fields["final"].flatMap { yaml.flag($0, "final") } ?? false, manifest: nil)
    step.hasAutomaticShards = isAutomatic
    step.resources = yaml.resources(fields["resources"], "resources of step \(name)")
    return StepDraft(key: key, step: step, inputs: inputs, matrix: matrix)
  }

  mutating func reportMissingManifest(_ draft: StepDraft) {
    guard !hasManifestProblem else { return }
    let (name, stage) = (draft.step.family, draft.step.stage.name)
    yaml.report(
      "step \(name): stage \(stage) reads a data set: expected `manifest:` at the top of the file, found none",
      at: draft.key)
  }

  /// Whether the missing manifest is explained by another message already.
  private var hasManifestProblem: Bool {
    yaml.diagnostics.contains {
      $0.message.hasPrefix("manifest") || $0.message.hasPrefix("data:") || $0.message.contains("is not set")
    }
  }

  // MARK: Inputs

  private mutating func readInputs(_ node: Node?, of step: String, _ stage: StageDeclaration, _ key: Node) -> [StepDraft
    .Input]
  {
    let pairs = yaml.pairs(node, "inputs")
    let unknown = pairs.filter { stage.input($0.name) == nil }
    for (key, name, _) in unknown {
      yaml.reportUnknown("input of stage \(stage.name)", name, among: stage.inputs.map(\.name), at: key)
    }
    var result: [StepDraft.Input] = []
    for input in stage.inputs {
      guard let (_, _, value) = pairs.first(where: { $0.name == input.name }) else {
        // A misspelt input is told once.
        if input.isRequired, unknown.isEmpty {
          yaml.report(
            "step \(step): stage \(stage.name) needs the input \"\(input.name)\" (\(describe(input.accepts))), found "
              + "none",
            at: key)
        }
        continue
      }
      result += input.isNamed ? readNamed(value, input) : readSource(value, for: input, label: nil).map { [$0] } ?? []
    }
    return result
  }

  private mutating func readNamed(_ node: Node, _ input: StageInput) -> [StepDraft.Input] {
    let pairs = yaml.pairs(node, "\(input.name)")
    if pairs.isEmpty, input.isRequired { yaml.report("\(input.name): expected at least one `NAME: STEP`", at: node) }
    var result: [StepDraft.Input] = []
    for (key, label, value) in pairs {
      guard SafeText.isLabel(label) else {
        yaml.report(
          "\(input.name): a name has letters, digits, spaces and . _ + ( ) - only and starts with a letter or digit, "
            + "found \"\(label)\"",
          at: key)
        continue
      }
      if let source = readSource(value, for: input, label: label) { result.append(source) }
    }
    return result
  }

  private mutating func readSource(_ node: Node, for input: StageInput, label: String?) -> StepDraft.Input? {
    guard
      let (source, pins) = readSource(node, input.name, bareIsPath: input.accepts == [.externalFile], takesCell: true)
    else { return nil }
    if case .step(let name) = source {
      guard let stage = stages[name] else { return nil }
      guard !stage.output.contents.allSatisfy({ !input.accepts.contains($0) }) else {
        yaml.report(
          "\(input.name): expected \(describe(input.accepts)), found step \"\(name)\", whose stage \(stage.name) makes "
            + "\(describe(stage.output))",
          at: node)
        return nil
      }
    }
    return StepDraft.Input(name: input.name, label: label, source: source, pins: pins, node: node)
  }

  /// `STEP`, `{step: STEP}`, `{step: STEP, cell: {AXIS: VALUE}}` or `{path: FILE}`; with `bareIsPath` a text alone is a
  /// path. A file must exist, a step be declared.
  mutating func readSource(
    _ node: Node, _ what: String, bareIsPath: Bool, takesCell: Bool
  ) -> (source: Step.Source, pins: [(key: Node, name: String, value: Node)])? {
    var kind = bareIsPath ? "path" : "step"
    var value = node
    var pins: [(key: Node, name: String, value: Node)] = []
    if let mapping = node.mapping {
      let pairs = yaml.pairs(mapping)
      let isCell = takesCell && pairs.count == 2 && Set(pairs.map(\.name)) == ["step", "cell"]
      guard isCell || pairs.count == 1, let pair = pairs.first(where: { ["step", "path"].contains($0.name) }) else {
        yaml.report(
          "\(what): expected {step: NAME} or {path: FILE}, found \(pairs.map(\.name).joined(separator: ", "))", at: node
        )
        return nil
      }
      (kind, value) = (pair.name, pair.value)
      if isCell { pins = yaml.pairs(mapping["cell"], "cell") }
    }
    if kind == "path" {
      guard let path = yaml.path(value, what) else { return nil }
      guard isFile(path) || isFolder(path) else {
        yaml.report("\(what): no such file: \(path)", at: value, kind: .noInput)
        return nil
      }
      return (.file(path), [])
    }
    guard let name = yaml.text(value, "\(what): the name of a step") else { return nil }
    guard stepNames.contains(name) else {
      let hint =
        name.contains("/") ? "; a file is given as {path: FILE}" : YAMLReading.suggestion(for: name, among: stepNames)
      yaml.report("\(what): unknown step \"\(name)\"\(hint)", at: value)
      return nil
    }
    return (.step(name), pins)
  }

  private func describe(_ contents: [Content]) -> String { contents.map(\.rawValue).joined(separator: " or ") }

  // MARK: Parameters

  /// Reports defaults at the top of the file that no stage has.
  mutating func checkDefaults() {
    let known = Self.commonParameters + catalogue.stages.flatMap { $0.parameters.map(\.name) }
    for (key, name, _) in defaults where !known.contains(name) {
      yaml.reportUnknown("parameter", name, among: known, at: key)
    }
  }

  private mutating func readParameters(_ node: Node?, of stage: StageDeclaration) -> (
    [Step.Parameter], common: [String: String]
  ) {
    let own = yaml.pairs(node, "parameters")
    let known = stage.parameters.map(\.name) + Self.commonParameters
    for (key, name, _) in own where !known.contains(name) {
      yaml.reportUnknown("parameter of stage \(stage.name)", name, among: known, at: key)
    }
    func value(_ name: String) -> Node? {
      own.first { $0.name == name }?.value ?? defaults.first { $0.name == name }?.value
    }
    var common: [String: String] = [:]
    if let node = value("seed") { common["seed"] = yaml.integer(node, "seed", in: 0...Int.max).map(String.init) }
    if let node = value("threads") { common["threads"] = yaml.integer(node, "threads", in: 0...1024).map(String.init) }
    let parameters = stage.parameters.compactMap { parameter in
      value(parameter.name).flatMap { readValue($0, parameter) }.map { Step.Parameter(name: parameter.name, value: $0) }
    }
    return (parameters, common)
  }

  mutating func readValue(_ node: Node, _ parameter: OptionDeclaration) -> Step.Value? {
    let name = parameter.name
    switch parameter.kind {
    case .flag: return yaml.flag(node, name).map(Step.Value.flag)
    case .numbers(let range):
      let items = node.sequence.map(Array.init) ?? [node]
      let numbers = items.compactMap { readText($0, name, .number(range)) }
      if items.isEmpty { yaml.report("\(name): expected at least one number, found an empty list", at: node) }
      return numbers.count == items.count && !items.isEmpty ? .text(numbers.joined(separator: ",")) : nil
    case .integer, .number, .choice, .text, .memory, .path, .namedPath, .shard:
      return readText(node, name, parameter.kind).map(Step.Value.text)
    }
  }

  /// A value in canonical spelling; reports one that the option does not take, or that make or a shell would not.
  private mutating func readText(_ node: Node, _ name: String, _ kind: ValueKind) -> String? {
    guard let text = yaml.text(node, "\(name) as \(Self.article(kind))") else { return nil }
    if let bad = SafeText.badCharacter(inText: text) {
      yaml.report("\(name): a text must not have \(SafeText.describe(bad)), found \"\(text)\"", at: node)
      return nil
    }
    do {
      let canonical = try kind.canonical(text)
      // An amount of memory stays as people write it: it becomes part of names and of command lines.
      return kind == .memory ? text : canonical
    } catch {
      yaml.report("\(name): \(error)", at: node)
      return nil
    }
  }

  /// What a value is, for the message where something else than a scalar stands in its place.
  private static func article(_ kind: ValueKind) -> String {
    switch kind {
    case .integer: "a whole number"
    case .number, .numbers: "a number"
    case .choice(let choices): "one of \(choices.joined(separator: ", "))"
    case .flag, .text, .memory, .path, .namedPath, .shard: "a text"
    }
  }
}

extension ManifestUse {
  func holds(for parameters: [Step.Parameter]) -> Bool {
    switch self {
    case .always: true
    case .never: false
    case .when(let name, let values): parameters.contains { $0.name == name && values.contains($0.value.description) }
    }
  }
}
