import ArgumentParser
import MethodChoices

public struct InferSegOptions: StageOptions {
  public static let stage = StageHeader(
    "infer-seg", "Segment images with a trained network: several scales, mirrored too, CRF on request.",
    details: """
      meanKeepingRatio: the image in its own ratio, mean of the softmaxes. softmaxOfSumSquare: the image squeezed to a \
      square, softmax of the sum of the softmaxes (the reference's way).
      """,
    example: "--manifest M.yaml --data DIR --split val --weights dynamic/weights.h5 --crf --out runs/val",
    output: .masks)

  public enum LabelUse: String, Sendable, CaseIterable { case none, image }

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("weights", [.weights], "Trained network (train-seg, train-ddnet, train-seg-dynamic)."))
    public var weights: String

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: DataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @Option(.split("val")) public var split: String
  @Option(.shard) public var shard: Shard
  @OptionGroup public var damage: DamagedImageOptions
  public var skipsDamaged: Bool { damage.skipsDamaged }

  @Option(.scales([0.5, 0.75, 1, 1.25, 1.5]))
  public var scales: NumberList
  @Flag(.flip) public var flip: Bool
  @Option(.inferenceMemory) public var memory: MemorySize?
  @Option(.preset) public var preset: Preset
  @Option(
    .choice("fusion", default: .preset { MethodDefaults($0).scaleFusion }, "How the sizes are made and joined."))
  public var givenFusion: ScaleFusion?
  @Option(.integer("side", 16...8192, unit: "pixels", default: 448, "Side of the square of softmaxOfSumSquare."))
  public var side: Int
  @Option(
    .choice(
      "labels", default: .value(.none), "none: every class may occur; image: only those of the image-level labels."))
  public var labels: LabelUse
  @Flag(.flag("crf", default: false, "Write masks-crf/ too: the masks after a CRF."))
  public var isWithCRF: Bool
  @OptionGroup(title: "CRF, with --crf") public var crf: CRFOptions<PredictionCRF>

  public init() {}

  public var fusion: ScaleFusion { givenFusion ?? MethodDefaults(preset).scaleFusion }

  public mutating func validate() throws {
    try refuse(CRFOptions<PredictionCRF>.self, when: !isWithCRF, "without --crf")
    try refuse(["side"], when: fusion != .softmaxOfSumSquare, "without --fusion softmaxOfSumSquare")
    givenFusion = fusion
  }
}
