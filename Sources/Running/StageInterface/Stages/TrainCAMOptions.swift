import ArgumentParser
import MethodChoices

public struct TrainCAMOptions: StageOptions, TrainingStage {
  public static let stage = StageHeader(
    "train-cam", "Train the image-level classifier whose last layer gives class activation maps (PSA).",
    example:
      "--manifest data-manifests/voc-animals.yaml --data DIR --weights imagenet.h5 --backbone squeezenet --out cam",
    output: .weights)
  public static let training = TrainingDefaults(epochs: 15, batch: 16, resize: 256...512, learningRate: 0.01)

  public struct Inputs: ParsableArguments, Sendable {
    @Option(
      .input(
        "weights", [.weights],
        "Weights to start from: a trunk trained elsewhere. Without, the trunk starts from scratch."))
    public var weights: String?

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: DataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @OptionGroup(title: "Training") public var training: TrainingOptions<Self>
  @OptionGroup(title: "Network") public var trunk: BackboneOptions

  @Option(
    .choice(
      "statistics", default: .depends("frozen with --weights, batch without"),
      "Batch norm of the trunk: frozen as in the method, or batch."))
  public var givenStatistics: HeadStatistics?
  @Option(
    .frozen(
      default: .depends(
        "with --weights PSA's firstStage for resnet38, IRN's firstConvolution for other ResNets; else none")))
  public var givenFrozen: FrozenPart?
  @Flag(.flag("dropout", default: true, "Channel dropout in front of the classifier and inside the trunk."))
  public var dropout: Bool
  @Flag(.flag("jitter", default: true, "Change brightness, contrast, saturation and hue at random."))
  public var jitter: Bool

  public init() {}

  public var statistics: HeadStatistics { givenStatistics ?? (inputs.weights == nil ? .batch : .frozen) }
  public var frozen: FrozenPart {
    givenFrozen ?? (inputs.weights != nil ? trunk.backbone.pretrainedFrozenPart : .none)
  }

  public mutating func validate() throws {
    try refuse(
      ["statistics"], when: trunk.backbone == .squeezenet, "with --backbone squeezenet, which has no batch norm")
    (givenStatistics, givenFrozen) = (statistics, frozen)
  }
}
