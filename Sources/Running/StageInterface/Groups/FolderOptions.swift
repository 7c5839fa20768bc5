import ArgumentParser

/// What `crf` takes instead of a manifest: plain folders.
public struct FolderCRFOptions: ParsableArguments, Sendable {
  @Option(.path("images", .terminal, "Photographs: .jpg, .jpeg and .png, in subfolders too."))
  public var images: String?
  @Option(
    .path(
      "masks", .terminal,
      "Masks (.png) to sharpen, each of the name of its photograph: palette, grey, or RGB with --colours."))
  public var masks: String?
  @Option(.path("npy", .terminal, "Instead of --masks: probabilities (labels, height, width) as .npy or .npz."))
  public var npy: String?
  @Option(
    .number(
      "confidence", NumberRange(above: 0, to: 0.9999), default: .nothing,
      "Probability that the label of a pixel in --masks is right; other labels share the rest. Without it 0.7."))
  public var confidence: Double?
  @Option(
    .integer(
      "label-count", 1...255, default: .nothing,
      "Labels of --masks are 0 to N - 1. Without it those that occur in each mask."))
  public var labelCount: Int?
  @Option(
    .integer(
      "void", 0...255, or: -1, default: .nothing,
      "Value in --masks that says nothing about a pixel; -1: there is none. Without it 255."))
  public var void: Int?
  @Option(
    .path("colours", .terminal, "Colours of RGB masks: voc, or a table with the columns value, red, green, blue."))
  public var colours: String?

  public init() {}

  /// Whether any option asks for plain folders.
  public var areGiven: Bool {
    [images, masks, npy, colours].contains { $0 != nil } || confidence != nil || labelCount != nil || void != nil
  }

  /// What must hold between these options and the stage's own.
  func check(backgroundPower: Double, writesNumpy: Bool) throws {
    guard images != nil, (masks == nil) != (npy == nil) else {
      throw ValidationError("expected --images and one of --masks and --npy")
    }
    if npy != nil {
      let given = [("confidence", confidence != nil), ("label-count", labelCount != nil), ("void", void != nil)]
      if let option = given.first(where: { $0.1 }) {
        throw ValidationError("--\(option.0) is for --masks; score maps say it themselves")
      }
    } else {
      guard backgroundPower < 0 else {
        throw ValidationError("--background-power is for --npy; masks have a background already")
      }
      guard !writesNumpy || labelCount != nil else {
        throw ValidationError("--write-npy with --masks needs --label-count, which says how many maps there are")
      }
    }
  }
}

extension Declared where Value == Bool {
  /// Score maps for other programs; nil where nothing is said, so that no output changes.
  static let writeNumpy = flag(
    "write-npy", default: .nothing,
    """
    Write score maps as npy/ID.npy too: (classes, height, width) in half precision, every class of the manifest, \
    zeros where the map has none.
    """)
}
