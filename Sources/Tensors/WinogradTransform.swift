/// The one-dimensional transforms of Winograd's minimal filtering F(4, 3), eight independent lines at a time.
///
/// Four outputs of a three-tap correlation y[i] = sum of g[j] d[i + j] cost six products instead of twelve: y = A'[(G g)(B' d)]. The
/// evaluation points are 0, +-3/4, +-3/2 and infinity: with them errors are a third of those of the usual 0, +-1, +-2 (see README), and
/// all constants of A and B are exact floats. The sum of products for the gradient by g is the transpose: G'[(B' d)(A dy)].
///
/// All functions read `source[k * from]`, eight lanes each, and write `target[k * to]`.
enum WinogradTransform {
  /// Outputs of a tile along an axis, its inputs, and the filter's taps.
  static let outputs = 4
  static let inputs = 6
  static let taps = 3
  /// Products of a tile: matrices of the transformed domain.
  static let points = 36

  typealias Lanes = SIMD8<Float>
  typealias Source = UnsafePointer<Float>
  typealias Target = UnsafeMutablePointer<Float>

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

  /// Both axes of `count` tiles: element (i, j) of tile t is at `source[(i * size + j) * from + t]`, with the transform's size before and after.
  ///
  /// Works in whole vectors: reads and writes up to seven elements beyond `count`. `workspace` holds `workspaceCount` floats.
  @inline(__always)
  static func both(
    _ transform: (Source, Int, Target, Int) -> Void, size: (before: Int, after: Int), _ source: Source, _ from: Int, _ target: Target,
    _ to: Int, count: Int, workspace: Target
  ) {
    let lanes = Lanes.scalarCount
    var t = 0
    while t < count {
      for j in 0..<size.before {
        transform(source + (j &* from &+ t), size.before &* from, workspace + j &* lanes, size.before &* lanes)
      }
      for i in 0..<size.after {
        transform(UnsafePointer(workspace) + i &* size.before &* lanes, lanes, target + (i &* size.after &* to &+ t), to)
      }
      t &+= lanes
    }
  }

  static let workspaceCount = 36 * Lanes.scalarCount

  static func inputs(_ source: Source, _ from: Int, _ target: Target, _ to: Int, count: Int, workspace: Target) {
    both(input, size: (6, 6), source, from, target, to, count: count, workspace: workspace)
  }

  static func outputs(_ source: Source, _ from: Int, _ target: Target, _ to: Int, count: Int, workspace: Target) {
    both(output, size: (6, 4), source, from, target, to, count: count, workspace: workspace)
  }

  static func upstreams(_ source: Source, _ from: Int, _ target: Target, _ to: Int, count: Int, workspace: Target) {
    both(upstream, size: (4, 6), source, from, target, to, count: count, workspace: workspace)
  }

  static func weights(_ source: Source, _ from: Int, _ target: Target, _ to: Int, count: Int, workspace: Target) {
    both(weight, size: (3, 6), source, from, target, to, count: count, workspace: workspace)
  }

  static func weightGradients(_ source: Source, _ from: Int, _ target: Target, _ to: Int, count: Int, workspace: Target) {
    both(weightGradient, size: (6, 3), source, from, target, to, count: count, workspace: workspace)
  }
}
