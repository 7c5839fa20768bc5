import Datasets
import Foundations
import Imaging
import StageInterface
import Tensors

/// The images that a stage works on.
public struct StageData: Sendable {
  public let manifest: Manifest
  /// All images of the split, in the manifest's order.
  public let items: [Manifest.Item]

  public var classes: ClassTable { manifest.classes }
}

extension StageRun {
  /// Reads the manifest and takes a split.
  ///
  /// - Parameter labelled: whether every image must have image-level labels.
  public func data(_ data: DataSetOptions, split: String, labelled: Bool = true) throws -> StageData {
    try self.data(manifest: data.manifest, root: data.data, split: split, labelled: labelled)
  }

  /// The same of a stage that can do without a data set.
  ///
  /// - Throws: `Failure(.usage)` where no manifest is given.
  public func data(_ data: OptionalDataSetOptions, split: String, labelled: Bool = true) throws -> StageData {
    try self.data(manifest: try data.requireManifest(), root: data.data, split: split, labelled: labelled)
  }

  private func data(manifest: String, root: String?, split: String, labelled: Bool) throws -> StageData {
    let manifest = try Manifest(contentsOf: manifest, dataRoot: root)
    for warning in manifest.warnings { log.warning("\(manifest.path): \(warning)") }
    return StageData(manifest: manifest, items: try manifest.items(split: split, labelled: labelled))
  }
}

extension OptionalDataSetOptions {
  /// The manifest's path, or a usage failure where the option is missing.
  public func requireManifest() throws -> String {
    guard let manifest else { throw Failure(.usage, "expected --manifest FILE, found none") }
    return manifest
  }
}
