import Foundations
import Imaging
import LabelMasks

extension Manifest.Item {
  /// Reads the image, turned as the manifest says: the only way of all programs to a photograph.
  ///
  /// A failure names the id, and a size that is not the manifest's is one.
  public func image() throws -> RGBImage {
    let image: RGBImage
    do { image = try RGBImage(contentsOf: imagePath, orientation: orientation) } catch let failure as Failure {
      throw failure.of(item: id)
    }
    try checkSize((image.width, image.height))
    return image
  }

  /// The size that `image()` would have: the table's where it has one, else read from the file's header.
  public func imageSize() throws -> (width: Int, height: Int) {
    if let size { return (size[0], size[1]) }
    do { return orientation.size(of: try ImageHeader(contentsOf: imagePath)) } catch let failure as Failure {
      throw failure.of(item: id)
    }
  }

  private func checkSize(_ found: (Int, Int)) throws {
    guard let size, size != [found.0, found.1] else { return }
    throw Failure(
      .data, LabelMask.sizeMessage("the image", found, "the manifest's row", (size[0], size[1])), file: imagePath,
      item: id)
  }
}

extension Manifest.Item {
  /// The classes that the image may contain: background (0), then its labels.
  public var presentClasses: [Int] { [0] + (labels ?? []) }
}
