/// docs/stages.md: every stage with what it takes, made from the declarations alone.
public struct StageDocument: Sendable {
  private let catalogue: StageCatalogue

  public init(_ catalogue: StageCatalogue = .standard) { self.catalogue = catalogue }

  /// Markdown, one section per stage in the order of the catalogue.
  public var markdown: String {
    let running = catalogue.stages.first?.options.filter { $0.role == .running && $0.kind != .shard } ?? []
    let reader = catalogue.stages.first { $0.options.contains { $0.role == .dataSet && $0.standard == .required } }
    let dataSet = reader?.options.filter { $0.role == .dataSet } ?? []
    var lines = [
      "# Stages", "",
      "Written by `make document` from `Sources/Running/StageInterface`; changes here are lost. Each program prints "
        + "the same",
      "with `--help`. How a pipeline file gives inputs and parameters is told in",
      "[Sources/Pipeline/PipelineGraph](../Sources/Pipeline/PipelineGraph/README.md).", "",
      "Words: m^K0 and p^K0 are masks and scores of PSA's random walk, the \"knowledge\" that the method starts from.",
      "m^A0 and p^A0 are those of the CRF, the \"advice\". m^D0 is what the static stage decides between the two. d",
      "maps tell where the DD-Net expects the masks to differ.", "",
      "| stage | what it does |", "|---|---|",
    ]
    lines += catalogue.stages.map { "| [`\($0.name)`](#\($0.name)) | \($0.header.summary) |" }
    lines += ["", "## What every stage has", ""] + Self.table(running)
    lines += ["", "Stages that read the data set also have:", ""] + Self.table(dataSet)
    lines += [
      "",
      "Stages that can be divided have `--shard I/N`: work on the I-th of N parts of the items. A pipeline gives it",
    ]
    lines += ["where a step has `shards: N`.", ""]
    lines += catalogue.stages.flatMap(Self.section)
    return lines.joined(separator: "\n")
  }

  private static func section(_ stage: StageDeclaration) -> [String] {
    var lines = ["## \(stage.name)", "", stage.header.summary, ""]
    if !stage.header.details.isEmpty { lines += [stage.header.details, ""] }
    lines += ["```", "\(stage.name) \(stage.header.example)", "```", ""]
    let division = stage.isShardable ? " Can be divided." : ""
    lines.append(
      "Makes \(describe(stage.output)). \(describe(stage.manifestUse))\(division) Algorithm \(stage.algorithmVersion).")
    let inputs = stage.options.filter { if case .input = $0.role { true } else { false } }
    if !inputs.isEmpty { lines += ["", "| input | takes | meaning |", "|---|---|---|"] + inputs.map(inputRow) }
    let others = stage.options.filter { $0.role == .parameter || $0.role == .resource || $0.role == .terminal }
    var sections: [String] = []
    for option in others where !sections.contains(option.section) { sections.append(option.section) }
    for section in sections {
      lines += section.isEmpty || section == "Inputs" ? [""] : ["", "\(section):", ""]
      lines += table(others.filter { $0.section == section })
    }
    return lines + [""]
  }

  private static func table(_ options: [OptionDeclaration]) -> [String] {
    ["| option | values | unit | default | meaning |", "|---|---|---|---|---|"] + options.map(row)
  }

  private static func row(_ option: OptionDeclaration) -> String {
    let isInvertible = option.kind == .flag && option.role == .parameter
    let names = isInvertible ? "`--\(option.name)`, `--no-\(option.name)`" : "`--\(option.name)`"
    let standard =
      switch option.standard {
      case .required: "required"
      case .nothing: ""
      case .value, .depends: option.standardText ?? ""
      }
    let remark =
      switch option.role {
      case .terminal: " Not in pipelines."
      case .parameter where !option.isRecorded: " Leaves the outputs as they are."
      default: ""
      }
    return cells([names, option.kind.description, option.unit ?? "", standard, option.help + remark])
  }

  private static func inputRow(_ option: OptionDeclaration) -> String {
    guard case .input(let accepts, let arity) = option.role else { return "" }
    let contents = accepts.map(\.rawValue).joined(separator: " or ")
    let takes =
      switch arity {
      case .required: contents
      case .optional: "\(contents), optional"
      case .named: "\(contents), with names: `NAME=PATH`, repeated"
      case .optionalNamed: "\(contents), with names: `NAME=PATH`, repeated; optional"
      }
    return cells(["`--\(option.name)`", takes, option.help])
  }

  private static func cells(_ texts: [String]) -> String {
    let safe = texts.map { text in
      text.split(separator: "\n").joined(separator: " ")
        .split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
    return "| \(safe.joined(separator: " | ")) |"
  }

  private static func describe(_ output: StageOutput) -> String {
    let contents = output.contents.map(\.rawValue).joined(separator: " and ")
    switch output.target {
    case .file(let name): return "\(contents): `\(name)`, written last"
    case .parts: return "\(contents): `part-I-of-N.json` per shard, written last"
    }
  }

  private static func describe(_ use: ManifestUse) -> String {
    switch use {
    case .always: "Reads the data set."
    case .never: "Reads no data set."
    case .when(let parameter, let values):
      "Reads the data set where `\(parameter)` is \(values.joined(separator: ", "))."
    }
  }
}
