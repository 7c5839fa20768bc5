import COpenBLAS
import Foundation
import Foundations
import Synchronization

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
  ProductBuffers.enter()
  defer { ProductBuffers.leave() }
  cblas_sgemm(
    CblasRowMajor, left.transposed ? CblasTrans : CblasNoTrans, right.transposed ? CblasTrans : CblasNoTrans,
    blasint(rows), blasint(columns), blasint(inner), 1, left.base, blasint(left.stride), right.base,
    blasint(right.stride), adding ? 1 : 0, target.base, blasint(target.stride))
}

/// OpenBLAS takes a buffer of its own for each product that runs at one time, keeps it, and where the system gives none
/// tries again for ever: a program under a limit of memory would hang without a word. So before a product that
/// needs one
/// more than ever ran together, the same room is asked for and given back.
private enum ProductBuffers {
  /// A buffer of OpenBLAS with its alignment, and what malloc adds.
  private static let bytes = 136 << 20
  private static let counts = Mutex<(running: Int, most: Int)>((0, 0))

  static func enter() {
    let held = counts.withLock { counts -> Int? in
      counts.running += 1
      guard counts.running > counts.most else { return nil }
      counts.most = counts.running
      return counts.most - 1
    }
    guard let held else { return }
    let area = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard area != MAP_FAILED else {
      endOutOfMemory(bytes: bytes, held: held * bytes, for: "buffers of matrix products")
    }
    munmap(area, bytes)
  }

  static func leave() { counts.withLock { $0.running -= 1 } }
}
