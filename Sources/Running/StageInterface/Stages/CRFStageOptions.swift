import ArgumentParser

public struct CRFStageOptions: StageOptions {
  public static let stage = StageHeader(
    "crf",
    "Sharpen score maps or masks along image edges with a fully connected CRF (mean field, permutohedral lattice).",
    details: """
      Without a manifest it works on plain folders: every mask or .npy of a folder and its subfolders with the \
      photograph of the same name, such as

        crf --images photographs --masks masks --out refined
      """,
    example: "--manifest M.yaml --data DIR --scores runs/psa --out runs/psa-crf",
    output: .maps, algorithmVersion: 2)

  public struct Inputs: ParsableArguments, Sendable {
    @Option(
      .input(
        "scores", [.scores],
        "Score maps of cam-infer or psa-infer, or a folder with ID.npy or ID.npz for each image; with --manifest."))
    public var scores: String?

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: OptionalDataSetOptions
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
  @Flag(.writeNumpy) public var writesNumpy: Bool?
  @OptionGroup(title: "CRF") public var crf: CRFOptions<PlainCRF>
  @OptionGroup(title: "Plain folders instead of a manifest") public var folders: FolderCRFOptions

  public init() {}

  public func validate() throws {
    guard folders.areGiven else {
      guard inputs.scores != nil, data.manifest != nil else {
        throw ValidationError("expected --manifest and --scores, or --images and one of --masks and --npy")
      }
      return
    }
    guard data.manifest == nil, data.data == nil, inputs.scores == nil else {
      throw ValidationError("give either --manifest and --scores, or --images and one of --masks and --npy")
    }
    try refuse(["split", "skip-damaged"], when: true, "with plain folders")
    try folders.check(backgroundPower: backgroundPower, writesNumpy: writesNumpy ?? false)
  }
}
