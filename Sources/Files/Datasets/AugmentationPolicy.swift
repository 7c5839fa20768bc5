import Foundations
import Imaging

/// What augmentations may be drawn, for a training step.
public struct AugmentationPolicy: Sendable, Equatable {
  /// To what size an image is brought before the crop.
  public enum Resize: Sendable, Equatable {
    /// Its longer side to a length drawn from the range; the ratio of the sides is kept.
    case longSide(ClosedRange<Int>)
    /// Both sides to one length drawn from the range: the reference's way in the training of SSDD.
    case square(ClosedRange<Int>)
    /// As it is.
    case none
  }

  public enum Interpolation: String, Sendable, CaseIterable {
    /// Antialiased, as Pillow's BICUBIC.
    case bicubic
    /// Not antialiased, as OpenCV's INTER_LINEAR.
    case bilinear
  }

  public enum Placement: String, Sendable, CaseIterable {
    case random
    case centre
  }

  /// How the crop at the output size becomes 8 bits.
  public enum Rounding: String, Sendable, CaseIterable {
    /// To the nearest level, in OpenCV's fixed-point arithmetic.
    case nearest
    /// Resized in floating point, fractions dropped.
    case down
  }

  /// How far colours may be changed: factors are drawn from 1 - strength ... 1 + strength, the hue shift from -hue ...
  /// hue turns.
  public struct Jitter: Sendable, Equatable {
    public var brightness: Double
    public var contrast: Double
    public var saturation: Double
    public var hue: Double

    public init(brightness: Double = 0.3, contrast: Double = 0.3, saturation: Double = 0.3, hue: Double = 0.1) {
      self.brightness = brightness
      self.contrast = contrast
      self.saturation = saturation
      self.hue = hue
    }
  }

  public var resize: Resize
  public var interpolation: Interpolation
  /// Mirror one image in two.
  public var flips: Bool
  /// nil leaves colours alone.
  public var jitter: Jitter?
  /// Side of the square crop in pixels.
  public var crop: Int
  public var placement: Placement
  /// Crop pixels to one pixel of the aligned maps: they have `crop / outputStride` a side.
  public var outputStride: Int
  /// Of the small image for a CRF inside the training loop.
  public var thumbnailRounding = Rounding.nearest

  /// Precondition: the crop is a multiple of the output stride.
  public init(
    resize: Resize, interpolation: Interpolation = .bicubic, flips: Bool = true, jitter: Jitter? = Jitter(), crop: Int,
    placement: Placement = .random, outputStride: Int = 4
  ) {
    precondition(
      crop > 0 && outputStride > 0 && crop % outputStride == 0, "a crop of \(crop) at output stride \(outputStride)")
    self.resize = resize
    self.interpolation = interpolation
    self.flips = flips
    self.jitter = jitter
    self.crop = crop
    self.placement = placement
    self.outputStride = outputStride
  }

  /// Nothing random: the longer side brought to the crop's, the image in the centre, colours as they are.
  public static func none(crop: Int, outputStride: Int = 4) -> AugmentationPolicy {
    AugmentationPolicy(
      resize: .longSide(crop...crop), flips: false, jitter: nil, crop: crop, placement: .centre,
      outputStride: outputStride)
  }

  /// The augmentation of image `id` in `epoch`: a function of the arguments alone, so neither batch size, nor order,
  /// nor threads, nor a resumed run change it.
  ///
  /// Each choice has its own place in the random sequence: switching one off leaves the others as they were.
  public func draw(seed: UInt64, epoch: Int, id: String, width: Int, height: Int) -> Augmentation {
    var generator = SeededGenerator(seed: seed, "augmentation", String(epoch), id)
    let (newWidth, newHeight) = size(width: width, height: height, &generator)
    let isFlipped = generator.chance(0.5)
    let jitter = drawJitter(&generator)
    let (x, y) = (origin(newWidth, &generator), origin(newHeight, &generator))
    return Augmentation(
      sourceWidth: width, sourceHeight: height, width: newWidth, height: newHeight, interpolation: interpolation,
      isFlipped: flips && isFlipped,
      jitter: jitter, crop: crop, x: x, y: y, outputStride: outputStride, thumbnailRounding: thumbnailRounding)
  }

  private func size(width: Int, height: Int, _ generator: inout SeededGenerator) -> (Int, Int) {
    switch resize {
    case .longSide(let range):
      let side = generator.integer(range)
      let long = max(width, height)
      func scaled(_ length: Int) -> Int {
        max(1, Int((Double(length) * Double(side) / Double(long)).rounded(.toNearestOrEven)))
      }
      return (scaled(width), scaled(height))
    case .square(let range):
      let side = generator.integer(range)
      return (side, side)
    case .none:
      _ = generator.next()
      return (width, height)
    }
  }

  private func drawJitter(_ generator: inout SeededGenerator) -> ColourJitter? {
    var order = ColourJitter.Operation.allCases
    generator.shuffle(&order)
    let t = (0..<4).map { _ in 2 * Double(generator.unit()) - 1 }
    guard let jitter else { return nil }
    return ColourJitter(
      order: order, brightness: 1 + jitter.brightness * t[0], contrast: 1 + jitter.contrast * t[1],
      saturation: 1 + jitter.saturation * t[2],
      hue: jitter.hue * t[3])
  }

  /// Where the crop starts along one side of the resized image: within it where the image is larger, before it where
  /// the image is smaller.
  private func origin(_ length: Int, _ generator: inout SeededGenerator) -> Int {
    let space = length - crop
    let random = generator.integer(min(space, 0)...max(space, 0))
    return placement == .centre ? (space < 0 ? -(-space / 2) : space / 2) : random
  }
}
