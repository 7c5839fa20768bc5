/// What made an output: attributes in HDF5 files, text chunks in PNG files.
///
/// The keys are `stage`, `version`, `seed`, `parameter.NAME` and `input.NAME` (SHA-256 of that input). No time, machine
/// or absolute path: two runs with the same inputs and parameters write the same bytes.
public struct Provenance: Hashable, Sendable {
  public struct Parameter: Hashable, Sendable {
    public let name: String
    public let value: String

    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// An input by the name it has for the reader (not its path) and the SHA-256 of its content in hexadecimal.
  public struct Input: Hashable, Sendable {
    public let name: String
    public let digest: String

    public init(name: String, digest: String) {
      self.name = name
      self.digest = digest
    }
  }

  public var stage: String
  public var version: String
  public var seed: UInt64?
  public var parameters: [Parameter]
  public var inputs: [Input]

  public init(
    stage: String, version: String, parameters: [(String, String)] = [], inputs: [(name: String, sha256: String)] = [],
    seed: UInt64? = nil
  ) {
    self.stage = stage
    self.version = version
    self.seed = seed
    self.parameters = parameters.map { Parameter(name: $0.0, value: $0.1) }
    self.inputs = inputs.map { Input(name: $0.name, digest: $0.sha256) }
  }

  /// Says nothing: no attributes and no text, for `--no-provenance`.
  public static let none = Provenance(stage: "", version: "")

  public var isNone: Bool { self == .none }

  /// The keys and values in a fixed order, for PNG text chunks and logs; empty for `none`.
  public var pairs: [(String, String)] {
    guard !isNone else { return [] }
    var pairs = [("stage", stage), ("version", version)]
    if let seed { pairs.append(("seed", String(seed))) }
    pairs += parameters.map { ("parameter.\($0.name)", $0.value) }
    pairs += inputs.map { ("input.\($0.name)", $0.digest) }
    return pairs
  }

  /// Whether an attribute of this name is provenance.
  static func isKey(_ name: String) -> Bool {
    ["stage", "version", "seed"].contains(name) || name.hasPrefix("parameter.") || name.hasPrefix("input.")
  }

  /// The same as HDF5 attributes, all strings.
  public var attributes: [(name: String, value: AttributeValue)] { pairs.map { ($0.0, .string($0.1)) } }
}

extension HDF5File {
  /// The provenance that the root attributes tell; `none` where there is none. Parameters and inputs come by increasing
  /// name.
  public func provenance() throws -> Provenance { Provenance(attributes: try attributesByName(of: "/")) }
}

extension Provenance {
  /// What root attributes tell; `none` where they tell nothing. Parameters and inputs come by increasing name.
  init(attributes: [String: AttributeValue]) {
    let texts = attributes.sorted { $0.key < $1.key }.compactMap { entry in entry.value.asString.map { (entry.key, $0) }
    }
    func value(_ name: String) -> String? { texts.first { $0.0 == name }?.1 }
    func named(_ prefix: String) -> [(String, String)] {
      texts.filter { $0.0.hasPrefix(prefix) }.map { (String($0.0.dropFirst(prefix.count)), $0.1) }
    }
    guard let stage = value("stage") else {
      self = .none
      return
    }
    let inputs = named("input.").map { (name: $0.0, sha256: $0.1) }
    self.init(
      stage: stage, version: value("version") ?? "", parameters: named("parameter."), inputs: inputs,
      seed: value("seed").flatMap { UInt64($0) })
  }
}
