import ArgumentParser

public struct CRFStageOptions: StageOptions {
  public static let stage = StageHeader(
    "crf", "Sharpen score maps along image edges with a fully connected CRF (mean field, permutohedral lattice).",
    example: "--manifest M.yaml --data DIR --scores runs/psa --out runs/psa-crf",
    output: .maps)

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("scores", [.scores], "Score maps of cam-infer or psa-infer."))
    public var scores: String

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: DataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @Option(.split("train")) public var split: String
  @Option(.shard) public var shard: Shard
  @OptionGroup public var damage: DamagedImageOptions
  public var skipsDamaged: Bool { damage.skipsDamaged }

  @Option(
    .number(
      "background-power", NumberRange(above: 0, to: 1024, or: -1), default: -1,
      "For maps without background: put (1 - max)^POWER in front; -1 where the maps have one."))
  public var backgroundPower: Double
  @OptionGroup(title: "CRF") public var crf: CRFOptions<PlainCRF>

  public init() {}
}
