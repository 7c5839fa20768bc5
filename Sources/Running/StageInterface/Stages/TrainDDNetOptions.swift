import ArgumentParser
import MethodChoices

public struct TrainDDNetOptions: StageOptions, TrainingStage, BiasedStage {
  public static let stage = StageHeader(
    "train-ddnet",
    "Static stage: train a segmentation network on m^K0 and a DD-Net on (m^K0, m^A0) (paper, section 4.1).",
    example: "--manifest M.yaml --data DIR --weights cam/weights.h5 --knowledge psa --advice crf --out runs/ddnet",
    output: .weights)
  public static let training = TrainingDefaults.method(
    epochs: .preset { MethodDefaults($0).staticEpochs }, batch: MethodDefaults().staticBatch, resize: 448...512)
  public static let bias = MethodDefaults().trainingBias

  public struct Inputs: ParsableArguments, Sendable {
    @Option(
      .input("weights", [.weights], "Classifier whose trunk is the start, or weights of this stage, all of which are."))
    public var weights: String
    @Option(.input("knowledge", [.scores], "Score maps p^K0 (psa-infer)."))
    public var knowledge: String
    @Option(.input("advice", [.scores], "Score maps p^A0 (crf)."))
    public var advice: String

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: DataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @OptionGroup(title: "Training") public var training: TrainingOptions<Self>
  @OptionGroup(title: "Network") public var heads: HeadOptions
  @OptionGroup(title: "Difference detection") public var difference: DifferenceOptions<Self>
  @OptionGroup(title: "Training of DD-Nets") public var detector: DetectorOptions

  @Option(.frozen(default: .value(.firstConvolution)))
  public var frozen: FrozenPart
  @Flag(.square) public var givenSquare: Bool?
  @Flag(.channelDropout) public var channelDropout: Bool

  public init() {}

  public var square: Bool { givenSquare ?? (MethodDefaults(difference.preset).trainingResize == .square) }

  public mutating func validate() throws {
    try refuseSquare(training)
    training.choose(difference.preset)
    detector.choose(difference.preset)
    givenSquare = square
    try heads.requireCrop(training.crop)
  }
}

extension Declared where Value == Bool {
  static let square = flag(
    "square", default: .preset { MethodDefaults($0).trainingResize == .square },
    "Resize to a square instead of keeping the ratio of the sides.")
  static let channelDropout = flag(
    "channel-dropout", default: .value(MethodDefaults().channelDropout), "Channel dropout of the trunk.")
}
