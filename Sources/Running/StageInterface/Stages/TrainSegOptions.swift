import ArgumentParser
import MethodChoices

public struct TrainSegOptions: StageOptions, TrainingStage {
  public static let stage = StageHeader(
    "train-seg", "Train a segmentation network on given masks: the baselines of the paper's Table 1.",
    example: "--manifest M.yaml --data DIR --weights cam/weights.h5 --seeds crf --out runs/seg",
    output: .weights)
  public static let training = TrainingDefaults.method(
    epochs: .value(MethodDefaults().staticEpochs), batch: MethodDefaults().staticBatch, resize: 448...512)

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("weights", [.weights], "Classifier whose trunk is the start, or a segmentation network."))
    public var weights: String
    @Option(.input("seeds", [.masks], "Masks to train on: a step's folder with masks/ID.png."))
    public var seeds: String

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: DataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @OptionGroup(title: "Training") public var training: TrainingOptions<Self>
  @OptionGroup(title: "Network") public var heads: HeadOptions

  @Option(.frozen(default: .value(.firstConvolution)))
  public var frozen: FrozenPart
  @Flag(.flag("square", default: false, "Resize to a square instead of keeping the ratio of the sides."))
  public var square: Bool

  @Flag(.ignorePalette) public var ignorePalette: Bool

  public init() {}

  public func validate() throws {
    try refuseSquare(training)
    try heads.requireCrop(training.crop)
  }
}
