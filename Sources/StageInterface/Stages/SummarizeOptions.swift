import ArgumentParser

public struct SummarizeOptions: StageOptions {
  public static let stage = StageHeader(
    "summarize", "Join evaluations into one table, and show masks of several steps side by side with image and truth.",
    details: "The manifest is needed with --masks.",
    example: "--manifest M.yaml --data DIR --evaluation CAM=eval-cam/evaluation.json --masks CAM=cam --out runs/table",
    output: StageOutput([.table], .file("table.txt")))

  public struct Inputs: ParsableArguments, Sendable {
    @Option(
      .namedInputs("evaluation", [.evaluation], isRequired: true, "A row of the table; rows come in the order given."))
    public var evaluations: [NamedPath]
    @Option(.namedInputs("masks", [.masks], isRequired: false, "A column of the pictures."))
    public var masks: [NamedPath]

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: OptionalDataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions

  @Option(.split("train", "Split that the pictures are taken from.")) public var split: String
  @Option(
    .integer(
      "images", 0...10_000_000, unit: "images", default: 8, "Images in the pictures, spread evenly over the split."))
  public var images: Int

  public init() {}

  public func validate() throws {
    guard inputs.masks.isEmpty || data.manifest != nil else {
      throw ValidationError("--masks needs --manifest FILE, found none")
    }
  }
}
