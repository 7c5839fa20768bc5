import ArgumentParser
import MethodChoices

public struct SSDDMergeOptions: StageOptions, BiasedStage {
  public static let stage = StageHeader(
    "ssdd-merge",
    "Decide between knowledge and advice pixel by pixel: m^D0 = SSDD(m^K0, m^A0) (paper, Eqs. 3 to 5 and 10).",
    example: "--manifest M.yaml --data DIR --weights ddnet/weights.h5 --knowledge psa --advice crf --out runs/merge",
    output: .maps)
  public static let bias = MethodDefaults().seedBias

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("weights", [.weights], "Network of the static stage (train-ddnet)."))
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
  @Option(.split("train")) public var split: String
  @Option(.shard) public var shard: Shard
  @OptionGroup public var damage: DamagedImageOptions
  public var skipsDamaged: Bool { damage.skipsDamaged }
  @OptionGroup(title: "Difference detection") public var difference: DifferenceOptions<Self>

  @Flag(
    .flag("class-guard", default: true, "Hold on to the knowledge of a class whose area the advice shrinks below half.")
  )
  public var classGuard: Bool
  @Option(
    .choice(
      "seed-decision", default: .preset { MethodDefaults($0).seedDecision },
      "asIntended (Eq. 3), or asCode, with the two d maps exchanged."))
  public var givenSeedDecision: SeedDecision?
  @Option(
    .choice(
      "difference-storage", default: .preset { MethodDefaults($0).differenceStorage },
      "What of d is enlarged to the image."))
  public var givenDifferenceStorage: DifferenceStorage?

  public init() {}

  public var seedDecision: SeedDecision { givenSeedDecision ?? MethodDefaults(difference.preset).seedDecision }
  public var differenceStorage: DifferenceStorage {
    givenDifferenceStorage ?? MethodDefaults(difference.preset).differenceStorage
  }

  public mutating func validate() throws {
    try refuse(["shrink-threshold", "absent-class-is-bad"], when: !classGuard, "with --no-class-guard")
    (givenSeedDecision, givenDifferenceStorage) = (seedDecision, differenceStorage)
  }
}
