/// The transformed domain in memory: one matrix per point, all of the same size, one after another, each in `Panels`.
///
/// Point p = i n + j, with n = m + 2, is row i and column j of a transformed tile. A transform of a tile writes one
/// element of every matrix; the products then multiply matrix by matrix.
struct PointMatrices {
  /// The sizes of the stack, before there is memory for it.
  struct Layout {
    let points, rows, panels: Int

    init(_ transform: WinogradTransform, rows: Int, panels: Int) {
      (points, self.rows, self.panels) = (transform.points, rows, panels)
    }

    /// Floats from panel to panel of a matrix.
    var panelStride: Int { Panels.stride(rows: rows) }
    /// Floats from matrix to matrix. An odd number of cache lines: with an even one, the same element of all matrices
    /// would fall into few sets of the cache, and a transform writes just these.
    var pointStride: Int { (panels * panelStride / Panels.lanes | 1) * Panels.lanes }
    /// Floats of the whole stack.
    var count: Int { points * pointStride }

    func at(_ base: UnsafeMutablePointer<Float>) -> PointMatrices { PointMatrices(layout: self, base: base) }
  }

  let layout: Layout
  let base: UnsafeMutablePointer<Float>

  var pointStride: Int { layout.pointStride }

  /// The matrix of one point, from the panel `panel` on.
  func matrix(_ point: Int, panel: Int = 0) -> Panels {
    Panels(base: base + point * pointStride, stride: layout.panelStride).from(panel: panel)
  }

  /// The vector (sixteen columns of one row) of point 0; that of point p is p * `pointStride` floats further.
  func vector(panel: Int, row: Int) -> UnsafeMutablePointer<Float> {
    base + panel * layout.panelStride + row * Panels.lanes
  }
}
