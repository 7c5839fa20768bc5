import ArgumentParser
import Foundations

/// The options that every stage has, declared once.
public struct SharedOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The data set: classes, splits and items.", valueName: "FILE"))
  public var manifest: String?

  @Option(help: ArgumentHelp("Root of the data set's images and masks; default: the manifest's folder.", valueName: "DIR"))
  public var data: String?

  @Option(help: ArgumentHelp("Folder of this step's output; created where missing.", valueName: "DIR"))
  public var out: String

  @Option(help: ArgumentHelp("Work on the I-th of N parts of the items.", valueName: "I/N"))
  public var shard: Shard = Shard()

  @Option(help: "Worker threads; 0 takes every core. Results are reproducible to the bit for one thread count.")
  public var threads: Int = 0

  @Option(help: "Seed of every random draw.")
  public var seed: UInt64 = 1

  @Flag(help: "Print warnings and errors only.")
  public var quiet = false

  @Flag(name: .customLong("no-provenance"), help: "Leave out of the outputs what made them.")
  public var withoutProvenance = false

  public init() {}

  public mutating func validate() throws {
    guard threads >= 0 else { throw ValidationError("--threads: expected 0 or more, found \(threads)") }
    guard !out.isEmpty else { throw ValidationError("--out: expected a folder, found an empty text") }
  }

  /// The manifest's path, or a usage failure where the option is missing.
  public func requireManifest() throws -> String {
    guard let manifest else { throw Failure(.usage, "expected --manifest FILE, found none") }
    return manifest
  }
}
