import ArgumentParser
import Foundations

/// The options of a stage: the one place that says what it takes.
///
/// A stage's program, a pipeline's check and docs/stages.md are all made from a type like this:
///
///     public struct BlurOptions: StageOptions {
///       public static let stage = StageHeader("blur", "Blur score maps.", example: "--scores psa", output: .maps)
///       @OptionGroup(title: "Data set") public var data: DataSetOptions
///       @OptionGroup(title: "Running") public var common: CommonOptions
///       @Option(.shard) public var shard: Shard
///       @Option(.number("radius", 0...64, unit: "pixels", default: 2, "How far.")) public var radius: Double
///       public init() {}
///     }
///
/// What a single option takes stands in its declaration. What must hold between options stands in `validate()`, which
/// also puts in defaults that follow from other options; a pipeline's check calls it too, so it looks at no file.
public protocol StageOptions: ParsableArguments, Sendable {
  static var stage: StageHeader { get }
  var common: CommonOptions { get }
  /// The whole work for stages that cannot be divided.
  var shard: Shard { get }
  /// Whether images that cannot be read are left out instead of ending the run.
  var skipsDamaged: Bool { get }
}

extension StageOptions {
  public var shard: Shard { Shard() }
  public var skipsDamaged: Bool { false }

  /// The values that decide the outputs, defaults included, in canonical spelling and by increasing name: two runs
  /// with the same values do the same. Only of parsed options.
  public var canonicalParameters: [CanonicalParameter] {
    canonicalValues(of: self).filter { option, _ in
      option.isRecorded && (option.role == .parameter || option.role == .resource)
    }
    .map { CanonicalParameter(name: $0.option.name, value: $0.value) }.sorted { $0.name < $1.name }
  }
}

/// What is said of a stage beside its options.
public struct StageHeader: Sendable {
  /// Name of the stage and of its program.
  public let name: String
  /// One sentence.
  public let summary: String
  /// What a user should know beyond it; may be empty.
  public let details: String
  /// A command line without the name of the program.
  public let example: String
  public let output: StageOutput
  public let manifestUse: ManifestUse
  /// Raised when the same inputs and parameters would give other outputs than before: steps of this stage then run
  /// again.
  public let algorithmVersion: Int

  public init(
    _ name: String, _ summary: String, details: String = "", example: String, output: StageOutput,
    manifest: ManifestUse = .always,
    algorithmVersion: Int = 1
  ) {
    self.name = name
    self.summary = summary
    self.details = details
    self.example = example
    self.output = output
    manifestUse = manifest
    self.algorithmVersion = algorithmVersion
  }
}

/// A stage as data: what pipelines and documents know of it.
public struct StageDeclaration: Sendable {
  public let header: StageHeader
  /// Every option of the program, in the order of its help.
  public let options: [OptionDeclaration]
  public let inputs: [StageInput]
  /// What `parameters:` of a pipeline file may hold.
  public let parameters: [OptionDeclaration]
  /// Whether a pipeline may divide its work with `--shard I/N`.
  public let isShardable: Bool
  public var algorithmVersion: Int
  private let parse: @Sendable ([String]) throws -> StageRequest

  public init<Options: StageOptions>(_ type: Options.Type) {
    header = type.stage
    options = declaredOptions(of: type)
    inputs = options.compactMap(StageInput.init)
    parameters = options.filter { $0.role == .parameter || $0.role == .resource }
    isShardable = header.output.target == .parts && options.contains { $0.kind == .shard }
    algorithmVersion = header.algorithmVersion
    parse = { arguments in
      do { return try type.parse(arguments).request } catch {
        throw Failure(.usage, type.message(for: error))
      }
    }
  }

  public var name: String { header.name }
  public var output: StageOutput { header.output }
  public var manifestUse: ManifestUse { header.manifestUse }

  public func input(_ name: String) -> StageInput? { inputs.first { $0.name == name } }
  public func parameter(_ name: String) -> OptionDeclaration? { parameters.first { $0.name == name } }

  /// What the program would make of a command line: the values that decide its outputs, in canonical spelling.
  ///
  /// The program itself parses by the same type, so it takes exactly what this takes. No file is looked at.
  /// - Parameter arguments: without the name of the program.
  /// - Throws: `Failure(.usage)` with the words that the program would end with.
  public func canonicalParameters(of arguments: [String]) throws -> [CanonicalParameter] {
    try parse(arguments).parameters
  }

  /// The same with everything else that the command line asks for.
  public func request(of arguments: [String]) throws -> StageRequest { try parse(arguments) }
}

/// `--NAME PATH` of a stage.
public struct StageInput: Sendable {
  public let name: String
  /// The input takes an output that holds any of these.
  public let accepts: [Content]
  public let arity: OptionDeclaration.Arity

  /// nil for an option that is no input.
  init?(_ option: OptionDeclaration) {
    guard case .input(let accepts, let arity) = option.role else { return nil }
    name = option.name
    self.accepts = accepts
    self.arity = arity
  }

  public var isNamed: Bool { arity == .named || arity == .optionalNamed }
  public var isRequired: Bool { arity == .required || arity == .named }
}

/// Whether a stage reads the data set.
public enum ManifestUse: Sendable, Hashable {
  case always, never
  /// Where the parameter has one of the values.
  case when(parameter: String, isOneOf: [String])
}

/// What an output holds and an input accepts.
public enum Content: String, Sendable, Hashable {
  case weights, scores, masks, scenes, evaluation, table
  /// Weights in the format of other programs.
  case exportedWeights = "exported weights"
  /// A file from outside the pipeline, such as pretrained weights.
  case externalFile = "file"
}

/// What a step leaves in its folder.
public struct StageOutput: Sendable, Hashable {
  public enum Target: Sendable, Hashable {
    /// One file, of this name.
    case file(String)
    /// One `part-I-of-N.json` per shard, written last; the rest of the folder belongs to it.
    case parts
  }

  public let contents: [Content]
  /// The file that says that the step is done.
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
