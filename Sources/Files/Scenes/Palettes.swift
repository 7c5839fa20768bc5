import Foundations

/// Families of colours. Backgrounds, clutter and the ambiguous parts of objects all draw from them, so that colour
/// alone tells no class.
enum PaletteFamily: Int, CaseIterable {
  case earth, moss, sand, slate, water, dusk, rust, linen, ivy, plum

  /// Dark, middle, light, accent.
  var colours: [Colour] {
    switch self {
    case .earth: Self.bytes([74, 52, 36], [121, 88, 60], [168, 134, 98], [96, 104, 62])
    case .moss: Self.bytes([46, 66, 32], [88, 114, 52], [142, 160, 84], [118, 92, 58])
    case .sand: Self.bytes([150, 122, 84], [194, 168, 124], [224, 204, 166], [140, 140, 128])
    case .slate: Self.bytes([58, 64, 72], [102, 110, 118], [158, 164, 168], [118, 104, 92])
    case .water: Self.bytes([28, 66, 84], [58, 112, 132], [128, 172, 182], [72, 120, 98])
    case .dusk: Self.bytes([82, 84, 128], [148, 132, 160], [218, 176, 158], [104, 122, 162])
    case .rust: Self.bytes([92, 44, 30], [146, 82, 52], [192, 134, 92], [110, 100, 96])
    case .linen: Self.bytes([142, 134, 120], [188, 180, 164], [226, 220, 206], [160, 150, 170])
    case .ivy: Self.bytes([22, 54, 44], [48, 96, 74], [112, 150, 118], [146, 138, 74])
    case .plum: Self.bytes([64, 40, 62], [112, 78, 106], [170, 138, 156], [98, 104, 84])
    }
  }

  private static func bytes(_ rows: [Float]...) -> [Colour] { rows.map { Colour($0[0], $0[1], $0[2]) / 255 } }

  static func draw(_ generator: inout SeededGenerator) -> PaletteFamily {
    allCases[generator.integer(0...allCases.count - 1)]
  }

  /// The family's colours with a common shift of tone and brightness.
  func drawColours(_ generator: inout SeededGenerator) -> [Colour] {
    let gain = generator.uniform(0.82...1.15)
    let tint = Colour(generator.uniform(-0.05...0.05), generator.uniform(-0.04...0.04), generator.uniform(-0.05...0.05))
    return colours.map {
      ($0 * gain + tint).clamped(lowerBound: Colour(repeating: 0.02), upperBound: Colour(repeating: 0.98))
    }
  }
}
