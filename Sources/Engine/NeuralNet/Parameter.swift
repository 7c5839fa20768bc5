import Tensors

/// A named tensor of a network: what a weights file stores under `name`.
public final class Parameter {
  public enum Role: Sendable, Hashable {
    /// Convolution kernel (out, in, height, width).
    case weight
    /// Convolution bias (out).
    case bias
    /// Batch norm's factor (channels), `weight` in PyTorch's names.
    case scale
    /// Batch norm's addend (channels), `bias` in PyTorch's names.
    case shift
    case runningMean
    case runningVariance

    /// True for what gradients train, false for running statistics.
    public var isTrained: Bool { self != .runningMean && self != .runningVariance }
  }

  /// Full PyTorch name: `b2.bn_branch2a.running_var`.
  public let name: String
  public let role: Role
  /// How a network that starts without weights fills it; see `Module.initialise(seed:)`.
  public var initialiser: Initialiser
  public let shape: Shape
  /// Setting another shape is a bug (precondition): files are checked before. The observer reads no old value, so that
  /// the optimizer changes the tensor in place.
  public var value: Tensor {
    didSet { precondition(value.shape == shape, "\(name): shape \(shape) cannot become \(value.shape)") }
  }
  /// Sum over all `backward` calls since `zeroGradients`; nil if none reached it.
  public var gradient: Tensor?
  /// A frozen parameter gets no gradient and is not touched by the optimizer.
  public var isFrozen: Bool

  /// The value is zero (scale and running variance: one) until `initialise` or a weights file sets it.
  public init(name: String, shape: Shape, role: Role, initialiser: Initialiser, isFrozen: Bool = false) {
    self.name = name
    self.shape = shape
    self.role = role
    self.initialiser = initialiser
    self.isFrozen = isFrozen
    if case .constant(let constant) = initialiser, constant != 0 {
      value = Tensor(repeating: constant, shape)
    } else {
      value = Tensor(zeros: shape)
    }
  }

  public var wantsGradient: Bool { role.isTrained && !isFrozen }

  func accumulate(_ addend: Tensor, kernels: any Kernels) {
    precondition(
      addend.shape == value.shape, "\(name): gradient has shape \(addend.shape), the parameter \(value.shape)")
    add(addend, to: &gradient, kernels: kernels)
  }
}

/// A part of a network: parameters with full names.
public protocol Module {
  /// All parameters, running statistics included, in PyTorch's order (order of construction).
  var parameters: [Parameter] { get }
}

extension Module {
  /// The parameters that gradients train now.
  package var trainedParameters: [Parameter] { parameters.filter(\.wantsGradient) }

  public func zeroGradients() {
    for parameter in parameters { parameter.gradient = nil }
  }

  /// Freezes (or frees) every parameter; running statistics are never trained.
  public func freeze(_ isFrozen: Bool = true) {
    for parameter in parameters { parameter.isFrozen = isFrozen }
  }

  /// Draws every parameter anew, each from (seed, its name), so that the value of one does not depend on which others
  /// exist.
  public func initialise(seed: UInt64) {
    for parameter in parameters {
      parameter.value = parameter.initialiser.draw(parameter.shape, seed: seed, name: parameter.name)
    }
  }
}
