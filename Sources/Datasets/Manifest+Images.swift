import Foundations
import Imaging

extension Manifest.Item {
  /// Reads the image; a failure names the id, and a size that is not the manifest's is one.
  public func image() throws -> RGBImage {
    let image: RGBImage
    do { image = try RGBImage(contentsOf: imagePath) } catch let failure as Failure { throw failure.of(item: id) }
    if let size, size != [image.width, image.height] {
      throw Failure(.data, "image is \(image.width)x\(image.height), the manifest says \(size[0])x\(size[1])", file: imagePath, item: id)
    }
    return image
  }
}
