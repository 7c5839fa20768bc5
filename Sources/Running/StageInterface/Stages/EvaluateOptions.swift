import ArgumentParser

public struct EvaluateOptions: StageOptions {
  public static let stage = StageHeader(
    "evaluate",
    "Score masks against the truth: IoU per class and mIoU from one confusion matrix over all images, void left out.",
    details: """
      With --shard I/N it leaves part-I-of-N.json; `evaluate --merge DIR --out DIR` makes of all parts exactly what \
      one run over the whole split gives.

      With --submission, masks are also written as PASCAL VOC's server takes them; a split without truth masks is then \
      not scored.

      The manifest is needed with --masks.
      """,
    example: "--manifest M.yaml --data DIR --split val --masks runs/infer --variant masks-crf --out runs/eval",
    output: StageOutput([.evaluation], .file("evaluation.json"), passedAsFile: true), algorithmVersion: 2)

  public enum Variant: String, Sendable, CaseIterable {
    case masks
    case masksAfterCRF = "masks-crf"
  }

  /// VOC's name of a segmentation challenge.
  public enum Competition: String, Sendable, CaseIterable {
    /// Trained on VOC's own images and annotations alone.
    case comp5
    /// Trained on any data but the test images: SBD's images or weights from ImageNet make it this one.
    case comp6
  }

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("masks", [.masks], "A step's folder, or a folder of PNG masks."))
    public var masks: String?
    @Option(.path("merge", .terminal, "Folder with the parts of all shards, to be joined; nothing else is read."))
    public var merge: String?

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: OptionalDataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions
  @Option(.split("val", "Split of the manifest to score.")) public var split: String
  @Option(.shard) public var shard: Shard

  @Option(
    .choice(
      "variant", default: .value(.masks),
      "Which masks of a step's folder; masks are those of a plain folder of PNG masks too."))
  public var variant: Variant
  @Option(.text("name", default: "", "What the masks are called in the printed report."))
  public var name: String
  @Option(
    .choice(
      "submission", default: .nothing,
      """
      Write results/VOC2012/Segmentation/ for VOC's server: comp6 where other data than VOC's trained (SBD's images, \
      ImageNet's weights), else comp5.
      """))
  public var submission: Competition?

  @Flag(.ignorePalette) public var ignorePalette: Bool

  public init() {}

  public func validate() throws {
    guard (inputs.masks == nil) != (inputs.merge == nil) else {
      throw ValidationError("give either --masks or --merge")
    }
    guard inputs.masks == nil || data.manifest != nil else {
      throw ValidationError("--masks needs --manifest FILE, found none")
    }
    try refuse(
      ["manifest", "data", "split", "shard", "variant", "submission", "ignore-palette"], when: inputs.merge != nil,
      "with --merge, which reads parts that are scored already")
  }
}
