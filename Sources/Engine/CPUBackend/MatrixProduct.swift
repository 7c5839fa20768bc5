import COpenBLAS

/// A matrix operand in memory: rows `stride` apart, used transposed or not.
struct Matrix {
  let base: UnsafePointer<Float>
  let stride: Int
  let transposed: Bool

  @inline(__always)
  init(_ base: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
    self.base = base
    self.stride = stride
    self.transposed = transposed
  }
}

/// Where a product goes: rows `stride` floats apart.
struct MatrixTarget {
  let base: UnsafeMutablePointer<Float>
  let stride: Int

  @inline(__always)
  init(_ base: UnsafeMutablePointer<Float>, stride: Int) { (self.base, self.stride) = (base, stride) }
}

/// target (rows x columns) = left (rows x inner) right (inner x columns), or += with `adding`; on this thread.
func multiplyMatrices(
  _ left: Matrix, _ right: Matrix, into target: MatrixTarget, rows: Int, columns: Int, inner: Int, adding: Bool = false
) {
  cblas_sgemm(
    CblasRowMajor, left.transposed ? CblasTrans : CblasNoTrans, right.transposed ? CblasTrans : CblasNoTrans,
    blasint(rows), blasint(columns), blasint(inner), 1, left.base, blasint(left.stride), right.base,
    blasint(right.stride), adding ? 1 : 0, target.base, blasint(target.stride))
}
