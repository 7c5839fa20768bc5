import CKernels

/// What instructions the inner loops of `CKernels` use.
package enum InstructionSet: Int, CaseIterable, Comparable, CustomStringConvertible, Sendable {
  /// SSE2 on x86-64, NEON on arm64.
  case portable
  /// AVX2 with fused products and sums.
  case avx2
  /// AVX-512 F, VL, BW and DQ.
  case avx512

  /// The most that this processor has.
  package static let best = InstructionSet(rawValue: Int(ckernels_best_set().rawValue)) ?? .portable

  package var description: String { ["portable vectors", "AVX2", "AVX-512"][rawValue] }

  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  var code: ckernels_set { ckernels_set(rawValue: UInt32(rawValue)) }
}

/// A matrix in columns of sixteen floats: element (row, column) is at [column / 16][row][column % 16].
///
/// Products need neither operand rearranged, whichever of its two lengths a product sums over, and what computes a
/// matrix writes whole vectors.
struct Panels {
  /// Columns of a panel.
  static let lanes = 16

  let base: UnsafeMutablePointer<Float>
  /// Floats from panel to panel.
  let stride: Int

  /// Panels that hold `columns` columns; the last one may be incomplete.
  static func count(_ columns: Int) -> Int { (columns + lanes - 1) / lanes }

  /// How many of `columns` columns are in the panel `panel`.
  static func lanes(_ panel: Int, of columns: Int) -> Int { min(lanes, columns - panel * lanes) }

  /// The stride of panels of `rows` rows: an odd number of cache lines, else equal rows of all panels would fight for
  /// few sets of the cache.
  static func stride(rows: Int) -> Int { (rows | 1) * lanes }

  /// From the panel `panel` and row `row` on.
  func from(panel: Int, row: Int = 0) -> Panels {
    Panels(base: base + panel * stride + row * Self.lanes, stride: stride)
  }

  fileprivate var code: ckernels_panels { ckernels_panels(base: base, stride: stride) }
}

/// The lengths of a product in panels: target is rows x (16 panels), the sums have `inner` terms.
struct ProductSize {
  let rows, panels, inner: Int

  fileprivate var code: ckernels_size { ckernels_size(rows: rows, panels: panels, inner: inner) }
}

extension InstructionSet {
  /// target (rows x columns) = left (rows x inner) right (inner x columns), on this thread. Sums run over `inner` in
  /// order, so they do not depend on how rows and columns are cut.
  func multiply(_ left: Panels, _ right: Panels, into target: Panels, _ size: ProductSize) {
    // Rows of `left` that stay in a second-level cache of a megabyte while all columns pass.
    let most = max(96, 200_000 / size.inner / 6 * 6)
    for rows in ConvolutionGeometry.ranges(size.rows, most: most) {
      let first = rows.lowerBound
      let part = ProductSize(rows: rows.count, panels: size.panels, inner: size.inner)
      ckernels_multiply(
        code, left.from(panel: 0, row: first).code, right.code, target.from(panel: 0, row: first).code, part.code, 0)
    }
  }

  /// target (rows x columns) = left' right, where left is inner x rows, or += with `adding`.
  func multiplyTransposed(_ left: Panels, _ right: Panels, into target: Panels, _ size: ProductSize, adding: Bool) {
    ckernels_multiply_transposed(code, left.code, right.code, target.code, size.code, adding ? 1 : 0)
  }

  /// target[16 x + lane] = source[lane * stride + x] for x < count; lanes beyond `lanes` are 0.
  @inline(__always)
  func interleave(
    _ source: UnsafePointer<Float>, stride: Int, lanes: Int, into target: UnsafeMutablePointer<Float>, count: Int
  ) {
    ckernels_interleave(code, source, stride, lanes, target, count)
  }

  /// target[lane * stride + x] = source[16 x + lane] + bias[lane] for x < count and lane < lanes, negative sums
  /// replaced by 0 with relu.
  @inline(__always)
  func deinterleave(
    _ source: UnsafePointer<Float>, count: Int, _ epilogue: PanelEpilogue, into target: UnsafeMutablePointer<Float>,
    stride: Int, lanes: Int
  ) {
    ckernels_deinterleave(code, source, count, epilogue.biases, epilogue.relu ? 1 : 0, target, stride, lanes)
  }
}
