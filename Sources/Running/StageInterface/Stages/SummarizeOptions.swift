import ArgumentParser

public struct SummarizeOptions: StageOptions {
  public static let stage = StageHeader(
    "summarize", "Join evaluations into one table, and show masks of several steps side by side with image and truth.",
    details: """
      Pictures need no truth masks: where the manifest has some, they are the last column. --masks are of the split of \
      --split, --predictions of another one, such as those of a network on held-out images.

      The manifest is needed with --masks and --predictions.
      """,
    example: """
      --manifest M.yaml --data DIR --evaluation CAM=eval-cam/evaluation.json --masks CAM=cam --predictions net=infer \
      --out runs/table
      """,
    output: StageOutput([.table], .file("table.txt")), algorithmVersion: 3)

  public struct Inputs: ParsableArguments, Sendable {
    @Option(
      .namedInputs("evaluation", [.evaluation], isRequired: false, "A row of the table; rows come in the order given."))
    public var evaluations: [NamedPath]
    @Option(.namedInputs("masks", [.masks], isRequired: false, "A column of the pictures of --split."))
    public var masks: [NamedPath]
    @Option(
      .namedInputs("predictions", [.masks], isRequired: false, "A column of the pictures of --predictions-split."))
    public var predictions: [NamedPath]

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: OptionalDataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions

  @Option(.split("train", "Split that the pictures are taken from.")) public var split: String
  @Option(
    .integer(
      "images", 0...10_000_000, unit: "images", default: 8,
      "Images in the pictures of a split, spread evenly over it; each is drawn once."))
  public var images: Int
  @Option(
    .text("predictions-split", default: "val", "Split that the pictures of --predictions are taken from."))
  public var predictionsSplit: String
  @Option(
    .choice(
      "predictions-variant", default: .value(.masks),
      "Which masks of a step's folder --predictions shows; masks are those of a plain folder of PNG masks too."))
  public var predictionsVariant: EvaluateOptions.Variant
  @Flag(.ignorePalette) public var ignorePalette: Bool

  public init() {}

  public func validate() throws {
    guard !(inputs.evaluations.isEmpty && inputs.masks.isEmpty && inputs.predictions.isEmpty) else {
      throw ValidationError("give --evaluation for a table, --masks or --predictions for pictures")
    }
    guard (inputs.masks.isEmpty && inputs.predictions.isEmpty) || data.manifest != nil else {
      throw ValidationError("--masks and --predictions need --manifest FILE, found none")
    }
    guard inputs.masks.isEmpty || inputs.predictions.isEmpty || split != predictionsSplit else {
      throw ValidationError("--split and --predictions-split are the same: give all as --masks")
    }
    // --split may stand: a pipeline's own `parameters:` give it to every step.
    let (masks, predictions) = (!inputs.masks.isEmpty, !inputs.predictions.isEmpty)
    try refuse(["predictions-split", "predictions-variant"], when: !predictions, "without --predictions")
    try refuse(["images", "ignore-palette"], when: !masks && !predictions, "without --masks or --predictions")
  }
}
