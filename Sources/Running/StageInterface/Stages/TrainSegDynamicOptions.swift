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
  @OptionGroup(title: "Training of DD-Nets") public var detector: DetectorOptions
  @OptionGroup(title: "CRF inside training") public var crf: CRFOptions<TrainingCRF>

  @Option(
    .integer(
      "warm-up-epochs", 0...100_000, unit: "epochs", default: 0,
      "Epochs at the start in which both heads learn the seeds alone; they count among --epochs."))
  public var warmUpEpochs: Int
  @Option(
    .number("alpha", 0...1, default: .value(MethodDefaults().subMix), "Weight of m^D0 in the sub head's loss (alpha)."))
  public var alpha: Double
  @Option(
    .choice(
      "second-module-loss", default: .preset { MethodDefaults($0).secondModuleLoss },
      "DD losses of the second module: perSample (bad samples left out) or wholeBatch (all pixels at once)."))
  public var givenSecondModuleLoss: SecondModuleLoss?
  @Option(
    .choice(
      "advice-target", default: .preset { MethodDefaults($0).adviceTarget },
      "What L_sub and L_diff2 take for the advice: m^D1 (firstRefinement) or m^D2."))
  public var givenAdviceTarget: AdviceTarget?
  @Option(
    .choice(
      "thumbnail-rounding", default: .preset { MethodDefaults($0).thumbnailRounding },
      "How the image that the CRF sees becomes 8 bits."))
  public var givenThumbnailRounding: ThumbnailRounding?
  @Option(
    .choice(
      "crf-spread-unit", default: .value(MethodDefaults().spreadUnit),
      "Pixels that CRF spreads count: those of the quarter-size map that it runs on, or those of the crop."))
  public var spreadUnit: SpreadUnit
  @Option(
    .number(
      "score-floor", 0...1, default: .value(MethodDefaults().scoreFloor),
      "Added to the softmax of present classes in front of the arg-max."))
  public var scoreFloor: Double
  @Option(
    .epochs(
      "write-masks-at",
      """
      Write m^K1, m^A1, m^D1, m^D2 and the sub head's mask of every training image after these epochs, to \
      inner-masks/epoch-N/.
      """))
  public var writeMasksAt: NumberList?
  @Option(.frozen(default: .value(.firstConvolution)))
  public var frozen: FrozenPart
  @Flag(.square) public var givenSquare: Bool?
  @Flag(.channelDropout) public var channelDropout: Bool

  @Flag(.ignorePalette) public var ignorePalette: Bool

  public init() {}

  public var square: Bool { givenSquare ?? (MethodDefaults(difference.preset).trainingResize == .square) }

  /// Masks are written at the ends of epochs that there are. How many --steps are in an epoch only the data set tells.
  private func checkMaskEpochs() throws {
    guard let late = writeMasksAt?.values.first(where: { Int($0) > training.epochs }) else { return }
    throw ValidationError(
      "--write-masks-at: \(WrongValue(expected: "epochs up to --epochs \(training.epochs)", found: "\(Int(late))"))")
  }

  public var secondModuleLoss: SecondModuleLoss { givenSecondModuleLoss ?? method.secondModuleLoss }
  public var adviceTarget: AdviceTarget { givenAdviceTarget ?? method.adviceTarget }
  public var thumbnailRounding: ThumbnailRounding { givenThumbnailRounding ?? method.thumbnailRounding }
  private var method: MethodDefaults { MethodDefaults(difference.preset) }

  public mutating func validate() throws {
    try refuseSquare(training)
    training.choose(difference.preset)
    detector.choose(difference.preset)
    givenSquare = square
    (givenSecondModuleLoss, givenAdviceTarget) = (secondModuleLoss, adviceTarget)
    givenThumbnailRounding = thumbnailRounding
    try require(
      warmUpEpochs <= training.epochs, "warm-up-epochs", "at most --epochs \(training.epochs)", found: warmUpEpochs)
    try checkMaskEpochs()
    try heads.requireCrop(training.crop)
  }
}
