import ArgumentParser
import MethodChoices

public struct PSAInferOptions: StageOptions {
  public static let stage = StageHeader(
    "psa-infer",
    "Spread class activation maps by a random walk over learned affinities: p^K0 and m^K0 (PSA, section 3.3).",
    details: """
      Instead of --scores, --cam-weights makes the activation maps on the fly: two weight files and images are all it \
      needs.
      """,
    example: "--manifest M.yaml --data DIR --affinity affinity/weights.h5 --scores runs/cam --out runs/psa",
    output: .maps, algorithmVersion: 2)

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("affinity", [.weights], "Affinity network (train-affinity)."))
    public var affinity: String
    @Option(.input("scores", [.scores], "Activation maps (cam-infer)."))
    public var scores: String?
    @Option(.input("cam-weights", [.weights], "Classifier (train-cam), to make the activation maps here."))
    public var camWeights: String?

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: DataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @Option(.split("train")) public var split: String
  @Option(.shard) public var shard: Shard
  @OptionGroup public var damage: DamagedImageOptions
  public var skipsDamaged: Bool { damage.skipsDamaged }
  @OptionGroup(title: "Activation maps, with --cam-weights") public var maps: ActivationMapOptions

  @Option(
    .number(
      "background-power", NumberRange(above: 0, to: 1024), default: .value(SeedDefaults.backgroundPower),
      "Background score (1 - max CAM)^POWER."))
  public var backgroundPower: Double
  @Option(.number("beta", 0...64, default: .value(SeedDefaults.affinityPower), "Exponent on the affinities."))
  public var beta: Double
  @Option(
    .integer("log-steps", 0...16, default: .value(SeedDefaults.logSteps), "Base-2 logarithm of the number of steps."))
  public var logSteps: Int
  @Option(.radius("Cells further apart than this are not linked."))
  public var radius: Int
  @Flag(.writeNumpy) public var writesNumpy: Bool?

  public init() {}

  public func validate() throws {
    guard (inputs.scores == nil) != (inputs.camWeights == nil) else {
      throw ValidationError("give either --scores or --cam-weights")
    }
    try refuse(ActivationMapOptions.self, when: inputs.scores != nil, "with --scores, whose maps are made already")
  }
}
