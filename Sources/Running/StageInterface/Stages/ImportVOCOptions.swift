import ArgumentParser

public struct ImportVOCOptions: StageOptions {
  public static let stage = StageHeader(
    "import-voc", "Write the manifest of PASCAL VOC 2012 with SBD, or of a folder of own images.",
    details: """
      Splits train_aug, val and test; labels from the XML annotations, objects marked difficult included. Counts are \
      compared with the published ones.

      Own images: import-voc --images photographs --labels labels.tsv --out manifests. The table has the columns id, \
      labels and, if wanted, split; labels are class names, "none" where an image shows no class, "-" where that is \
      not known. Without --labels all images are to be segmented: import-voc --images new --classes \
      manifests/manifest.yaml --out new-manifest, then the split unlabelled.

      Later stages get the folder of --root or --images as --data.
      """,
    example: "--root VOCdevkit/VOC2012 --out runs/voc2012",
    output: StageOutput([.scenes], .file("manifest.yaml")), manifest: .never,
    algorithmVersion: 2)

  public struct Inputs: ParsableArguments, Sendable {
    @Option(
      .input("root", [.externalFile], "VOC's folder, with JPEGImages, Annotations, ImageSets and SegmentationClass."))
    public var root: String?
    @Option(
      .input(
        "train-aug", [.externalFile],
        """
        List of SBD's images. Without it ImageSets/SegmentationAug/train_aug.txt, or the masks in \
        SegmentationClassAug.
        """))
    public var trainAug: String?
    @Option(.input("images", [.externalFile], "In place of --root: a folder of own images, in folders within it too."))
    public var images: String?
    @Option(.input("labels", [.externalFile], "What the own images show: a tab-separated table."))
    public var labels: String?
    @Option(
      .input(
        "classes", [.externalFile],
        """
        Names of the own classes, one per line, or a manifest (.yaml) that has them. Without it in the order in which \
        the table has them.
        """))
    public var classes: String?

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Running") public var common: CommonOptions

  @Option(.text("name", default: .depends("voc2012 with --root, own-images with --images"), "Name of the manifest."))
  public var name: String?
  @Flag(.flag("digests", default: false, "Put the SHA-256 of every image and mask into the table."))
  public var digests: Bool
  @Flag(.flag("strict", default: false, "Refuse data that are not as published, with exit code 65."))
  public var isStrict: Bool
  @Flag(.switchOn("check", .terminal, "Tell what is missing and what would be written; write nothing."))
  public var isCheck: Bool

  public init() {}

  public mutating func validate() throws {
    guard (inputs.root == nil) != (inputs.images == nil) else {
      throw ValidationError("give either --root or --images")
    }
    guard inputs.images != nil || inputs.labels == nil else {
      throw ValidationError("--labels is for own images: give --images too")
    }
    guard inputs.images == nil || inputs.labels != nil || inputs.classes != nil else {
      throw ValidationError(
        "give --labels, what the images show, or --classes, for images that are only to be segmented")
    }
    guard inputs.root == nil || inputs.classes == nil else {
      throw ValidationError("--classes is for own images; VOC has its own")
    }
    guard inputs.images == nil || inputs.trainAug == nil else { throw ValidationError("--train-aug is for VOC") }
    name = name ?? (inputs.root == nil ? "own-images" : "voc2012")
  }
}
