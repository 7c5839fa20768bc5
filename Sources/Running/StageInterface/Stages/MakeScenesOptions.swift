import ArgumentParser

public struct MakeScenesOptions: StageOptions {
  public static let stage = StageHeader(
    "make-scenes", "Make a small data set of generated scenes with image-level labels and truth masks.",
    details: "A seed gives the same bytes on every machine.",
    example: "--train 400 --val 100 --seed 1 --out runs/scenes",
    output: StageOutput([.scenes], .file("manifest.yaml")), manifest: .never, algorithmVersion: 2)

  @OptionGroup(title: "Running") public var common: CommonOptions

  @Option(.integer("train", 1...1_000_000, unit: "scenes", default: 400, "Number of training scenes."))
  public var train: Int
  @Option(.integer("val", 1...1_000_000, unit: "scenes", default: 100, "Number of held-out scenes."))
  public var val: Int
  @Option(
    .integer(
      "empty", 0...1_000_000, unit: "scenes", default: 0,
      "Number of further training scenes that show no object, before backgrounds that others have too: where every "
        + "picture shows some class, a classifier may learn one class as none of the others."))
  public var empty: Int
  @Option(
    .integer(
      "close-ups", 0...1_000_000, unit: "pictures", default: 0,
      "Number of pictures of one large object each, in a split close-up: what a network can learn classes from first."))
  public var closeUps: Int
  @Option(.integer("width", 32...4096, unit: "pixels", default: 160, "Width of a scene."))
  public var width: Int
  @Option(.integer("height", 32...4096, unit: "pixels", default: 120, "Height of a scene."))
  public var height: Int

  public init() {}

  public func validate() throws {
    // Objects are drawn for pictures of usual shapes: `SyntheticScenes.isPossible`.
    guard 2 * width >= height, width <= 4 * height else {
      throw ValidationError(
        "expected a width of half to four times the height, found --width \(width) --height \(height)")
    }
  }
}
