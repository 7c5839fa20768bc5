import ArgumentParser
import MethodChoices

public struct TrainAffinityOptions: StageOptions, TrainingStage {
  public static let stage = StageHeader(
    "train-affinity",
    "Train AffinityNet on labels that two CRFs of the activation maps are confident of (PSA, section 3.2).",
    example: "--manifest M.yaml --data DIR --weights cam/weights.h5 --low crf-low --high crf-high --out runs/affinity",
    output: .weights)
  public static let training = TrainingDefaults(epochs: 8, batch: 8, resize: 0...0, learningRate: 0.01)

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("weights", [.weights], "Classifier whose trunk is the start."))
    public var weights: String
    @Option(
      .input(
        "low", [.scores], "CRF of the activation maps with a low background power (PSA: 4): confident foreground."))
    public var low: String
    @Option(
      .input(
        "high", [.scores], "CRF of the activation maps with a high background power (PSA: 32): confident background."))
    public var high: String

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: DataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @OptionGroup(title: "Training") public var training: TrainingOptions<Self>

  /// nil: what the default says, for the trunk of the weights.
  @Option(.frozen(default: .depends("PSA's firstStage for resnet38, else none")))
  public var frozen: FrozenPart?
  @Option(.radius("Cells further apart than this make no pair."))
  public var radius: Int
  @Flag(.flag("jitter", default: true, "Change brightness, contrast, saturation and hue at random."))
  public var jitter: Bool

  public init() {}
}

extension Declared where Value == Int {
  static func radius(_ help: String) -> Declared {
    integer("radius", 2...32, unit: "cells", default: .value(SeedDefaults.radius), help)
  }
}
