import CPUBackend
import Foundations
import LabelMasks
import NeuralNet
import Tensors

/// Tensors for tests, drawn from a name.
enum Values {
  /// Uniform in [-1, 1].
  static func uniform(_ shape: Shape, _ name: String) -> Tensor {
    Initialiser.uniform(bound: 1).draw(shape, seed: 11, name: name)
  }

  /// Uniform in [low, high].
  static func uniform(_ shape: Shape, _ name: String, _ low: Float, _ high: Float) -> Tensor {
    Tensor(shape, uniform(shape, name).values.map { low + (high - low) * (0.5 * $0 + 0.5) })
  }

  /// A shuffled grid of distinct values, none nearer to 0 or to another than 0.05: no step of a finite difference
  /// crosses a kink.
  static func separated(_ shape: Shape, _ name: String) -> Tensor {
    var values = (0..<shape.count).map { 0.1 * (Float($0) - Float(shape.count / 2)) + 0.05 }
    var generator = SeededGenerator(seed: 12, name)
    generator.shuffle(&values)
    return Tensor(shape, values)
  }

  /// Zeros and ones, each with probability one half.
  static func binary(_ shape: Shape, _ name: String) -> Tensor {
    Tensor(shape, uniform(shape, name).values.map { $0 < 0 ? 0 : 1 })
  }

  static func labels(batch: Int, height: Int, width: Int, classes: Int, void: Float = 0.2, _ name: String) -> LabelMask
  {
    var generator = SeededGenerator(seed: 13, name)
    let labels = (0..<batch * height * width).map { _ in
      generator.chance(void) ? LabelMask.void : UInt8(generator.integer(0...classes - 1))
    }
    return LabelMask(batch: batch, height: height, width: width, labels: labels)
  }
}

/// Gradients from `backward` against central differences of the same function.
struct GradientCheck {
  var step: Float = 1e-2
  /// Limit of |difference| relative to the largest gradient of the tensor (and to 1e-2 if that is smaller).
  var tolerance = 4e-3
  var kernels = CPUKernels(threads: 2)

  /// What differs, worst element of each tensor, empty where all is well. Every element of every input and trained
  /// parameter is checked.
  func mismatches(
    _ inputs: [Tensor], parameters: [Parameter] = [], seed: UInt64 = 5, _ function: (Context, [Variable]) -> Variable
  ) -> [String] {
    let context = Context(kernels: kernels, mode: .training, seed: seed)
    let variables = inputs.map(context.input)
    let result = function(context, variables)
    let upstream = Values.uniform(result.shape, "upstream", 0.25, 1)
    parameters.forEach { $0.gradient = nil }
    result.backward(upstream)

    func objective(_ inputs: [Tensor]) -> Double {
      let context = Context(kernels: kernels, mode: .training, seed: seed)
      let output = function(context, inputs.map(context.constant)).value
      return zip(output.values, upstream.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    var reports: [String] = []
    for index in inputs.indices {
      reports += compare("input \(index)", variables[index].gradient, inputs[index]) { changed in
        var copy = inputs
        copy[index] = changed
        return objective(copy)
      }
    }
    for parameter in parameters where parameter.wantsGradient {
      let value = parameter.value
      reports += compare(parameter.name, parameter.gradient, value) { changed in
        parameter.value = changed
        defer { parameter.value = value }
        return objective(inputs)
      }
    }
    return reports
  }

  private func compare(_ name: String, _ gradient: Tensor?, _ value: Tensor, _ objective: (Tensor) -> Double)
    -> [String]
  {
    guard let gradient else { return ["\(name): no gradient"] }
    guard gradient.shape == value.shape else {
      return ["\(name): gradient has shape \(gradient.shape), value \(value.shape)"]
    }
    let elements = value.values
    let numeric = elements.indices.map { i -> Double in
      var (above, below) = (elements, elements)
      above[i] += step
      below[i] -= step
      let distance = Double(above[i]) - Double(below[i])
      return (objective(Tensor(value.shape, above)) - objective(Tensor(value.shape, below))) / distance
    }
    let scale = max(numeric.map(abs).max() ?? 0, 1e-2)
    let errors = zip(gradient.values, numeric).map { abs(Double($0) - $1) }
    guard let worst = errors.indices.max(by: { errors[$0] < errors[$1] }), !(errors[worst] <= tolerance * scale) else {
      return []
    }
    return [
      "\(name): element \(worst) of \(value.shape): gradient \(gradient.values[worst]), by differences "
        + "\(numeric[worst])"
    ]
  }
}
