import StageInterface
import StepFiles

/// What a run of a stage was asked to do: everything from which its recipe follows.
public struct Assignment: Codable, Equatable, Sendable {
  /// One thing that the stage reads beside the data set.
  public struct Input: Codable, Equatable, Sendable {
    /// The option's name: `weights`.
    public let name: String
    /// The user's name for it, where the option takes several.
    public let title: String?
    /// A file or a folder.
    public let path: String

    public init(name: String, title: String? = nil, path: String) {
      self.name = name
      self.title = title
      self.path = path
    }
  }

  public var stage: String
  public var algorithm: Int
  /// Canonical values by name, without what says where, how fast or how loudly.
  public var parameters: [String: String]
  public var seed: String?
  public var inputs: [Input]
  /// Path of the manifest, for a stage that reads one.
  public var manifest: String?
  /// Root of the images; nil for the manifest's folder.
  public var data: String?
  /// Which part of how many; 0 for a stage whose work is never divided.
  public var shard: Int
  public var shards: Int

  public init(
    stage: String, algorithm: Int, parameters: [String: String] = [:], inputs: [Input] = [], manifest: String? = nil,
    part: Part? = nil
  ) {
    self.stage = stage
    self.algorithm = algorithm
    self.parameters = parameters
    self.inputs = inputs
    self.manifest = manifest
    shard = part?.index ?? 0
    shards = part?.count ?? 0
  }

  /// What a command line asks of a stage.
  ///
  /// - Parameter part: nil for a stage whose work is never divided.
  public init(_ request: StageRequest, stage: String, algorithm: Int, part: Part?) {
    self.init(
      stage: stage, algorithm: algorithm, parameters: Dictionary(request.parameters.map { ($0.name, $0.value) }) { $1 },
      inputs: request.inputs.map { Input(name: $0.name, title: $0.title, path: $0.path) }, manifest: request.manifest,
      part: part)
    (seed, data) = (request.seed, request.data)
  }

  public var part: Part? { shard > 0 ? Part(index: shard, count: shards) : nil }

  /// The split that the stage works on.
  public var split: String { parameters["split"] ?? "" }

  /// A second split that the stage reads; nil for most.
  public var otherSplit: String? {
    inputs.contains { $0.name == "predictions" } ? parameters["predictions-split"] : nil
  }

  /// What a stage reads of a manifest.
  public enum Reading: Sendable, CaseIterable { case classes, colours, labels, images, masks }

  /// What this stage reads of the manifest, beside the ids of its split.
  public var readings: Set<Reading> {
    switch stage {
    case "import-weights": [.classes]
    case "train-cam", "train-affinity", "train-ddnet", "train-seg", "train-seg-dynamic": [.classes, .labels, .images]
    case "cam-infer", "psa-infer", "crf", "ssdd-merge": [.classes, .colours, .labels, .images]
    case "infer-seg":
      parameters["labels"] == "image" ? [.classes, .colours, .labels, .images] : [.classes, .colours, .images]
    case "evaluate": parameters["submission"] == nil ? [.classes, .colours, .labels, .masks] : Set(Reading.allCases)
    case "summarize": drawsPictures ? Set(Reading.allCases) : []
    default: Set(Reading.allCases)
    }
  }

  private var drawsPictures: Bool {
    parameters["images"] != "0" && inputs.contains { ["masks", "predictions"].contains($0.name) }
  }
}
