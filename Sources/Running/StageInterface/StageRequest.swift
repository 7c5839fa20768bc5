/// What a command line asks of a stage, as data: the same for its program and for a pipeline's check.
public struct StageRequest: Sendable {
  /// One file or folder that the stage is given to read.
  public struct Input: Hashable, Sendable {
    /// The option's name.
    public let name: String
    /// The user's name for it, where the option takes several.
    public let title: String?
    public let path: String
  }

  /// The values that decide the outputs, defaults included, in canonical spelling and by increasing name.
  public let parameters: [CanonicalParameter]
  /// In the order in which the stage declares them; several of one option in the order of the command line.
  public let inputs: [Input]
  public let seed: String
  public let manifest: String?
  /// Root of the images; nil for the manifest's folder.
  public let data: String?

  /// Asks for nothing.
  public init() { self.init(parameters: [], inputs: [], seed: "1", manifest: nil, data: nil) }

  init(parameters: [CanonicalParameter], inputs: [Input], seed: String, manifest: String?, data: String?) {
    self.parameters = parameters
    self.inputs = inputs
    self.seed = seed
    self.manifest = manifest
    self.data = data
  }
}

extension StageOptions {
  /// Only of parsed options.
  public var request: StageRequest {
    let values = canonicalValues(of: self)
    func value(_ name: String) -> String? { values.first { $0.option.name == name }?.value }
    let inputs = values.compactMap { option, value -> StageRequest.Input? in
      guard case .input(_, let arity) = option.role else { return nil }
      guard arity == .named || arity == .optionalNamed, let equals = value.firstIndex(of: "=") else {
        return StageRequest.Input(name: option.name, title: nil, path: value)
      }
      return StageRequest.Input(
        name: option.name, title: String(value[..<equals]), path: String(value[value.index(after: equals)...]))
    }
    return StageRequest(
      parameters: canonicalParameters, inputs: inputs, seed: String(common.seed),
      manifest: value("manifest"), data: value("data"))
  }
}
