import Foundations
import Tensors
import Testing

/// Uniform in [-1, 1), depending on the name alone.
func noise(_ shape: Shape, _ name: String) -> Tensor {
  var generator = SeededGenerator(seed: 11, name)
  return Tensor(shape, (0..<shape.count).map { _ in 2 * generator.unit() - 1 })
}

/// Small integers in [-2, 2], so that many values are equal and sums are exact.
func steps(_ shape: Shape, _ name: String) -> Tensor {
  var generator = SeededGenerator(seed: 12, name)
  return Tensor(shape, (0..<shape.count).map { _ in Float(generator.integer(0...4) - 2) })
}

/// Same shape and every |difference| <= tolerance (NaN never passes).
func expectClose(
  _ found: Tensor?, _ expected: Tensor, _ tolerance: Float, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard let found else {
    Issue.record("\(what): no tensor", sourceLocation: sourceLocation)
    return
  }
  guard found.shape == expected.shape else {
    Issue.record("\(what): shape \(found.shape), expected \(expected.shape)", sourceLocation: sourceLocation)
    return
  }
  let (a, b) = (found.values, expected.values)
  guard let worst = a.indices.max(by: { abs(a[$0] - b[$0]) < abs(a[$1] - b[$1]) }) else { return }
  let failing = a.indices.first { !(abs(a[$0] - b[$0]) <= tolerance) } ?? worst
  let message = "\(what): element \(failing) is \(a[failing]), expected \(b[failing]) within \(tolerance)"
  #expect(abs(a[failing] - b[failing]) <= tolerance, "\(message)", sourceLocation: sourceLocation)
}

/// `f` must be linear with the adjoint `g`: <f(x), y> = <x, g(y)>.
func dot(_ x: Tensor, _ y: Tensor) -> Double {
  zip(x.values, y.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

/// The derivative of <f(x), direction> by every element of x, by central differences.
func numericGradient(_ x: Tensor, step: Float = 1e-2, _ f: (Tensor) -> Double) -> Tensor {
  Tensor(
    x.shape,
    (0..<x.count).map { i in
      func moved(_ by: Float) -> Tensor {
        var values = x.values
        values[i] += by
        return Tensor(x.shape, values)
      }
      return Float((f(moved(step)) - f(moved(-step))) / (2 * Double(step)))
    })
}
