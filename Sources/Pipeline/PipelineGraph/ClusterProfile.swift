import Foundations
import StageInterface
import Yams

/// What is particular to a cluster, written once: `pipelines/profiles/slurm.yaml` explains every key.
public struct ClusterProfile: Equatable, Sendable {
  /// For steps and stages for which nothing else is known.
  public var defaults = ResourceRequest()
  /// By the stage's name.
  public var stages: [String: ResourceRequest] = [:]
  /// By the step's name in the pipeline file.
  public var steps: [String: ResourceRequest] = [:]
  /// How far memory and time grow after a job that had too little.
  public var largestMemory: Int?
  public var longestSeconds: Int?
  /// How many tasks of an array run at once; nil for as many as the site lets.
  public var throttle: Int?
  /// How many images a task has of a step with `shards: auto`.
  public var imagesPerTask: Int?
  /// In place of what `scontrol show config` says.
  public var maxArraySize: Int?
  /// How long a job waits for what it reads to appear on a shared file system.
  public var inputSeconds = 60
  /// How long before its time limit a training is told to save and to go on in a next job.
  public var warningSeconds = 300

  public init() {}

  private static let keys = [
    "defaults", "stages", "steps", "limits", "throttle", "images-per-task", "max-array-size", "wait-for-inputs",
    "signal-before-end",
  ]

  /// - Throws: `PipelineProblems` with everything that is wrong, each at its line and column.
  public init(contentsOf file: String, catalogue: StageCatalogue = .standard) throws {
    var yaml = YAMLReading(file: file, variables: [:])
    let root = try yaml.root()
    for (key, name, value) in yaml.pairs(root) {
      switch name {
      case "defaults": defaults = yaml.resources(value, "defaults")
      case "stages": stages = Self.requests(value, "stage", among: catalogue.stages.map(\.name), &yaml)
      case "steps": steps = Self.requests(value, "step", among: nil, &yaml)
      case "limits":
        let limits = yaml.resources(value, "limits")
        if limits != ResourceRequest(memory: limits.memory, seconds: limits.seconds) {
          yaml.report("limits: expected memory and time only", at: value)
        }
        (largestMemory, longestSeconds) = (limits.memory, limits.seconds)
      case "throttle": throttle = yaml.integer(value, name, in: 1...100_000)
      case "images-per-task": imagesPerTask = yaml.integer(value, name, in: 1...10_000_000)
      case "max-array-size": maxArraySize = yaml.integer(value, name, in: 2...4_000_001)
      case "wait-for-inputs": inputSeconds = yaml.duration(value, name) ?? inputSeconds
      case "signal-before-end": warningSeconds = yaml.duration(value, name) ?? warningSeconds
      default: yaml.reportUnknown("key of a profile", name, among: Self.keys, at: key)
      }
    }
    // Slurm's own limit for --signal.
    if warningSeconds > 65_535 {
      yaml.report("signal-before-end: expected at most 65535s", at: root["signal-before-end"])
    }
    try yaml.throwProblems()
  }

  private static func requests(
    _ node: Node?, _ what: String, among known: [String]?, _ yaml: inout YAMLReading
  ) -> [String: ResourceRequest] {
    var result: [String: ResourceRequest] = [:]
    for (key, name, value) in yaml.pairs(node, "\(what)s") {
      if let known, !known.contains(name) { yaml.reportUnknown(what, name, among: known, at: key) }
      result[name] = yaml.resources(value, "\(what) \(name)")
    }
    return result
  }
}
