/// A drawn change of colours: four operations, each with a factor, in some order. Equal to torchvision's `adjust_*` on
/// Pillow images.
///
/// Drawing is not done here: an augmentation draws the value once and applies it wherever it is needed.
public struct ColourJitter: Sendable, Equatable {
  public enum Operation: Int, Sendable, CaseIterable {
    case brightness = 0
    case contrast = 1
    case saturation = 2
    case hue = 3
  }

  /// Which operations are applied, first to last. May leave some out.
  public var order: [Operation]
  /// 1 leaves the image as it is, 0 makes it black.
  public var brightness: Double
  /// 1 leaves the image as it is, 0 makes it the grey of its mean luma.
  public var contrast: Double
  /// 1 leaves the image as it is, 0 makes it grey.
  public var saturation: Double
  /// In turns, -0.5...0.5; 0 leaves the image as it is (up to the rounding of going through HSV, as the reference has
  /// it).
  public var hue: Double

  public init(
    order: [Operation] = Operation.allCases, brightness: Double = 1, contrast: Double = 1, saturation: Double = 1,
    hue: Double = 0
  ) {
    self.order = order
    self.brightness = brightness
    self.contrast = contrast
    self.saturation = saturation
    self.hue = hue
  }

  public func apply(_ image: RGBImage) -> RGBImage {
    order.reduce(image) { image, operation in
      switch operation {
      case .brightness: image.withBrightness(brightness)
      case .contrast: image.withContrast(contrast)
      case .saturation: image.withSaturation(saturation)
      case .hue: image.withHueShift(hue)
      }
    }
  }
}

extension RGBImage {
  /// Each channel times `factor`, cut to a whole number, at most 255. Precondition: the factor is not negative.
  public func withBrightness(_ factor: Double) -> RGBImage { blended(from: 0, factor) }

  /// Each channel c becomes m + factor (c - m), m the rounded mean luma. Precondition: the factor is not negative.
  public func withContrast(_ factor: Double) -> RGBImage {
    let sum = luma().reduce(0) { $0 + Int($1) }
    return blended(from: UInt8(Double(sum) / Double(width * height) + 0.5), factor)
  }

  /// Each channel c becomes y + factor (c - y), y the pixel's luma. Precondition: the factor is not negative.
  public func withSaturation(_ factor: Double) -> RGBImage {
    let mix = Mix(factor)
    return with(
      converted { red, green, blue in
        let grey = ColourSpace.luma(red, green, blue)
        return (mix(grey, red), mix(grey, green), mix(grey, blue))
      })
  }

  /// Hue turned by `turns` in -0.5...0.5, cut to a multiple of 1/255.
  public func withHueShift(_ turns: Double) -> RGBImage {
    precondition((-0.5...0.5).contains(turns), "a hue shift of \(turns) turns")
    let shift = UInt8(truncatingIfNeeded: Int(turns * 255))
    return with(
      converted { red, green, blue in
        let (hue, saturation, value) = ColourSpace.hsv(red, green, blue)
        return ColourSpace.rgb(hue: hue &+ shift, saturation: saturation, value: value)
      })
  }

  private func blended(from base: UInt8, _ factor: Double) -> RGBImage {
    let mix = Mix(factor)
    let table = (0...255).map { mix(base, UInt8($0)) }
    return with(
      table.withUnsafeBufferPointer { table in converted { (table[Int($0)], table[Int($1)], table[Int($2)]) } })
  }

  private func with(_ pixels: [UInt8]) -> RGBImage { RGBImage(width: width, height: height, pixels: pixels) }
}

/// base + factor (value - base) in single precision, cut; limited to 0...255 where the factor extrapolates.
private struct Mix {
  let factor: Float

  init(_ factor: Double) {
    precondition(factor >= 0 && factor.isFinite, "a colour factor of \(factor)")
    self.factor = Float(factor)
  }

  @inline(__always)
  func callAsFunction(_ base: UInt8, _ value: UInt8) -> UInt8 {
    UInt8(min(max(Float(base) + factor * Float(Int(value) - Int(base)), 0), 255))
  }
}
