import Foundation
import Foundations
import StageInterface
import YAMLText
import Yams

extension Pipeline {
  /// The variables that the Makefile passes on. A pipeline file may use others, with a default under `variables:` or
  /// set by `--set`.
  public static let standardVariables = ["DATA", "WEIGHTS", "OUT", "THREADS"]

  /// Names that the Makefile keeps for its own goals; no step can have them.
  public static let reservedNames = [
    "adopt", "all", "bench", "bench-docs", "bench-peers", "build", "check", "clean-orphans", "clean-outputs",
    "compare", "document", "dot", "explain", "format", "help", "install", "lint", "packages", "report", "robust",
    "same", "sanitize", "show", "slurm", "slurm-cancel", "status", "steps", "test", "torture", "verify",
  ]

  /// Folders beside those of the steps, which the pipeline keeps for itself.
  public static let ownFolders = ["cluster", "logs"]

  /// Reads and checks a pipeline file.
  ///
  /// Paths in it are relative to the working folder, which is the project's root. `OUT` (default `runs`) is the folder
  /// for outputs; `THREADS`, where set, overrides every `threads` in the file.
  ///
  /// - Parameter imagesPerTask: for steps with `shards: auto`; nil where no profile says it.
  /// - Throws: `PipelineProblems` with everything that is wrong, each at its line and column.
  public init(
    contentsOf file: String, variables: [String: String] = [:], overrides: [Override] = [], imagesPerTask: Int? = nil,
    catalogue: StageCatalogue = .standard
  ) throws {
    var reader = PipelineReader(file: file, variables: variables, catalogue: catalogue)
    reader.imagesPerTask = imagesPerTask
    reader.overrides = overrides
    self = try reader.read()
  }
}

/// Turns the YAML tree into a `Pipeline`; see `Pipeline+Steps.swift` for what belongs to a step.
struct PipelineReader {
  static let keys = ["name", "manifest", "data", "variables", "parameters", "steps"]

  var yaml: YAMLReading
  let catalogue: StageCatalogue
  /// Stage of every step that is declared with a known stage.
  var stages: [String: StageDeclaration] = [:]
  /// Every declared step, in the order of the file, those with errors too.
  var stepNames: [String] = []
  /// Of every step, once `resolveAxes` has run.
  var axes: [String: [MatrixAxis]] = [:]
  var defaults: [(key: Node, name: String, value: Node)] = []
  var out = "runs"
  /// What `SET` gives in place of the file's parameters.
  var overrides: [Override] = []
  /// How many images a shard has where a step leaves the number of shards open.
  var imagesPerTask: Int?
  var pipelineName = ""

  init(file: String, variables: [String: String], catalogue: StageCatalogue) {
    yaml = YAMLReading(file: file, variables: variables)
    self.catalogue = catalogue
  }

  mutating func read() throws -> Pipeline {
    let given = yaml.variables
    let root = try yaml.root()
    for (key, name, _) in yaml.pairs(root) where !Self.keys.contains(name) {
      yaml.reportUnknown("key", name, among: Self.keys, at: key)
    }
    readVariables(root["variables"], given: given)
    readName(root["name"])
    readOut()
    defaults = yaml.pairs(root["parameters"], "parameters")
    checkDefaults()
    let declared = applyOverrides(declareSteps(root["steps"]))
    let manifest = readManifest(root["manifest"], data: root["data"])
    let threads = readThreads()
    let drafts = declared.compactMap { readStep($0.name, $0.key, $0.fields, threads: threads) }
    resolveAxes(drafts)
    let steps = expand(drafts, manifest: manifest)
    checkManifestStep(manifest, at: root["manifest"])
    try yaml.throwProblems()
    let pipeline = Pipeline(name: pipelineName, file: yaml.file, out: out, steps: steps)
    checkCycles(pipeline, declared.map { ($0.name, $0.key) })
    checkFinal(pipeline, declared.map { ($0.name, $0.key) })
    try yaml.throwProblems()
    let complete = checkCommands(of: pipeline, declared.map { ($0.name, $0.key) })
    try yaml.throwProblems()
    let divided = resolveShards(of: complete, declared.map { ($0.name, $0.key) })
    try yaml.throwProblems()
    return divided
  }

  // MARK: The head of the file

  private mutating func readVariables(_ node: Node?, given: [String: String]) {
    var declared = Pipeline.standardVariables
    for (key, name, value) in yaml.pairs(node, "variables") {
      declared.append(name)
      if let problem = SafeName.problem(with: name) {
        yaml.report("the variable's name \"\(name)\" \(problem)", at: key)
        continue
      }
      if let text = yaml.text(value, "a text for \(name)"), given[name] == nil { yaml.variables[name] = text }
    }
    for name in given.keys.sorted() where !declared.contains(name) {
      yaml.reportUnknown("variable on the command line", name, among: declared, at: nil)
    }
  }

  private mutating func readName(_ node: Node?) {
    let stem = URL(fileURLWithPath: yaml.file).deletingPathExtension().lastPathComponent
    pipelineName = stem
    if let node, let name = yaml.text(node, "the pipeline's name"), name != stem {
      yaml.report(
        "name: expected the file's own name \"\(stem)\", since outputs are kept under it, found \"\(name)\"", at: node)
    }
    if let problem = SafeName.problem(with: stem) {
      yaml.report("the name of a pipeline's file, \"\(stem)\", \(problem)", at: node)
    }
  }

  private mutating func readOut() {
    guard let given = yaml.variables["OUT"] else { return }
    guard let path = yaml.path(text: given, "OUT", at: nil) else { return }
    out = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  private mutating func readThreads() -> Int? {
    guard let text = yaml.variables["THREADS"] else { return nil }
    return yaml.integer(Node(text), "THREADS", in: 0...1024)
  }

  private mutating func readManifest(_ node: Node?, data: Node?) -> Manifest? {
    guard let node else {
      if let data { yaml.report("data: expected a manifest beside it, found none", at: data) }
      return nil
    }
    let folder = data.flatMap { yaml.path($0, "data") }
    if let folder, !isFolder(folder) { yaml.report("data: no such folder: \(folder)", at: data, kind: .noInput) }
    if data != nil, folder == nil { return nil }
    guard let source = readSource(node, "manifest", bareIsPath: true, takesCell: false)?.source else { return nil }
    switch source {
    case .step(let name):
      guard let stage = stages[name] else { return nil }
      guard stage.output.contents.contains(.scenes), case .file(let file) = stage.output.target else {
        yaml.report(
          "manifest: expected a step that makes scenes, found \"\(name)\", whose stage \(stage.name) makes "
            + "\(describe(stage.output))",
          at: node)
        return nil
      }
      let path = "\(out)/\(pipelineName)/\(name)"
      return Manifest(step: name, path: "\(path)/\(file)", data: folder ?? path, items: nil)
    case .file(let path):
      let data = folder ?? URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
      guard let items = findItems(manifest: path, data: data, at: node) else { return nil }
      return Manifest(step: nil, path: path, data: data, items: items)
    }
  }

  private mutating func checkManifestStep(_ manifest: Manifest?, at node: Node?) {
    guard let name = manifest?.step, let axes = axes[name], !axes.isEmpty else { return }
    yaml.report(
      "manifest: expected a step without a matrix, found \"\(name)\" with the axes "
        + "\(axes.map(\.name).joined(separator: ", "))",
      at: node)
  }

  /// The table that the manifest names: beside the manifest, or beside the data.
  private mutating func findItems(manifest: String, data: String, at node: Node) -> String? {
    guard let text = try? String(contentsOfFile: manifest, encoding: .utf8), let root = try? composeYAML(text),
      let table = root.mapping?["items"]?.scalar?.string
    else {
      yaml.report("manifest: expected YAML with `items: TABLE` in \(manifest)", at: node, kind: .data)
      return nil
    }
    let folder = (manifest as NSString).deletingLastPathComponent
    let places = table.hasPrefix("/") ? [table] : [folder.isEmpty ? table : "\(folder)/\(table)", "\(data)/\(table)"]
    guard let path = places.first(where: isFile) else {
      yaml.report(
        "manifest: \(manifest) names the table \(table), which is missing: looked for "
          + "\(places.joined(separator: " and "))",
        at: node, kind: .noInput)
      return nil
    }
    guard SafeText.badCharacter(inPath: path) == nil else {
      yaml.report("manifest: a path must not have spaces, quotes or signs that make reads, found \"\(path)\"", at: node)
      return nil
    }
    return path
  }

  // MARK: Steps

  private mutating func declareSteps(_ node: Node?) -> [(name: String, key: Node, fields: Node)] {
    let pairs = yaml.pairs(node, "steps")
    if pairs.isEmpty { yaml.report("expected `steps:` with at least one step", at: node) }
    stepNames = pairs.map(\.name)
    var result: [(name: String, key: Node, fields: Node)] = []
    for (key, name, fields) in pairs {
      if let problem = SafeName.problem(with: name) {
        yaml.report("the step's name \"\(name)\" \(problem)", at: key)
      } else if Pipeline.reservedNames.contains(name) {
        yaml.report("a step cannot be named \"\(name)\": `make \(name)` does something else", at: key)
      } else if Pipeline.ownFolders.contains(name) {
        yaml.report("a step cannot be named \"\(name)\": the pipeline keeps files of its own in that folder", at: key)
      }
      guard let mapping = fields.mapping else {
        yaml.report("step \(name): expected `{stage: ...}`, found \(fields.found)", at: fields)
        continue
      }
      guard let stageNode = mapping["stage"] else {
        yaml.report("step \(name): expected `stage:`, found none", at: key)
        continue
      }
      guard let stageName = yaml.text(stageNode, "the name of a stage") else { continue }
      guard let stage = catalogue[stageName] else {
        yaml.reportUnknown("stage", stageName, among: catalogue.stages.map(\.name), at: stageNode)
        continue
      }
      stages[name] = stage
      result.append((name, key, fields))
    }
    return result
  }

  private mutating func checkCycles(_ pipeline: Pipeline, _ declared: [(name: String, key: Node)]) {
    var finished: Set<String> = []
    var path: [Step] = []
    func visit(_ step: Step) -> [Step]? {
      if let start = path.firstIndex(where: { $0.name == step.name }) { return Array(path[start...]) + [step] }
      guard !finished.contains(step.name) else { return nil }
      path.append(step)
      for other in pipeline.dependencies(of: step) { if let cycle = visit(other) { return cycle } }
      path.removeLast()
      finished.insert(step.name)
      return nil
    }
    for step in pipeline.steps {
      guard let cycle = visit(step) else { continue }
      let key = declared.first { $0.name == cycle[0].family }?.key
      let names = cycle.map(\.family).joined(separator: " needs ")
      yaml.report("expected steps that can run one after the other, found a cycle: \(names)", at: key)
      return
    }
  }

  private mutating func checkFinal(_ pipeline: Pipeline, _ declared: [(name: String, key: Node)]) {
    func key(_ step: Step) -> Node? { declared.first { $0.name == step.family }?.key }
    let finals = pipeline.families.compactMap { pipeline.cells(of: $0).first }.filter(\.isFinal)
    for step in finals.dropFirst() {
      yaml.report("expected one final step, found \(finals[0].family) and \(step.family)", at: key(step))
    }
    for step in finals {
      if !step.stage.output.contents.contains(.table) {
        yaml.report("final: expected a step that makes a table, found \(step.stage.name)", at: key(step))
      }
      if !step.cell.isEmpty {
        yaml.report(
          "final: expected one table, found step \(step.family) with the axes "
            + "\(step.cell.map(\.axis).joined(separator: ", "))",
          at: key(step))
      }
    }
  }

  /// Parses every step's command line as its program will, so that options that do not go together are found before
  /// anything runs. The pipeline that is returned knows what each step will record.
  private mutating func checkCommands(of pipeline: Pipeline, _ declared: [(name: String, key: Node)]) -> Pipeline {
    var steps = pipeline.steps
    for index in steps.indices {
      let step = steps[index]
      do {
        steps[index].request = try step.stage.request(of: Array(pipeline.command(of: step).dropFirst()))
      } catch {
        let message = (error as? Failure)?.message ?? "\(error)"
        yaml.report("step \(step.name): \(message)", at: declared.first { $0.name == step.family }?.key)
      }
    }
    return Pipeline(name: pipeline.name, file: pipeline.file, out: pipeline.out, steps: steps)
  }

  // MARK: Files

  func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
  }

  func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  func describe(_ output: StageOutput) -> String { output.contents.map(\.rawValue).joined(separator: " and ") }
}
