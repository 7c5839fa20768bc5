import MethodChoices

/// One option of a stage as data: what it is called, what it takes, in what unit, what it is without being given.
///
/// A command line, a pipeline's check, provenance, digests and docs/stages.md are all made from this.
public struct OptionDeclaration: Sendable {
  /// What the option is for, and so who may give it.
  public enum Role: Sendable, Hashable {
    /// A file or folder that another step made: `inputs:` of a pipeline file.
    case input(accepts: [Content], Arity)
    /// `parameters:` of a pipeline file; decides what comes out.
    case parameter
    /// `parameters:` of a pipeline file; bounds what a run may take.
    case resource
    /// The manifest and the root of its images; a pipeline gives them to every step that reads the data set.
    case dataSet
    /// Where, how loudly, which part: a pipeline's own business.
    case running
    /// For somebody at a terminal; no pipeline can give it.
    case terminal
  }

  public enum Arity: Sendable, Hashable {
    case required, optional
    /// One or more, each with a name: `{CAM: evaluate-cam, SSDD: evaluate-ssdd}`, passed as `--NAME CAM=PATH`.
    case named
    /// As `named`, or none at all.
    case optionalNamed
  }

  /// What holds where the option is not given.
  public enum Default: Sendable, Hashable {
    /// The option must be given.
    case required
    /// A value, in canonical spelling.
    case value(String)
    /// It follows from other options, in words: `30; 41 with --preset reference`.
    case depends(String)
    /// Nothing: what the option asks for is then not done.
    case nothing
  }

  /// Without the dashes: `background-power`.
  public let name: String
  public internal(set) var role = Role.parameter
  public let kind: ValueKind
  /// `pixels`, `epochs`; nil for a number without one.
  public let unit: String?
  public var standard: Default
  /// A sentence or two, without range, unit and default.
  public let help: String
  /// Whether the value belongs to what made an output: provenance, digests, fingerprints. False for an option that
  /// says how an output comes about but not what is in it.
  public internal(set) var isRecorded = true
  /// Heading of the help page under which it stands.
  public internal(set) var section = ""
  /// The canonical text of a parsed value; nil for a value of another type or none.
  let text: @Sendable (Any) -> String?

  /// The help text with unit, range and default, as a help page shows it.
  public var fullHelp: String {
    var facts = unit.map { [$0] } ?? []
    switch kind {
    case .integer(let range): facts.append("\(range)")
    case .number(let range): facts.append("\(range)")
    case .numbers(let range): facts.append("\(range) each")
    case .choice(let choices): facts.append(choices.joined(separator: ", "))
    case .flag, .text, .memory, .path, .namedPath, .shard: break
    }
    // ArgumentParser itself adds the default of a flag that has one.
    let shown = kind == .flag && plainDefault != nil ? nil : standardText
    return help + (facts.isEmpty ? "" : " [\(facts.joined(separator: "; "))]")
      + (shown.map { " (default: \($0))" } ?? "")
  }

  private var plainDefault: String? {
    if case .value(let text) = standard { text } else { nil }
  }

  /// The default for readers, with numbers as people write them; nil for an option that is required or has none.
  public var standardText: String? {
    switch standard {
    case .required, .nothing: nil
    case .depends(let words): words
    case .value(let text):
      switch kind {
      case .number: Double(text).map(plain) ?? text
      case .numbers: text.split(separator: ",").map { Double($0).map(plain) ?? String($0) }.joined(separator: ",")
      default: text.isEmpty ? "empty" : text
      }
    }
  }
}

/// What an option is without being given, as its declaration states it.
public enum Standard<Value: Sendable>: Sendable {
  case required
  case value(Value)
  /// The value of `--preset`.
  case preset(@Sendable (Preset) -> Value)
  /// In words, for a value that the stage's `validate()` puts in.
  case depends(String)
  case nothing

  /// The value for a preset; nil where there is none without other options.
  public func value(for preset: Preset = .default) -> Value? {
    switch self {
    case .value(let value): value
    case .preset(let value): value(preset)
    case .required, .depends, .nothing: nil
    }
  }

  /// As data. `text` gives the canonical spelling of a value.
  func described(_ text: (Value) -> String) -> OptionDeclaration.Default {
    switch self {
    case .required: return .required
    case .value(let value): return .value(text(value))
    case .depends(let words): return .depends(words)
    case .nothing: return .nothing
    case .preset(let value):
      let usual = text(value(.default))
      let others = Preset.allCases.filter { text(value($0)) != usual }
      if others.isEmpty { return .value(usual) }
      return .depends(
        ([usual] + others.map { "\(text(value($0))) with --preset \($0.rawValue)" }).joined(separator: "; "))
    }
  }
}

extension Standard: ExpressibleByIntegerLiteral where Value: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Value.IntegerLiteralType) { self = .value(Value(integerLiteral: value)) }
}

extension Standard: ExpressibleByFloatLiteral where Value == Double {
  public init(floatLiteral value: Double) { self = .value(value) }
}

extension Standard: ExpressibleByBooleanLiteral where Value == Bool {
  public init(booleanLiteral value: Bool) { self = .value(value) }
}

extension Standard: ExpressibleByUnicodeScalarLiteral where Value == String {
  public init(unicodeScalarLiteral value: String) { self = .value(value) }
}

extension Standard: ExpressibleByExtendedGraphemeClusterLiteral where Value == String {
  public init(extendedGraphemeClusterLiteral value: String) { self = .value(value) }
}

extension Standard: ExpressibleByStringLiteral where Value == String {
  public init(stringLiteral value: String) { self = .value(value) }
}
