import Foundation
import Foundations
import Imaging
import LabelMasks

/// Truth masks, for scoring only.
///
/// The method learns from image-level labels: no training step may read a truth mask. This type is the only way to one,
/// so it is enough to see that no training code names it. A test of the architecture does.
public struct EvaluationMasks: Sendable {
  private let classes: ClassTable
  private let ignoringPalette: Bool

  /// - Parameter ignoringPalette: take a mask's values as they are, even where its palette says that they mean other
  ///   classes.
  public init(_ manifest: Manifest, ignoringPalette: Bool = false) {
    classes = manifest.classes
    self.ignoringPalette = ignoringPalette
  }

  /// Path of the truth mask. `Failure(.data)` where the manifest has no masks.
  public func path(of item: Manifest.Item) throws -> String {
    guard let path = item.maskPath else {
      throw Failure(.data, "the manifest gives no truth mask for this image", item: item.id)
    }
    return path
  }

  /// Whether the manifest has a truth mask for any of the items.
  public func areGiven(for items: [Manifest.Item]) -> Bool { items.contains { $0.maskPath != nil } }

  /// Refuses the first item whose mask file does not exist: to be called before a long run.
  public func checkFiles(of items: [Manifest.Item]) throws {
    for item in items {
      let path = try path(of: item)
      guard FileManager.default.fileExists(atPath: path) else {
        throw Failure(
          .noInput, "the manifest names this truth mask, but there is no such file", file: path, item: item.id)
      }
    }
  }

  /// The truth mask of an image as class indices: 0 background, 1...C, 255 void.
  ///
  /// - Parameters:
  ///   - width: the width of the image, which the mask must have; nil to take the mask's as it is.
  ///   - height: the same.
  /// - Throws: `Failure(.data)` with path and id where the size differs, a value is neither in the class table nor
  ///   excused by its policy, or the palette contradicts the class table.
  public func mask(of item: Manifest.Item, width: Int? = nil, height: Int? = nil) throws -> LabelMask {
    let path = try path(of: item)
    do {
      let (values, palette, _) = try LabelMask.readAll(contentsOf: path)
      if let width, let height { try values.requireSize(width: width, height: height, of: item.imagePath) }
      if let size = item.size { try values.requireSize(width: size[0], height: size[1], of: "the manifest's row") }
      if !ignoringPalette { try classes.checkPalette(palette, of: values) }
      return try classes.indices(ofValues: values)
    } catch let failure as Failure {
      throw failure.of(file: path).of(item: item.id)
    }
  }
}
