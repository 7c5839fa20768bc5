/// The one-dimensional transforms of Winograd's minimal filtering F(m, 3), of independent lines in vectors.
///
/// m outputs of a three-tap correlation y[i] = sum of g[j] d[i + j] cost m + 2 products instead of 3 m: y = A'[(G g)(B' d)]. The sum of products for
/// the gradient by g is the transpose: G'[(B' d)(A dy)]. The evaluation points (README has their errors) make all constants of A and B exact floats.
enum WinogradTransform: Sendable {
  /// F(4x4, 3x3): 2.25 products an output.
  case four
  /// F(5x5, 3x3): 1.96 products an output and twice the error; for tiles that it fits and the other does not.
  case five

  /// Outputs of a tile along an axis, and its inputs.
  var outputs: Int { self == .four ? 4 : 5 }
  var inputs: Int { outputs + 2 }
  /// Products of a tile: matrices of the transformed domain.
  var points: Int { inputs * inputs }
  static let mostInputs = 7

  typealias Source = UnsafePointer<Float>
  typealias Target = UnsafeMutablePointer<Float>

  /// A loop around a transform: `count` times, further by `from` and `to` floats each time.
  struct Loop {
    let count, from, to: Int
    static let once = Loop(count: 1, from: 0, to: 0)
  }

  /// Which of the transforms: of what is filtered (B'), of the products to outputs (A'), of upstream (A), of the weight (G), of the products to its gradient (G').
  enum Step { case input, output, upstream, weight, weightGradient }

  /// `step` along one axis: element k of a line is at `source[k * from]` and becomes `target[k * to]`. The lines are those of `vectors` neighbouring
  /// vectors of sixteen floats, in each turn of the inner loop in each turn of the outer one.
  func apply(_ step: Step, _ source: Source, _ from: Int, _ target: Target, _ to: Int, outer: Loop = .once, inner: Loop = .once, vectors: Int) {
    @inline(__always)
    func apply(_ transform: (Source, Int, Target, Int) -> Void) {
      for i in 0..<outer.count {
        for j in 0..<inner.count {
          let source = source + (i &* outer.from &+ j &* inner.from)
          let target = target + (i &* outer.to &+ j &* inner.to)
          for lane in Swift.stride(from: 0, to: vectors &* Panels.lanes, by: 8) { transform(source + lane, from, target + lane, to) }
        }
      }
    }
    switch (self, step) {
    case (.four, .input): apply(FourOutputs.input)
    case (.four, .output): apply(FourOutputs.output)
    case (.four, .upstream): apply(FourOutputs.upstream)
    case (.four, .weight): apply(FourOutputs.weight)
    case (.four, .weightGradient): apply(FourOutputs.weightGradient)
    case (.five, .input): apply(FiveOutputs.input)
    case (.five, .output): apply(FiveOutputs.output)
    case (.five, .upstream): apply(FiveOutputs.upstream)
    case (.five, .weight): apply(FiveOutputs.weight)
    case (.five, .weightGradient): apply(FiveOutputs.weightGradient)
    }
  }
}

private typealias Source = WinogradTransform.Source
private typealias Target = WinogradTransform.Target

// All functions below read `source[k * from]`, eight lanes each, and write `target[k * to]`.

/// F(4, 3) at 0, +-3/4, +-3/2 and infinity: errors are a third of those of the usual 0, +-1, +-2.
private enum FourOutputs {
  /// The inner and outer evaluation point, and what follows from them.
  @inline(__always) private static var a: Float { 0.75 }
  @inline(__always) private static var b: Float { 1.5 }
  @inline(__always) private static var aa: Float { a * a }
  @inline(__always) private static var bb: Float { b * b }
  /// Rows of G are divided by the products of the differences of the points.
  @inline(__always) private static var share0: Float { 1 / (aa * bb) }
  @inline(__always) private static var shareA: Float { 1 / (2 * aa * (aa - bb)) }
  @inline(__always) private static var shareB: Float { 1 / (2 * bb * (bb - aa)) }

  /// B': six inputs to six points.
  @inline(__always)
  static func input(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (d0, d1, d2) = (loadEight(source), loadEight(source + from), loadEight(source + 2 * from))
    let (d3, d4, d5) = (loadEight(source + 3 * from), loadEight(source + 4 * from), loadEight(source + 5 * from))
    storeEight(d0 * (aa * bb) - d2 * (aa + bb) + d4, target)
    let (evenA, oddA) = (d4 - d2 * bb, (d3 - d1 * bb) * a)
    storeEight(evenA + oddA, target + to)
    storeEight(evenA - oddA, target + 2 * to)
    let (evenB, oddB) = (d4 - d2 * aa, (d3 - d1 * aa) * b)
    storeEight(evenB + oddB, target + 3 * to)
    storeEight(evenB - oddB, target + 4 * to)
    storeEight(d1 * (aa * bb) - d3 * (aa + bb) + d5, target + 5 * to)
  }

  /// A': six points to four outputs.
  @inline(__always)
  static func output(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (m1, m2) = (loadEight(source + from), loadEight(source + 2 * from))
    let (m3, m4) = (loadEight(source + 3 * from), loadEight(source + 4 * from))
    let (sumA, differenceA, sumB, differenceB) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4)
    storeEight(loadEight(source) + sumA + sumB, target)
    storeEight(differenceA * a + differenceB * b, target + to)
    storeEight(sumA * aa + sumB * bb, target + 2 * to)
    storeEight(differenceA * (aa * a) + differenceB * (bb * b) + loadEight(source + 5 * from), target + 3 * to)
  }

  /// A: four upstream values to six points.
  @inline(__always)
  static func upstream(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (y0, y1) = (loadEight(source), loadEight(source + from))
    let (y2, y3) = (loadEight(source + 2 * from), loadEight(source + 3 * from))
    storeEight(y0, target)
    let (evenA, oddA) = (y0 + y2 * aa, (y1 + y3 * aa) * a)
    storeEight(evenA + oddA, target + to)
    storeEight(evenA - oddA, target + 2 * to)
    let (evenB, oddB) = (y0 + y2 * bb, (y1 + y3 * bb) * b)
    storeEight(evenB + oddB, target + 3 * to)
    storeEight(evenB - oddB, target + 4 * to)
    storeEight(y3, target + 5 * to)
  }

  /// G: three taps to six points.
  @inline(__always)
  static func weight(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (g0, g1, g2) = (loadEight(source), loadEight(source + from), loadEight(source + 2 * from))
    storeEight(g0 * share0, target)
    let (evenA, oddA) = ((g0 + g2 * aa) * shareA, g1 * (shareA * a))
    storeEight(evenA + oddA, target + to)
    storeEight(evenA - oddA, target + 2 * to)
    let (evenB, oddB) = ((g0 + g2 * bb) * shareB, g1 * (shareB * b))
    storeEight(evenB + oddB, target + 3 * to)
    storeEight(evenB - oddB, target + 4 * to)
    storeEight(g2, target + 5 * to)
  }

  /// G': six points to the gradient by three taps.
  @inline(__always)
  static func weightGradient(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (u1, u2) = (loadEight(source + from), loadEight(source + 2 * from))
    let (u3, u4) = (loadEight(source + 3 * from), loadEight(source + 4 * from))
    let (sumA, differenceA) = ((u1 + u2) * shareA, (u1 - u2) * (shareA * a))
    let (sumB, differenceB) = ((u3 + u4) * shareB, (u3 - u4) * (shareB * b))
    storeEight(loadEight(source) * share0 + sumA + sumB, target)
    storeEight(differenceA + differenceB, target + to)
    storeEight(sumA * aa + sumB * bb + loadEight(source + 5 * from), target + 2 * to)
  }
}

/// F(5, 3) at +-3/8, +-7/8, +-7/4 and infinity. What two opposite points have in common is computed once.
private enum FiveOutputs {
  /// A pair of points p and -p: its square, the products of the other two pairs in (t^2 - q^2)(t^2 - r^2), and 1 / (2 p (p^2 - q^2)(p^2 - r^2)).
  private struct Pair {
    let point, square, sum, product, share: Float

    @inline(__always)
    init(_ p: Float, others q: Float, _ r: Float) {
      (point, square, sum, product) = (p, p * p, q * q + r * r, q * q * r * r)
      share = 1 / (2 * p * (p * p - q * q) * (p * p - r * r))
    }
  }

  @inline(__always) private static var pairs: (Pair, Pair, Pair) {
    (Pair(0.375, others: 0.875, 1.75), Pair(0.875, others: 0.375, 1.75), Pair(1.75, others: 0.375, 0.875))
  }

  /// B': seven inputs to seven points.
  @inline(__always)
  static func input(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (d0, d1, d2, d3) = (loadEight(source), loadEight(source + from), loadEight(source + 2 * from), loadEight(source + 3 * from))
    let (d4, d5, d6) = (loadEight(source + 4 * from), loadEight(source + 5 * from), loadEight(source + 6 * from))
    @inline(__always)
    func store(_ pair: Pair, _ target: Target) {
      let odd = d5 - d3 * pair.sum + d1 * pair.product
      let even = (d4 - d2 * pair.sum + d0 * pair.product) * pair.point
      storeEight(odd + even, target)
      storeEight(odd - even, target + to)
    }
    let (a, b, c) = pairs
    store(a, target)
    store(b, target + 2 * to)
    store(c, target + 4 * to)
    storeEight(d6 - d4 * (a.square + a.sum) + d2 * (a.square * a.sum + a.product) - d0 * (a.square * a.product), target + 6 * to)
  }

  /// A': seven points to five outputs.
  @inline(__always)
  static func output(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (a, b, c) = pairs
    let (a0, a1, b0, b1) = (loadEight(source), loadEight(source + from), loadEight(source + 2 * from), loadEight(source + 3 * from))
    let (c0, c1) = (loadEight(source + 4 * from), loadEight(source + 5 * from))
    let (sumA, sumB, sumC) = (a0 + a1, b0 + b1, c0 + c1)
    let (differenceA, differenceB, differenceC) = (a0 - a1, b0 - b1, c0 - c1)
    storeEight(sumA + sumB + sumC, target)
    storeEight(differenceA * a.point + differenceB * b.point + differenceC * c.point, target + to)
    storeEight(sumA * a.square + sumB * b.square + sumC * c.square, target + 2 * to)
    let cubes = (differenceA * (a.square * a.point) + differenceB * (b.square * b.point), differenceC * (c.square * c.point))
    storeEight(cubes.0 + cubes.1, target + 3 * to)
    let fourths = (sumA * (a.square * a.square) + sumB * (b.square * b.square), sumC * (c.square * c.square))
    storeEight(fourths.0 + fourths.1 + loadEight(source + 6 * from), target + 4 * to)
  }

  /// A: five upstream values to seven points.
  @inline(__always)
  static func upstream(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (y0, y1, y2) = (loadEight(source), loadEight(source + from), loadEight(source + 2 * from))
    let (y3, y4) = (loadEight(source + 3 * from), loadEight(source + 4 * from))
    @inline(__always)
    func store(_ pair: Pair, _ target: Target) {
      let even = y0 + (y2 + y4 * pair.square) * pair.square
      let odd = (y1 + y3 * pair.square) * pair.point
      storeEight(even + odd, target)
      storeEight(even - odd, target + to)
    }
    let (a, b, c) = pairs
    store(a, target)
    store(b, target + 2 * to)
    store(c, target + 4 * to)
    storeEight(y4, target + 6 * to)
  }

  /// G: three taps to seven points.
  @inline(__always)
  static func weight(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (g0, g1, g2) = (loadEight(source), loadEight(source + from), loadEight(source + 2 * from))
    @inline(__always)
    func store(_ pair: Pair, _ target: Target) {
      let even = (g0 + g2 * pair.square) * pair.share
      let odd = g1 * (pair.share * pair.point)
      storeEight(odd + even, target)
      storeEight(odd - even, target + to)
    }
    let (a, b, c) = pairs
    store(a, target)
    store(b, target + 2 * to)
    store(c, target + 4 * to)
    storeEight(g2, target + 6 * to)
  }

  /// G': seven points to the gradient by three taps.
  @inline(__always)
  static func weightGradient(_ source: Source, _ from: Int, _ target: Target, _ to: Int) {
    let (a, b, c) = pairs
    let (a0, a1, b0, b1) = (loadEight(source), loadEight(source + from), loadEight(source + 2 * from), loadEight(source + 3 * from))
    let (c0, c1) = (loadEight(source + 4 * from), loadEight(source + 5 * from))
    let (evenA, evenB, evenC) = ((a0 - a1) * a.share, (b0 - b1) * b.share, (c0 - c1) * c.share)
    let (oddA, oddB, oddC) = ((a0 + a1) * (a.share * a.point), (b0 + b1) * (b.share * b.point), (c0 + c1) * (c.share * c.point))
    storeEight(evenA + evenB + evenC, target)
    storeEight(oddA + oddB + oddC, target + to)
    let squares = (evenA * a.square + evenB * b.square, evenC * c.square + loadEight(source + 6 * from))
    storeEight(squares.0 + squares.1, target + 2 * to)
  }
}
