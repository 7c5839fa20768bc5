import Tensors

/// One forward pass: the kernels it runs on, whether it records for gradients, and what its random draws depend on.
///
/// A context is made for each micro-batch and dropped with its graph. It belongs to one thread at a time; the kernels
/// inside do the work in parallel.
public final class Context {
  public enum Mode: Sendable, Equatable {
    /// Nothing is recorded, channel dropout is off, batch norm uses its running statistics.
    case inference
    /// Operations on variables that want gradients are recorded.
    case training
  }

  public let kernels: any Kernels
  public let mode: Mode
  /// Seed of the run; dropout draws from (seed, layer name, step, index of the sample in the whole batch).
  public let seed: UInt64
  /// Number of the training step, counted from 0 over the whole run.
  public let step: Int
  /// Index in the whole batch of this micro-batch's first sample, so that dropout does not depend on how the batch is
  /// split.
  public let sampleOffset: Int
  /// False switches channel dropout off although gradients are recorded.
  public let dropout: Bool
  /// Called while going back, when no later part of the pass adds to a parameter's gradient.
  let gradientIsComplete: ((Parameter) -> Void)?

  private var nodesMade = 0

  public init(
    kernels: any Kernels, mode: Mode = .inference, seed: UInt64 = 0, step: Int = 0, sampleOffset: Int = 0,
    dropout: Bool = true,
    gradientIsComplete: ((Parameter) -> Void)? = nil
  ) {
    self.kernels = kernels
    self.mode = mode
    self.seed = seed
    self.step = step
    self.sampleOffset = sampleOffset
    self.dropout = dropout
    self.gradientIsComplete = gradientIsComplete
  }

  /// Whether an operation made now on a variable that wants gradients is recorded.
  public var isRecording: Bool { mode == .training }

  /// A value that wants no gradient: an image, a one-hot mask.
  public func constant(_ value: Tensor) -> Variable { Variable(value, in: self, source: nil) }

  /// A value whose gradient is left in `gradient` by `backward`. In inference it is a constant.
  public func input(_ value: Tensor) -> Variable {
    guard isRecording else { return constant(value) }
    return Variable(value, in: self, source: .node(makeNode(shape: value.shape, sources: [], pullback: nil)))
  }

  /// A parameter as a variable, for an operation that no layer offers; its gradient goes to the parameter unless that
  /// is frozen.
  public func variable(_ parameter: Parameter) -> Variable {
    Variable(parameter.value, in: self, source: source(of: parameter))
  }

  /// The result of an operation of the caller's own.
  ///
  /// - Parameters:
  ///   - value: what the operation computed.
  ///   - inputs: the variables it depends on, all of this context.
  ///   - pullback: from dL/d(value), of the shape of `value`, to dL/d(input) for each input in order, of the input's
  ///     shape; nil where the gradient is zero or where `wantsGradient` of that input is false. It runs at most once,
  ///     and only when recorded: it should hold no more than it needs, because that is what a training step keeps in
  ///     memory.
  public func operation(_ value: Tensor, from inputs: [Variable], pullback: @escaping (Tensor) -> [Tensor?]) -> Variable
  {
    for input in inputs { precondition(input.context === self, "an operation mixes variables of two contexts") }
    return record(value, from: inputs.map(\.source), pullback: pullback)
  }

  func source(of parameter: Parameter) -> Source? {
    isRecording && parameter.wantsGradient ? .parameter(parameter) : nil
  }

  func record(_ value: Tensor, from sources: [Source?], pullback: @escaping (Tensor) -> [Tensor?]) -> Variable {
    guard isRecording, sources.contains(where: { $0 != nil }) else { return constant(value) }
    return Variable(value, in: self, source: .node(makeNode(shape: value.shape, sources: sources, pullback: pullback)))
  }

  private func makeNode(shape: Shape, sources: [Source?], pullback: ((Tensor) -> [Tensor?])?) -> Node {
    defer { nodesMade += 1 }
    return Node(order: nodesMade, shape: shape, sources: sources, pullback: pullback)
  }
}
