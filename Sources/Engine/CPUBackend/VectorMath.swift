/// exp(r) = 2^exponent (1 + fraction), eight at a time, for x <= 88 (below -87.3, where the result would lose bits,
/// lanes give 0 in `power`).
///
/// Error at most 1 ulp or so; products and sums are rounded one by one (no fused operations), so all machines give
/// the same bits.
struct EightExponentials {
  /// 2^n.
  let scale: SIMD8<Float>
  /// exp(x - n ln 2) - 1, accurate relative to itself.
  let fraction: SIMD8<Float>
  private let isTiny: SIMDMask<SIMD8<Int32>>

  @inline(__always)
  init(_ x: SIMD8<Float>) {
    // Adding 1.5 2^23 leaves the nearest integer in the low bits; NaN passes through the comparison and the polynomial.
    let magic = SIMD8<Float>(repeating: 12_582_912)
    isTiny = x .< -87.3
    let x = x.replacing(with: -87.3, where: isTiny)
    let shifted = x * 1.442_695_04 + magic
    let n = shifted - magic
    let r = (x - n * 0.693_359_375) - n * -2.121_944_4e-4
    var q = r * 1.987_569_15e-4 + 1.398_199_950_7e-3
    q = q * r + 8.333_451_907_3e-3
    q = q * r + 4.166_579_589_4e-2
    q = q * r + 1.666_666_545_9e-1
    q = q * r + 5.000_000_120_1e-1
    fraction = q * (r * r) + r
    let bits = (unsafeBitCast(shifted, to: SIMD8<Int32>.self) &+ 127) &<< 23
    scale = unsafeBitCast(bits, to: SIMD8<Float>.self)
  }

  /// exp(x).
  var power: SIMD8<Float> {
    @inline(__always) get { (scale + scale * fraction).replacing(with: 0, where: isTiny) }
  }

  /// exp(x) - 1, accurate near 0.
  var powerMinusOne: SIMD8<Float> {
    @inline(__always) get { (scale * fraction + (scale - 1)).replacing(with: -1, where: isTiny) }
  }
}

/// target[i] = f(source[i]) for `range`, eight at a time; lanes beyond the end get copies of the last element.
@inline(__always)
func mapEight(
  _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ range: Range<Int>,
  _ f: (SIMD8<Float>) -> SIMD8<Float>
) {
  var i = range.lowerBound
  while i &+ 8 <= range.upperBound {
    storeEight(f(loadEight(source + i)), target + i)
    i &+= 8
  }
  if i < range.upperBound {
    let rest = range.upperBound &- i
    var lanes = SIMD8<Float>(repeating: source[range.upperBound &- 1])
    for lane in 0..<rest { lanes[lane] = source[i &+ lane] }
    let result = f(lanes)
    for lane in 0..<rest { target[i &+ lane] = result[lane] }
  }
}
