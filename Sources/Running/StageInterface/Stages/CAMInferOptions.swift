import ArgumentParser
import MethodChoices

/// How class activation maps are made.
public struct ActivationMapOptions: ParsableArguments, Sendable {
  @Option(.scales([1, 0.5, 1.5, 2]))
  public var scales: NumberList
  @Flag(.flip)
  public var flip: Bool
  @Option(.inferenceMemory)
  public var memory: MemorySize?

  public init() {}
}

extension Declared where Value == NumberList {
  static func scales(_ standard: NumberList) -> Declared {
    numbers(
      "scales", NumberRange(0.05...8), default: standard, "Sizes at which the image is seen, separated by commas.")
  }
}

extension Declared where Value == Bool {
  static let flip = flag("flip", default: true, "See each size mirrored too.")
}

extension Declared where Value == MemorySize {
  static let inferenceMemory = memory(
    """
    Stay within this, such as 4G: an image and its mirror image go through the network one after the other where \
    needed.
    """)
}

public struct CAMInferOptions: StageOptions {
  public static let stage = StageHeader(
    "cam-infer",
    "Class activation maps of the image-level labels, fused over sizes and mirror images (PSA, section 3.1).",
    example: "--manifest M.yaml --data DIR --weights cam/weights.h5 --out runs/cam",
    output: .maps)

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("weights", [.weights], "Classifier (train-cam)."))
    public var weights: String

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: DataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @Option(.split("train")) public var split: String
  @Option(.shard) public var shard: Shard
  @OptionGroup public var damage: DamagedImageOptions
  public var skipsDamaged: Bool { damage.skipsDamaged }
  @OptionGroup(title: "Activation maps") public var maps: ActivationMapOptions

  @Option(
    .number(
      "background-power", NumberRange(above: 0, to: 1024),
      default: .depends("\(SeedDefaults.backgroundPower) without --background-threshold"),
      "Masks: background where (1 - max CAM)^POWER beats every class (PSA: 16)."))
  public var backgroundPower: Double?
  @Option(
    .number(
      "background-threshold", NumberRange(0...1, or: -1), default: -1,
      "Masks: background where no CAM reaches this; -1: by --background-power."))
  public var backgroundThreshold: Double
  @Flag(.writeNumpy) public var writesNumpy: Bool?

  public init() {}

  public mutating func validate() throws {
    guard backgroundPower == nil || backgroundThreshold < 0 else {
      throw ValidationError("give either --background-power or --background-threshold")
    }
    if backgroundThreshold < 0 { backgroundPower = backgroundPower ?? SeedDefaults.backgroundPower }
  }
}
