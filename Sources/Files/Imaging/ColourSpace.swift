/// Conversions between colour spaces with Pillow's rounding.
enum ColourSpace {
  /// ITU-R 601 luma in fixed point of 16 bits.
  @inline(__always)
  static func luma(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
    UInt8(truncatingIfNeeded: (19595 &* UInt32(red) &+ 38470 &* UInt32(green) &+ 7471 &* UInt32(blue) &+ 0x8000) >> 16)
  }

  /// Hue in units of 1/255 turn, saturation, value; fractions are cut, not rounded. Some steps are single and some
  /// double precision.
  static func hsv(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> (hue: UInt8, saturation: UInt8, value: UInt8) {
    let most = max(red, green, blue)
    let least = min(red, green, blue)
    if most == least { return (0, 0, most) }
    let range = Float(most - least)
    let r = Float(most - red) / range
    let g = Float(most - green) / range
    let b = Float(most - blue) / range
    let sixths: Float =
      if red == most { b - g } else if green == most { Float(2.0 + Double(r) - Double(b)) } else {
        Float(4.0 + Double(g) - Double(r))
      }
    let turned = Double(sixths) / 6.0 + 1.0
    let turn = Float(turned >= 1 ? turned - 1 : turned)
    let saturation = Double(range / Float(most))
    return (UInt8(Double(turn) * 255.0), UInt8(saturation * 255.0), most)
  }

  static func rgb(hue: UInt8, saturation: UInt8, value: UInt8) -> (red: UInt8, green: UInt8, blue: UInt8) {
    if saturation == 0 { return (value, value, value) }
    let sixths = Double(Float(hue)) * 6.0 / 255.0
    let sector = Int(sixths)
    let within = Float(sixths - Double(sector))
    let s = Float(Double(Float(saturation)) / 255.0)
    let v = Double(value)
    @inline(__always) func byte(_ x: Double) -> UInt8 { UInt8(min(max(x + 0.5, 0), 255)) }
    let p = byte(v * (1.0 - Double(s)))
    let q = byte(v * (1.0 - Double(s * within)))
    let t = byte(v * (1.0 - Double(s) * (1.0 - Double(within))))
    switch sector % 6 {
    case 0: return (value, t, p)
    case 1: return (q, value, p)
    case 2: return (p, value, t)
    case 3: return (p, q, value)
    case 4: return (t, p, value)
    default: return (value, p, q)
    }
  }
}

extension RGBImage {
  /// Luma of every pixel, rows from the top: (19595 R + 38470 G + 7471 B + 32768) / 65536, cut.
  public func luma() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: width * height) { out, count in
      pixels.withUnsafeBufferPointer { source in
        for i in 0..<width * height { out[i] = ColourSpace.luma(source[3 * i], source[3 * i + 1], source[3 * i + 2]) }
      }
      count = width * height
    }
  }

  /// Hue, saturation and value interleaved, each 0...255, as Pillow's HSV mode.
  public func hsv() -> [UInt8] {
    converted { ColourSpace.hsv($0, $1, $2) }
  }

  /// An image from `hsv()`'s form. Precondition: `hsv` holds `width * height * 3` bytes.
  public init(width: Int, height: Int, hsv: [UInt8]) {
    let form = RGBImage(width: width, height: height, pixels: hsv)
    self.init(
      width: width, height: height, pixels: form.converted { ColourSpace.rgb(hue: $0, saturation: $1, value: $2) })
  }

  @inline(__always)
  func converted(_ body: (UInt8, UInt8, UInt8) -> (UInt8, UInt8, UInt8)) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: pixels.count) { out, count in
      pixels.withUnsafeBufferPointer { source in
        for i in stride(from: 0, to: source.count, by: 3) {
          (out[i], out[i + 1], out[i + 2]) = body(source[i], source[i + 1], source[i + 2])
        }
      }
      count = pixels.count
    }
  }
}
