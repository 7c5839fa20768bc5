/// How a part's colour varies over it.
struct Material: Sendable {
  enum Pattern: Sendable {
    /// Blotches of `a` and `b`; `frequency` of them over the part.
    case mottled(frequency: Float)
    /// Hard stripes across the local x axis (or y where `upright`).
    case stripes(count: Float, upright: Bool, share: Float)
    /// Discs of `b` on `a`.
    case spots(frequency: Float, radius: Float)
    /// Scales, as of a fish, from `a` on the back (local y -1) to `b` on the belly.
    case scales(frequency: Float)
    /// Concentric rings.
    case rings(count: Float)
    /// Quarters, by the signs of local x and y.
    case quarters
    /// `b` in the middle fading to `a`, with `bars` dark bars across each way.
    case glow(bars: Float)
    /// Grain along the local x axis (or y where `upright`).
    case grain(frequency: Float, upright: Bool)
  }

  var a: Colour
  var b: Colour
  var pattern: Pattern
  /// Strength of the highlight.
  var gloss: Float = 0.15
  /// 0: fully shaded by the light; 1: shines by itself.
  var emission: Float = 0

  func colour(_ p: Point, _ noise: Noise) -> Colour {
    switch pattern {
    case .mottled(let frequency):
      let t = noise.fractal(p.x * frequency + 50, p.y * frequency + 50, octaves: 4)
      return mix(a, b, step(0.32, 0.68, t))
    case .stripes(let count, let upright, let share):
      let x = (upright ? p.y : p.x) * 0.5 * count + 20.25
      let phase = x - x.rounded(.down)
      return grain(phase < share ? b : a, p, noise)
    case .spots(let frequency, let radius):
      let cell = noise.cell(p.x * frequency + 40, p.y * frequency + 40)
      return grain(cell.near < radius ? b : a, p, noise)
    case .scales(let frequency):
      let row = ((p.y + 4) * frequency).rounded(.down)
      let shift: Float = Int(row) % 2 == 0 ? 0 : 0.5
      let x = (p.x + 4) * frequency * 0.8 + shift
      let (u, v) = (x - x.rounded(.down) - 0.5, (p.y + 4) * frequency - row - 0.5)
      let rim = step(0.12, 0.42, u * u + v * v)
      return mix(a, b, clamp(0.5 + 0.6 * p.y)) * (1.08 - 0.4 * rim)
    case .rings(let count):
      let r = (p.x * p.x + p.y * p.y).squareRoot() * count
      return Int(r) % 2 == 0 ? b : a
    case .quarters:
      return grain((p.x > 0) == (p.y > 0) ? a : b, p, noise)
    case .glow(let bars):
      let (x, y) = ((p.x + 1) * 0.5 * bars, (p.y + 1) * 0.5 * bars)
      let (u, v) = (x - x.rounded(.down), y - y.rounded(.down))
      if u < 0.16 || v < 0.16 { return Colour(0.16, 0.1, 0.06) }
      return mix(b, a, clamp((p.x * p.x + p.y * p.y) * 0.8))
    case .grain(let frequency, let upright):
      let q = upright ? Point(p.y, p.x) : p
      return mix(a, b, noise.fractal(q.x * 2 + 30, q.y * frequency + 30, octaves: 3))
    }
  }

  private func grain(_ colour: Colour, _ p: Point, _ noise: Noise) -> Colour {
    colour * (0.9 + 0.2 * noise.value(p.x * 9 + 60, p.y * 9 + 60))
  }
}
