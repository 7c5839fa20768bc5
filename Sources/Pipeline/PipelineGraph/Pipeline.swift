import StageInterface

/// A checked pipeline: every step names a known stage, every input an existing step or file, every value has its type.
public struct Pipeline: Sendable {
  /// Also the name of the folder of its outputs; letters, digits, `.`, `_` and `-`.
  public let name: String
  /// Path of the file that it was read from.
  public let file: String
  /// The folder of all pipelines' outputs; this one's are under `OUT/NAME`.
  public let out: String
  /// In the order of the file; a step with a matrix is there once for each cell, the last axis changing fastest.
  public let steps: [Step]
  private let places: [String: Int]

  init(name: String, file: String, out: String, steps: [Step]) {
    self.name = name
    self.file = file
    self.out = out
    self.steps = steps
    places = Dictionary(
      steps.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
  }

  public subscript(name: String) -> Step? { places[name].map { steps[$0] } }

  /// The cells of the step that the file calls so, or that one step without a matrix; empty for an unknown name.
  public func cells(of family: String) -> [Step] {
    if let step = self[family] { return [step] }
    return steps.filter { $0.family == family }
  }

  /// The steps' names in the file, in its order.
  public var families: [String] {
    var seen: Set<String> = []
    return steps.map(\.family).filter { seen.insert($0).inserted }
  }

  /// `OUT/NAME`.
  public var folder: String { "\(out)/\(name)" }

  /// The step whose table is printed at the end, if the file marks one.
  public var final: Step? { steps.first(where: \.isFinal) }

  public func folder(of step: Step) -> String { "\(folder)/\(step.name)" }

  /// What a step that reads `step` is given: its file or its folder.
  public func output(of step: Step) -> String {
    if step.stage.output.isPassedAsFile, case .file(let name) = step.stage.output.target {
      return "\(folder(of: step))/\(name)"
    }
    return folder(of: step)
  }

  /// The steps whose outputs `step` reads, each once, in the order of its inputs.
  public func dependencies(of step: Step) -> [Step] {
    var names = step.manifest?.step.map { [$0] } ?? []
    for input in step.inputs { if case .step(let name) = input.source, !names.contains(name) { names.append(name) } }
    return names.compactMap { self[$0] }
  }

  /// The steps such that each comes after those it reads; the order of the file otherwise.
  public var inOrder: [Step] {
    var done: Set<String> = []
    var order: [Step] = []
    func visit(_ step: Step) {
      guard done.insert(step.name).inserted else { return }
      dependencies(of: step).forEach(visit)
      order.append(step)
    }
    steps.forEach(visit)
    return order
  }
}

/// One run of a stage with its inputs and parameters.
public struct Step: Sendable {
  /// The step's name in the file.
  public let family: String
  /// Which cell of the step's matrix this is; empty for a step without one.
  public var cell: [Coordinate] = []
  public let stage: StageDeclaration
  /// In the order in which the stage declares them; inputs with names in the order of the file.
  public var inputs: [Input]
  /// In the order in which the stage declares them; only what the file sets.
  public var parameters: [Parameter]
  /// What its command line asks of the stage, defaults included, as the program itself will record it.
  public internal(set) var request = StageRequest()
  /// Nil leaves the stage its default.
  public var seed: UInt64?
  /// Worker threads; 0 for every core. A resource, not a parameter: another number does not make the step run again.
  public let threads: Int
  /// At least 1.
  public internal(set) var shards: Int
  /// Whether the file leaves the number to the profile: `shards: auto`.
  var hasAutomaticShards = false
  public let isFinal: Bool
  /// What its jobs ask of a cluster, as far as the file says it.
  public var resources = ResourceRequest()
  /// The data set, for stages that read it.
  public var manifest: Manifest?

  /// Also the step's folder and its goal for make: `crf`, or `crf/bilateral-weight-3+colour-spread-13` for a cell of a
  /// matrix.
  public var name: String { Self.name(family: family, cell: cell) }

  static func name(family: String, cell: [Coordinate]) -> String {
    cell.isEmpty ? family : "\(family)/\(cell.map(\.name).joined(separator: "+"))"
  }

  public struct Input: Sendable, Equatable {
    /// The stage's name for it.
    public let name: String
    /// The user's name for it, where the stage takes several.
    public let label: String?
    /// Where that name stands for several cells, what tells this one from the others.
    public var cell: [Coordinate] = []
    public let source: Source

    /// The label as the stage is given it: `CRF`, or `CRF (bilateral-weight 3, colour-spread 13)` for a cell.
    public var title: String? {
      label.map { cell.isEmpty ? $0 : "\($0) (\(cell.map { "\($0.axis) \($0.value)" }.joined(separator: ", ")))" }
    }
  }

  public enum Source: Sendable, Equatable {
    case step(String)
    case file(String)
  }

  public struct Parameter: Sendable, Equatable {
    public let name: String
    public let value: Value
  }

  public enum Value: Sendable, Equatable, CustomStringConvertible {
    case flag(Bool)
    /// As passed on the command line: canonical, so that 0.10 and 0.1 are the same.
    case text(String)

    /// For names of cells and for messages: numbers without a fraction of zero.
    public var description: String {
      switch self {
      case .flag(let isOn): "\(isOn)"
      case .text(let text):
        text.split(separator: ",", omittingEmptySubsequences: false).map { $0.hasSuffix(".0") ? $0.dropLast(2) : $0 }
          .joined(separator: ",")
      }
    }
  }

  /// A place on one axis of a matrix.
  public struct Coordinate: Sendable, Equatable {
    /// The parameter that the axis is of.
    public let axis: String
    public let value: Value

    /// `AXIS-VALUE`, good as a part of a path.
    public var name: String { "\(axis)-\(value.description.map { $0 == "," ? "_" : String($0) }.joined())" }
  }
}

/// The data set that the steps work on.
public struct Manifest: Sendable, Equatable {
  /// The step that makes it, or nil for a file that exists.
  public let step: String?
  public let path: String
  /// Root of the images and masks.
  public let data: String
  /// The table of items, where it is a file that exists before the pipeline runs.
  public let items: String?
}
