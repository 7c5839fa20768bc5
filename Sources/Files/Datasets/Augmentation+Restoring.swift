import Imaging
import LabelMasks

extension Augmentation {
  /// The way back of `labels`: a mask at the output size (side x side), at the size of the image that the augmentation
  /// was drawn for.
  ///
  /// Each image pixel takes the label of the output pixel in which its centre lies. At the image's border that output
  /// pixel may have its own centre outside of the image and be void in `labels`; the nearest one with its centre inside
  /// is taken then. Image pixels that the crop does not show are void.
  public func restored(_ mask: LabelMask) -> LabelMask {
    precondition(
      mask.width == outputSide && mask.height == outputSide, "a mask of \(mask.width)x\(mask.height) for \(outputSide)")
    let rows = outputPixels(source: sourceHeight, resized: height, origin: y, flipped: false)
    let columns = outputPixels(source: sourceWidth, resized: width, origin: x, flipped: isFlipped)
    var result = LabelMask(width: sourceWidth, height: sourceHeight, label: LabelMask.void)
    for (i, row) in rows.enumerated() {
      guard let row else { continue }
      for (j, column) in columns.enumerated() {
        if let column { result.labels[i * sourceWidth + j] = mask.labels[row * outputSide + column] }
      }
    }
    return result
  }

  /// For every image pixel along one side the output pixel that shows its centre; nil where the crop does not.
  private func outputPixels(source: Int, resized: Int, origin: Int, flipped: Bool) -> [Int?] {
    // The output pixels whose centre lies in the image: 0 <= (2 k + 1) stride + 2 origin < 2 resized, as in `labels`.
    let inside = (0..<outputSide).filter { k in (0..<2 * resized).contains((2 * k + 1) * outputStride + 2 * origin) }
    guard let first = inside.first, let last = inside.last else { return Array(repeating: nil, count: source) }
    return (0..<source).map { index in
      // Position of the pixel's centre in the crop, times 2 source, to stay with integers.
      let centre = (flipped ? 2 * source - (2 * index + 1) : 2 * index + 1) * resized - 2 * origin * source
      guard centre >= 0, centre < 2 * source * crop else { return nil }
      return min(max(centre / (2 * source * outputStride), first), last)
    }
  }
}

extension AugmentationPolicy {
  /// The same crop, kind of resize, interpolation and rounding with nothing random: the long side, or both sides,
  /// brought to the crop's length, the image in the centre, colours as they are.
  public var withoutChance: AugmentationPolicy {
    var policy = self
    if case .square = resize { policy.resize = .square(crop...crop) } else { policy.resize = .longSide(crop...crop) }
    (policy.flips, policy.jitter, policy.placement) = (false, nil, .centre)
    return policy
  }
}
