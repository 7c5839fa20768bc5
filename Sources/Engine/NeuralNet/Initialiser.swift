import Foundations
import Tensors

/// How a parameter starts. Draws use no transcendental function, so a seed gives the same bits on every machine.
public enum Initialiser: Sendable, Hashable {
  case constant(Float)
  /// Uniform in [-bound, bound].
  case uniform(bound: Float)
  /// About normal (sum of twelve uniforms), mean 0.
  case normal(deviation: Float)

  public static let zeros = Initialiser.constant(0)
  public static let ones = Initialiser.constant(1)

  /// Normal with deviation sqrt(2 / fanIn): keeps the variance through ReLU layers (He et al. 2015, eq. 10).
  public static func heNormal(fanIn: Int) -> Initialiser { .normal(deviation: Float((2 / Double(fanIn)).squareRoot())) }

  /// Uniform with bound sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010, eq. 16).
  public static func xavier(fanIn: Int, fanOut: Int) -> Initialiser {
    .uniform(bound: Float((6 / Double(fanIn + fanOut)).squareRoot()))
  }

  /// Uniform with bound 1 / sqrt(fanIn): what PyTorch's convolutions start with, weights and biases.
  public static func pyTorchDefault(fanIn: Int) -> Initialiser {
    .uniform(bound: Float((1 / Double(fanIn)).squareRoot()))
  }

  /// A tensor drawn from (seed, name). Takes a word an element (normal: twelve).
  public func draw(_ shape: Shape, seed: UInt64, name: String) -> Tensor {
    var generator = SeededGenerator(seed: seed, "initialiser", name)
    switch self {
    case .constant(let value):
      return Tensor(repeating: value, shape)
    case .uniform(let bound):
      return Tensor(shape, (0..<shape.count).map { _ in generator.uniform(-bound...bound) })
    case .normal(let deviation):
      return Tensor(shape, (0..<shape.count).map { _ in deviation * generator.normal() })
    }
  }
}
