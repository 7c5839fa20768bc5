import ArgumentParser
import MethodChoices

public struct TrainSegDynamicOptions: StageOptions, TrainingStage, BiasedStage {
  public static let stage = StageHeader(
    "train-seg-dynamic",
    "Dynamic stage: train the segmentation network with seeds that two SSDD modules refine (paper, section 4.2).",
    example: "--manifest M.yaml --data DIR --weights cam/weights.h5 --seeds merge --out runs/dynamic",
    output: .weights)
  public static let training = TrainingDefaults.method(
    epochs: .preset { MethodDefaults($0).dynamicEpochs }, batch: MethodDefaults().dynamicBatch, resize: 512...768)
  public static let bias = MethodDefaults().trainingBias

  public struct Inputs: ParsableArguments, Sendable {
    @Option(
      .input("weights", [.weights], "Classifier whose trunk is the start, or weights of this stage, all of which are."))
    public var weights: String
    @Option(.input("seeds", [.masks], "Seed masks m^D0 (ssdd-merge)."))
    public var seeds: String
    @Option(
      .input(
        "warm-up", [.weights], "A network of train-ddnet or train-seg: its trunk and head are the start, of both heads."
      ))
    public var warmUp: String?

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: DataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @OptionGroup(title: "Training") public var training: TrainingOptions<Self>
  @OptionGroup(title: "Network") public var heads: HeadOptions
  @OptionGroup(title: "Difference detection") public var difference: DifferenceOptions<Self>
  @OptionGroup(title: "CRF inside training") public var crf: CRFOptions<TrainingCRF>

  @Option(
    .integer(
      "warm-up-epochs", 0...100_000, unit: "epochs", default: 0,
      "Epochs at the start in which both heads learn the seeds alone; they count among --epochs."))
  public var warmUpEpochs: Int
  @Option(
    .number("alpha", 0...1, default: .value(MethodDefaults().subMix), "Weight of m^D0 in the sub head's loss (alpha)."))
  public var alpha: Double
  @Flag(.square) public var givenSquare: Bool?
  @Flag(.channelDropout) public var channelDropout: Bool

  @Flag(.ignorePalette) public var ignorePalette: Bool

  public init() {}

  public var square: Bool { givenSquare ?? (MethodDefaults(difference.preset).trainingResize == .square) }

  public mutating func validate() throws {
    training.choose(difference.preset)
    givenSquare = square
    try require(
      warmUpEpochs <= training.epochs, "warm-up-epochs", "at most --epochs \(training.epochs)", found: warmUpEpochs)
    try heads.requireCrop(training.crop)
  }
}
