import ArgumentParser

/// What every program has: where the output goes, and how it runs.
public struct CommonOptions: ParsableArguments, Sendable {
  @Option(.path("out", .running, "Folder of this step's output; created where missing."))
  public var out: String

  @Option(
    .integer(
      "threads", 0...1024, default: 0,
      "Worker threads; 0 takes every core. Results are reproducible to the bit for one thread count."
    ).with(.running).unrecorded)
  public var threads: Int

  @Option(
    .integer("seed", 0...Int.max, default: 1, "Seed of every random draw.").with(.running).unrecorded)
  public var seed: Int

  @Flag(.switchOn("quiet", .running, "Print warnings and errors only."))
  public var isQuiet: Bool

  @Flag(.switchOn("no-provenance", .running, "Leave out of the outputs what made them."))
  public var withoutProvenance: Bool

  public init() {}
}

/// The data set of a stage that cannot do without.
public struct DataSetOptions: ParsableArguments, Sendable {
  @Option(.path("manifest", .dataSet, "The data set: classes, splits and items."))
  public var manifest: String

  @Option(.dataRoot)
  public var data: String?

  public init() {}
}

/// The data set of a stage that can do without; each says when it cannot.
public struct OptionalDataSetOptions: ParsableArguments, Sendable {
  @Option(
    .path("manifest", .dataSet, "The data set: classes, splits and items. The text above says when it is needed."))
  public var manifest: String?

  @Option(.dataRoot)
  public var data: String?

  public init() {}

  public func validate() throws { try refuse(["data"], when: manifest == nil, "without --manifest") }
}

extension Declared where Value == String {
  fileprivate static let dataRoot = path(
    "data", .dataSet, "Root of the data set's images and masks. Without it the manifest's folder.")

  /// The part of the manifest that a stage works on.
  static func split(_ standard: String, _ help: String = "Split of the manifest to work on.") -> Declared {
    text("split", default: .value(standard), help)
  }
}

/// What a stage over images does with one that cannot be read.
public struct DamagedImageOptions: ParsableArguments, Sendable {
  @Flag(
    .flag(
      "skip-damaged", default: false,
      "Leave out images that cannot be read, say how many, and name them in the completion file, instead of stopping "
        + "at the first."
    ).unrecorded)
  public var skipsDamaged: Bool

  public init() {}
}

/// Refuses options that do not go together, naming the one to change.
///
/// - Throws: `--OPTION: expected EXPECTED, found FOUND` where `condition` does not hold.
func require(_ condition: Bool, _ option: String, _ expected: String, found: @autoclosure () -> Any) throws {
  if !condition { throw ValidationError("--\(option): \(WrongValue(expected: expected, found: "\(found())"))") }
}

extension Declared where Value == Bool {
  /// Not recorded: where the masks are taken at all, the outputs are the same.
  static let ignorePalette = flag(
    "ignore-palette", default: false,
    "Take the masks' values as they are, even where their palette has them as other classes."
  ).unrecorded
}
