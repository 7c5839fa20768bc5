/// Noise from integer hashing: the same bits on every machine, as it uses only integer operations and +, -, *, / on
/// single precision.
struct Noise: Sendable {
  let seed: UInt32

  init(_ seed: UInt64) { self.seed = UInt32(truncatingIfNeeded: seed ^ (seed >> 32)) }

  /// A hash of a lattice point.
  @inline(__always)
  func hash(_ x: Int32, _ y: Int32) -> UInt32 {
    var h = seed &+ UInt32(bitPattern: x) &* 0x9E37_79B1 ^ UInt32(bitPattern: y) &* 0x85EB_CA77
    h ^= h >> 15
    h &*= 0x2C1B_3C6D
    h ^= h >> 12
    h &*= 0x297A_2D39
    return h ^ (h >> 15)
  }

  /// Uniform in [0, 1) for a lattice point.
  @inline(__always)
  func unit(_ x: Int32, _ y: Int32) -> Float { Float(hash(x, y) >> 8) / 16_777_216 }

  /// Value noise in [0, 1): smooth between lattice points one unit apart.
  @inline(__always)
  func value(_ x: Float, _ y: Float) -> Float {
    let (fx, fy) = (x.rounded(.down), y.rounded(.down))
    let (ix, iy) = (Int32(fx), Int32(fy))
    let (u, v) = (smooth(x - fx), smooth(y - fy))
    let top = mix(unit(ix, iy), unit(ix &+ 1, iy), u)
    let bottom = mix(unit(ix, iy &+ 1), unit(ix &+ 1, iy &+ 1), u)
    return mix(top, bottom, v)
  }

  /// Octaves of value noise, each at twice the frequency and half the weight, in [0, 1).
  func fractal(_ x: Float, _ y: Float, octaves: Int) -> Float {
    var (sum, weight, total, frequency): (Float, Float, Float, Float) = (0, 1, 0, 1)
    for octave in 0..<octaves {
      // The offset keeps lattice points of the octaves from falling together.
      sum += weight * value(x * frequency + Float(octave) * 17.5, y * frequency + Float(octave) * 31.25)
      total += weight
      weight *= 0.5
      frequency *= 2
    }
    return sum / total
  }

  /// Cellular noise: distances to the nearest and second nearest of one random point per cell, and a hash that names
  /// the nearest.
  func cell(_ x: Float, _ y: Float) -> (near: Float, second: Float, id: UInt32) {
    let (fx, fy) = (x.rounded(.down), y.rounded(.down))
    var (near, second, id): (Float, Float, UInt32) = (9, 9, 0)
    for dy in Int32(-1)...1 {
      for dx in Int32(-1)...1 {
        let (cx, cy) = (Int32(fx) &+ dx, Int32(fy) &+ dy)
        let h = hash(cx, cy)
        let px = Float(cx) + Float(h & 0xFFFF) / 65_536 - x
        let py = Float(cy) + Float(h >> 16) / 65_536 - y
        let distance = px * px + py * py
        if distance < near {
          (second, near, id) = (near, distance, h)
        } else if distance < second {
          second = distance
        }
      }
    }
    return (near.squareRoot(), second.squareRoot(), id &* 0x9E37_79B1)
  }
}

/// Red, green, blue in 0...1 (beyond it until the picture is finished).
typealias Colour = SIMD3<Float>

@inline(__always)
func mix(_ a: Float, _ b: Float, _ t: Float) -> Float { a + (b - a) * t }

@inline(__always)
func mix(_ a: Colour, _ b: Colour, _ t: Float) -> Colour { a + (b - a) * t }

@inline(__always)
func clamp(_ x: Float) -> Float { min(max(x, 0), 1) }

/// 3t^2 - 2t^3.
@inline(__always)
func smooth(_ t: Float) -> Float { t * t * (3 - 2 * t) }

/// 0 below `a`, 1 above `b`, smooth between.
@inline(__always)
func step(_ a: Float, _ b: Float, _ x: Float) -> Float { smooth(clamp((x - a) / (b - a))) }

/// A wave of period 1 between 0 and 1, 0 at integers, made of parabolas: near a sine, without one.
@inline(__always)
func wave(_ x: Float) -> Float {
  let t = x - x.rounded(.down)
  let bump = 4 * t * (1 - t)
  return smooth(bump)
}
