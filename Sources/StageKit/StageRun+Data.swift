import Datasets
import Foundations
import Imaging
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
  public func data(_ shared: SharedOptions, split: String, labelled: Bool = true) throws -> StageData {
    let manifest = try Manifest(contentsOf: try shared.requireManifest(), dataRoot: shared.data)
    return StageData(manifest: manifest, items: try manifest.items(split: split, labelled: labelled))
  }
}

extension Manifest.Item {
  /// The classes that the image may contain: background (0), then its labels.
  public var presentClasses: [Int] { [0] + (labels ?? []) }
}

extension RGBImage {
  /// The image as the input of a network: (1, 3, height, width), normalised.
  public var networkInput: Tensor { Normalisation.standard.tensor(self).reshaped([1, 3, height, width]) }
}
