import Imaging
import LabelMasks
import Tensors

/// One drawn augmentation: resize, mirror, change of colours, crop. A value that is applied alike to an image and to
/// everything aligned with it.
///
/// Aligned maps may have any resolution: they are taken to cover the whole image, and go to the output size (crop /
/// outputStride a side) in one resampling, through the centre of every output pixel.
public struct Augmentation: Sendable, Equatable {
  /// Size of the image that it was drawn for.
  public var sourceWidth: Int
  public var sourceHeight: Int
  /// Size after the resize.
  public var width: Int
  public var height: Int
  public var interpolation: AugmentationPolicy.Interpolation
  public var isFlipped: Bool
  public var jitter: ColourJitter?
  /// Side of the crop.
  public var crop: Int
  /// Position of the crop's top left corner in the resized (and mirrored) image; negative where the image starts inside
  /// the crop.
  public var x: Int
  public var y: Int
  public var outputStride: Int
  public var thumbnailRounding = AugmentationPolicy.Rounding.nearest

  /// Side of aligned maps after `scores` or `labels`.
  public var outputSide: Int { crop / outputStride }

  /// The image as 8-bit crop; around it, where it is smaller than the crop, the mean colour. Colours change before the
  /// crop, as they depend on the whole image.
  public func cropped(_ image: RGBImage, normalisation: Normalisation = .standard) -> RGBImage {
    precondition(
      image.width == sourceWidth && image.height == sourceHeight,
      "an augmentation for \(sourceWidth)x\(sourceHeight) applied to an image of \(image.width)x\(image.height)")
    var result = image
    if width != image.width || height != image.height {
      result =
        interpolation == .bicubic
        ? result.resizedBicubic(width: width, height: height) : result.resizedBilinear(width: width, height: height)
    }
    if isFlipped { result = result.flippedHorizontally() }
    if let jitter { result = jitter.apply(result) }
    return result.cropped(x: x, y: y, width: crop, height: crop, padding: normalisation.meanColour)
  }

  /// What `cropped` gives as the input of a network, (3, crop, crop), normalised; exactly 0 around the image.
  public func input(ofCropped image: RGBImage, normalisation: Normalisation = .standard) -> Tensor {
    normalisation.tensor(image, rows: covered(y, height), columns: covered(x, width))
  }

  /// What `cropped` gives at the output size (OpenCV's linear), for a CRF on output pixels.
  public func thumbnail(ofCropped image: RGBImage) -> RGBImage {
    guard thumbnailRounding == .down else { return image.resizedBilinear(width: outputSide, height: outputSide) }
    let values = FloatResampling.bilinear(
      interleaved: image.pixels.map(Float.init), height: image.height, width: image.width, channels: 3,
      toHeight: outputSide, toWidth: outputSide)
    return RGBImage(width: outputSide, height: outputSide, pixels: values.map { UInt8(max(0, min(255, $0))) })
  }

  /// Score maps (L, h, w) that cover the image, at the output size: (L, side, side). Bilinear with the edge repeated
  /// inside the image, 0 around it.
  public func scores(_ maps: Tensor) -> Tensor {
    precondition(maps.shape.rank == 3, "score maps of shape \(maps.shape), not (labels, height, width)")
    let (count, mapHeight, mapWidth) = (maps.shape[0], maps.shape[1], maps.shape[2])
    let rows = taps(origin: y, length: height, flipped: false, map: mapHeight)
    let columns = taps(origin: x, length: width, flipped: isFlipped, map: mapWidth)
    let side = outputSide
    let source = maps.values
    var values = [Float](repeating: 0, count: count * side * side)
    for label in 0..<count {
      for (i, row) in rows.enumerated() {
        guard let row else { continue }
        let near = (label * mapHeight + row.near) * mapWidth
        let far = (label * mapHeight + row.far) * mapWidth
        for (j, column) in columns.enumerated() {
          guard let column else { continue }
          let upper =
            source[near + column.near] + column.fraction * (source[near + column.far] - source[near + column.near])
          let lower =
            source[far + column.near] + column.fraction * (source[far + column.far] - source[far + column.near])
          values[(label * side + i) * side + j] = upper + row.fraction * (lower - upper)
        }
      }
    }
    return Tensor([count, side, side], values)
  }

  /// A label mask that covers the image, at the output size: the label under the centre of every output pixel, 255
  /// around the image.
  public func labels(_ mask: LabelMask) -> LabelMask {
    let rows = taps(origin: y, length: height, flipped: false, map: mask.height)
    let columns = taps(origin: x, length: width, flipped: isFlipped, map: mask.width)
    var result = LabelMask(width: outputSide, height: outputSide, label: LabelMask.void)
    for (i, row) in rows.enumerated() {
      for (j, column) in columns.enumerated() {
        if let row, let column {
          result.labels[i * outputSide + j] = mask.labels[row.nearest * mask.width + column.nearest]
        }
      }
    }
    return result
  }

  /// 0 where an output pixel shows the image, 255 around it: what the labels of a mask without objects would be.
  public var coverage: LabelMask { labels(LabelMask(width: 1, height: 1, label: 0)) }

  /// The part of the crop's side that the image covers.
  private func covered(_ origin: Int, _ length: Int) -> Range<Int> {
    let start = min(max(-origin, 0), crop)
    return start..<min(max(length - origin, start), crop)
  }

  private struct Tap {
    var near: Int
    var far: Int
    var fraction: Float
    var nearest: Int
  }

  /// For every output pixel along one side: where its centre lies in a map of `map` cells that covers the image; nil
  /// outside the image.
  private func taps(origin: Int, length: Int, flipped: Bool, map: Int) -> [Tap?] {
    (0..<outputSide).map { index in
      // Twice the position, to stay with integers: the centre of an output pixel lies on or between crop pixels.
      let twice = (2 * index + 1) * outputStride + 2 * origin
      guard twice >= 0, twice < 2 * length else { return nil }
      let position = Double(flipped ? 2 * length - twice : twice) / Double(2 * length) * Double(map)
      let centred = min(max(position - 0.5, 0), Double(map - 1))
      let near = Int(centred)
      return Tap(
        near: near, far: min(near + 1, map - 1), fraction: Float(centred - Double(near)),
        nearest: min(Int(position), map - 1))
    }
  }
}
