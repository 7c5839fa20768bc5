import CKernels

/// Winograd's minimal filtering F(m, 3): m neighbouring outputs of a three-tap correlation for m + 2 products instead
/// of 3 m.
///
/// In one dimension, with taps g and the m + 2 values d that the m outputs y read:
///
///     y[i] = g[0] d[i] + g[1] d[i + 1] + g[2] d[i + 2]          by definition, 3 m products
///     y = A' [ (G g) * (B' d) ]                                  `*` element by element, m + 2 products
///
/// A, B and G are constant matrices that belong to m + 2 points, at which polynomials are evaluated; the points are
/// such that A and B are exact in floats (README: their rounding errors). A tile of m x m outputs is the same along
/// both axes: (m + 2)^2 products instead of 9 m^2.
///
/// The gradients are transposes of the same form, for dy the loss's derivative by y: dg = G' [ (B' d) * (A dy) ], dd
/// = B [ (G g) * (A dy) ].
enum WinogradTransform: Sendable {
  /// F(4x4, 3x3): 2.25 products per output instead of 9.
  case four
  /// F(5x5, 3x3): 1.96 products per output, and twice the rounding error of `four`; for maps that its tiles fit and
  /// those of `four` do not.
  case five

  /// Outputs of a tile along an axis: m.
  var outputs: Int { self == .four ? 4 : 5 }
  /// Inputs of a tile along an axis: m + 2.
  var inputs: Int { outputs + 2 }
  /// Points of a tile, hence matrices in the transformed domain: (m + 2)^2.
  var points: Int { inputs * inputs }

  /// Which constant matrix a line is multiplied by.
  enum Step: UInt32 {
    /// B': what the filter is applied to, m + 2 values to m + 2 points.
    case input
    /// A': products at m + 2 points to m outputs.
    case output
    /// A: m derivatives by outputs to m + 2 points.
    case upstream
    /// G: three taps to m + 2 points.
    case weight
    /// G': products at m + 2 points to the derivatives by three taps.
    case weightGradient
    /// B: products at m + 2 points to the derivatives by m + 2 inputs.
    case inputTranspose
  }

  /// Applies `step` along one axis of tiles: every line of `source` becomes the line of `target` with the same place
  /// in the walk.
  func apply(
    _ step: Step, _ source: StridedLines, to target: StridedLines, _ count: LineCount, _ instructions: InstructionSet
  ) {
    ckernels_transform_lines(
      instructions.code, outputs, ckernels_transform(rawValue: step.rawValue), source.code, target.code, count.code)
  }
}

/// Where a transform finds or puts its lines.
///
/// A line is what one one-dimensional transform reads or writes: up to seven elements, each a vector of sixteen
/// floats, one per channel. Three nested loops lead from line to line. Element k of a line is at
///
///     base + turn of the outer loop * outer + turn of the inner loop * inner + neighbour * 16 + k * element
///
/// For example, four rows of 32 pixels, 512 floats apart, read downwards: `StridedLines(base, element: 512)` with
/// `LineCount(neighbours: 32)`; read along the rows, lines of four pixels that follow each other: `StridedLines(base,
/// element: 16, inner: 64, outer: 512)` with `LineCount(outer: 4, inner: 8, neighbours: 1)`.
struct StridedLines {
  /// A multiple of 64 bytes, as all distances are multiples of sixteen floats. Only a target's memory is written.
  let base: UnsafeMutablePointer<Float>
  /// Floats from an element of a line to the next; negative where a line is read backwards.
  let element: Int
  /// Floats from turn to turn of the inner loop, and of the outer one.
  let inner, outer: Int

  init(_ base: UnsafeMutablePointer<Float>, element: Int, inner: Int = 0, outer: Int = 0) {
    (self.base, self.element, self.inner, self.outer) = (base, element, inner, outer)
  }

  fileprivate var code: ckernels_lines { ckernels_lines(base: base, element: element, inner: inner, outer: outer) }
}

/// How many lines a transform goes through: outer x inner x neighbours.
struct LineCount {
  let outer, inner: Int
  /// Lines whose elements lie side by side, sixteen floats apart: the fastest loop, which runs over whole vectors.
  let neighbours: Int

  init(outer: Int = 1, inner: Int = 1, neighbours: Int) {
    (self.outer, self.inner, self.neighbours) = (outer, inner, neighbours)
  }

  fileprivate var code: ckernels_line_count { ckernels_line_count(outer: outer, inner: inner, neighbours: neighbours) }
}
