import COpenBLAS
import Threads
@_spi(HostMemory) import Tensors

extension CPUKernels {
  public func add(_ x: Tensor, _ y: Tensor) -> Tensor {
    elementwise(x, y) { a, b, target, range in for i in range { target[i] = a[i] + b[i] } }
  }

  public func multiply(_ x: Tensor, _ y: Tensor) -> Tensor {
    elementwise(x, y) { a, b, target, range in for i in range { target[i] = a[i] * b[i] } }
  }

  public func scaled(_ x: Tensor, by factor: Float) -> Tensor {
    elementwise(x) { source, target, range in for i in range { target[i] = factor * source[i] } }
  }

  public func accumulate(_ y: Tensor, scaledBy factor: Float, into target: inout Tensor) {
    precondition(y.shape == target.shape, "adding \(y.shape) to \(target.shape)")
    let count = y.count
    y.read { y in
      target.write { target in
        overElements(count) { range in for i in range { target[i] += factor * y[i] } }
      }
    }
  }

  public func multiplyPlanes(_ x: Tensor, by factors: Tensor) -> Tensor {
    let (batch, channels, area) = x.shape.planes
    precondition(factors.shape == [batch, channels], "factors \(factors.shape) for \(x.shape)")
    return Tensor(filling: x.shape) { target in
      x.read { source in
        factors.read { factors in
          overPlanes(batch * channels, area: area) { plane in
            let (factor, source, target) = (factors[plane], source + plane * area, target + plane * area)
            for i in 0..<area { target[i] = factor * source[i] }
          }
        }
      }
    }
  }

  public func sum(_ x: Tensor) -> Double {
    var parts = [Double](repeating: 0, count: threads)
    x.read { source in
      parts.withUnsafeMutableBufferPointer { parts in
        Parallel.forEachRange(x.count, threads: x.count < Self.smallCount ? 1 : threads) { part, range in
          parts[part] = doubleSum(source + range.lowerBound, range.count)
        }
      }
    }
    return parts.reduce(0, +)
  }

  public func matrixProduct(_ a: Tensor, _ b: Tensor, transposeA: Bool, transposeB: Bool) -> Tensor {
    precondition(a.shape.rank == 2 && b.shape.rank == 2, "matrix product of \(a.shape) and \(b.shape)")
    let (rows, inner) = transposeA ? (a.shape[1], a.shape[0]) : (a.shape[0], a.shape[1])
    let (innerB, columns) = transposeB ? (b.shape[1], b.shape[0]) : (b.shape[0], b.shape[1])
    precondition(inner == innerB, "matrix product of \(a.shape) and \(b.shape)")
    if rows * columns == 0 || inner == 0 { return Tensor(zeros: [rows, columns]) }
    return Tensor(filling: [rows, columns]) { target in
      a.read { a in
        b.read { b in
          Parallel.forEachRange(rows, threads: rows * columns * inner < Self.smallCount ? 1 : threads) { _, range in
            let left = Matrix(
              a + range.lowerBound * (transposeA ? 1 : inner), stride: transposeA ? rows : inner, transposed: transposeA
            )
            let right = Matrix(b, stride: transposeB ? inner : columns, transposed: transposeB)
            multiplyMatrices(
              left, right, into: MatrixTarget(target + range.lowerBound * columns, stride: columns), rows: range.count,
              columns: columns, inner: inner)
          }
        }
      }
    }
  }

  public func sgdStep(
    parameter: inout Tensor, gradient: Tensor, velocity: inout Tensor?, rate: Float, momentum: Float, decay: Float
  ) {
    precondition(parameter.shape == gradient.shape, "gradient \(gradient.shape) of parameter \(parameter.shape)")
    precondition(velocity == nil || velocity?.shape == parameter.shape, "velocity of parameter \(parameter.shape)")
    let count = parameter.count
    gradient.read { gradient in
      parameter.write { parameter in
        guard
          velocity?.write({ velocity in
            overElements(count) { range in
              for i in range {
                let step = momentum * velocity[i] + (gradient[i] + decay * parameter[i])
                velocity[i] = step
                parameter[i] -= rate * step
              }
            }
          }) == nil
        else { return }
        overElements(count) { range in
          for i in range { parameter[i] -= rate * (gradient[i] + decay * parameter[i]) }
        }
      }
    }
  }

  /// A tensor of x's shape whose elements `body(source, target, range)` writes for every range.
  @inline(__always)
  func elementwise(_ x: Tensor, _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Range<Int>) -> Void)
    -> Tensor
  {
    Tensor(filling: x.shape) { target in
      x.read { source in overElements(x.count) { range in body(source, target, range) } }
    }
  }

  /// A tensor of the common shape whose elements `body(first, second, target, range)` writes for every range.
  @inline(__always)
  func elementwise(
    _ x: Tensor, _ y: Tensor,
    _ body: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Range<Int>) -> Void
  ) -> Tensor {
    precondition(x.shape == y.shape, "shapes \(x.shape) and \(y.shape) differ")
    return Tensor(filling: x.shape) { target in
      x.read { first in y.read { second in overElements(x.count) { range in body(first, second, target, range) } } }
    }
  }
}
