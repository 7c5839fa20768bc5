/// What a pipeline file may say about each stage: its inputs, parameters and output.
///
/// The programs themselves declare the same options to their users; a test compares the two.
public struct StageCatalogue: Sendable {
  /// In the order in which a pipeline usually runs them.
  public let stages: [StageDescription]

  public init(_ stages: [StageDescription]) { self.stages = stages }

  public subscript(name: String) -> StageDescription? { stages.first { $0.name == name } }

  /// The same catalogue with the stage of that name replaced by what `change` makes of it.
  public func replacing(_ name: String, _ change: (inout StageDescription) -> Void) -> StageCatalogue {
    StageCatalogue(
      stages.map { stage in
        var copy = stage
        if stage.name == name { change(&copy) }
        return copy
      })
  }
}

/// One stage as the pipeline sees it.
public struct StageDescription: Sendable {
  /// Name of the stage and of its program.
  public let name: String
  public let inputs: [StageInput]
  public let parameters: [StageParameter]
  public let output: StageOutput
  /// Whether `--shard i/n` divides its work; only a stage with an output of parts can be.
  public let isShardable: Bool
  /// When it reads the data set: gets `--manifest` and `--data`.
  public let manifestUse: ManifestUse
  /// Raised when the same inputs and parameters would give other outputs than before: steps of this stage then run again.
  public var algorithmVersion: Int

  public init(
    _ name: String, inputs: [StageInput] = [], parameters: [StageParameter] = [], output: StageOutput, shardable: Bool = false,
    manifest: ManifestUse = .always, algorithmVersion: Int = 1
  ) {
    precondition(!shardable || output.target == .parts, "\(name): only a stage that writes parts can be sharded")
    self.name = name
    self.inputs = inputs
    self.parameters = parameters
    self.output = output
    isShardable = shardable
    manifestUse = manifest
    self.algorithmVersion = algorithmVersion
  }

  public func input(_ name: String) -> StageInput? { inputs.first { $0.name == name } }
  public func parameter(_ name: String) -> StageParameter? { parameters.first { $0.name == name } }
}

/// Whether a stage reads the data set.
public enum ManifestUse: Sendable {
  case always, never
  /// Where the parameter has one of the values.
  case when(parameter: String, isOneOf: [String])

  func holds(for parameters: [Step.Parameter]) -> Bool {
    switch self {
    case .always: true
    case .never: false
    case .when(let name, let values): parameters.contains { $0.name == name && values.contains($0.value.description) }
    }
  }
}

/// What an output holds and an input accepts.
public enum Content: String, Sendable {
  case weights, scores, masks, scenes, evaluation, table
  /// Weights in the format of other programs.
  case exportedWeights = "exported weights"
  /// A file from outside the pipeline, such as pretrained weights.
  case externalFile = "file"
}

/// `--NAME PATH` of a stage.
public struct StageInput: Sendable {
  public enum Arity: Sendable {
    case required, optional
    /// One or more, each with a name: `{CAM: evaluate-cam, SSDD: evaluate-ssdd}`, passed as `--NAME CAM=PATH`.
    case named
    /// As `named`, or none at all.
    case optionalNamed
  }

  public let name: String
  /// The input takes an output that holds any of these.
  public let accepts: [Content]
  public let arity: Arity

  public init(_ name: String, _ accepts: [Content], _ arity: Arity = .required) {
    self.name = name
    self.accepts = accepts
    self.arity = arity
  }

  public var isNamed: Bool { arity == .named || arity == .optionalNamed }
  public var isRequired: Bool { arity == .required || arity == .named }
}

/// `--NAME VALUE` of a stage; a flag is `--NAME` or `--no-NAME`.
public struct StageParameter: Sendable {
  public enum Kind: Sendable {
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// A non-empty list, passed with commas.
    case numbers(ClosedRange<Double>)
    case flag
    case choice([String])
    /// Any text without line breaks, quotes and `$`.
    case text
  }

  public let name: String
  public let kind: Kind

  public init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
  }
}

/// What a step leaves in its folder.
public struct StageOutput: Sendable {
  public enum Target: Sendable, Equatable {
    /// One file, of this name.
    case file(String)
    /// `part-I-of-N.json` a shard, written last; the rest of the folder belongs to it.
    case parts
  }

  public let contents: [Content]
  /// The file whose time stamp says that the step is done.
  public let target: Target
  /// Whether a step that reads the output is given the file; otherwise it is given the folder.
  public let isPassedAsFile: Bool

  public init(_ contents: [Content], _ target: Target, passedAsFile: Bool = false) {
    self.contents = contents
    self.target = target
    isPassedAsFile = passedAsFile
  }

  public static let weights = StageOutput([.weights], .file("weights.h5"), passedAsFile: true)
  public static let maps = StageOutput([.scores, .masks], .parts)
  public static let masks = StageOutput([.masks], .parts)
}
