import Foundations
import Tensors

/// A tensor that takes part in differentiation: a value and, while training, the way back to what it was computed from.
///
/// Feature maps are (N, C, H, W), float32. Operations are methods, one file a family: `Variable+Elementwise`,
/// `+Spatial`, `+Channels`. A recorded graph keeps only what its pullbacks need, not the variables themselves.
public final class Variable {
  public let value: Tensor
  /// The pass it belongs to. Operations do not mix contexts (precondition).
  public let context: Context
  let source: Source?

  init(_ value: Tensor, in context: Context, source: Source?) {
    self.value = value
    self.context = context
    self.source = source
  }

  public var shape: Shape { value.shape }

  /// Whether a gradient with respect to this value leads anywhere.
  public var wantsGradient: Bool { source != nil }

  /// What `backward` left here: dL/d(value) for a variable from `Context.input`, added up over calls; nil for constants
  /// and for intermediate results, whose gradients are freed on the way back.
  public var gradient: Tensor? {
    get { if case .node(let node)? = source { node.gradient } else { nil } }
    set { if case .node(let node)? = source { node.gradient = newValue } }
  }

  /// Goes back from this result alone; see `backward(_:)` for several.
  ///
  /// - Parameter upstream: dL/d(value), of its shape; nil stands for 1 and needs a value of one element (precondition).
  public func backward(_ upstream: Tensor? = nil) {
    precondition(upstream != nil || value.count == 1, "backward of shape \(shape) needs the upstream gradient")
    NeuralNet.backward([(self, upstream ?? Tensor(repeating: 1, shape))])
  }

  /// The same value as a constant: no gradient flows through it.
  public func detached() -> Variable { context.constant(value) }

  /// The value of a loss, after a check that it is a number.
  ///
  /// - Throws: `Failure(.software)` naming `what` if any element is NaN or infinite.
  @discardableResult
  public func requireFinite(what: String) throws -> Variable {
    if let bad = context.kernels.firstNonFinite(value) {
      throw Failure(.software, expected: "a finite value", found: "\(bad)", item: what)
    }
    return self
  }
}
