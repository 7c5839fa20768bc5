import Tensors

extension Variable {
  /// max(0, x); the gradient at 0 is 0.
  public func relu() -> Variable {
    let (kernels, output) = (context.kernels, context.kernels.relu(value))
    return unary(output) { kernels.reluGradient(output: output, upstream: $0) }
  }

  /// x where positive, else exp(x) - 1.
  public func elu() -> Variable {
    let (kernels, output) = (context.kernels, context.kernels.elu(value))
    return unary(output) { kernels.eluGradient(output: output, upstream: $0) }
  }

  /// 1 / (1 + exp(-x)).
  public func sigmoid() -> Variable {
    let (kernels, output) = (context.kernels, context.kernels.sigmoid(value))
    return unary(output) { kernels.sigmoidGradient(output: output, upstream: $0) }
  }

  /// exp(x) / sum of exp over channels (axis 1). Rank >= 2.
  public func softmax() -> Variable {
    let (kernels, output) = (context.kernels, context.kernels.softmax(value))
    return unary(output) { kernels.softmaxGradient(output: output, upstream: $0) }
  }

  /// x - log(sum of exp over channels (axis 1)). Rank >= 2.
  public func logSoftmax() -> Variable {
    let (kernels, output) = (context.kernels, context.kernels.logSoftmax(value))
    return unary(output) { kernels.logSoftmaxGradient(output: output, upstream: $0) }
  }

  /// Sum of all elements, a scalar, added up in double precision.
  public func sum() -> Variable {
    let shape = shape
    return unary(Tensor(Float(context.kernels.sum(value)))) { Tensor(repeating: $0.item, shape) }
  }

  /// Mean of all elements, a scalar. Precondition: there are some.
  public func mean() -> Variable {
    precondition(value.count > 0, "mean of no elements")
    let (shape, count) = (shape, Double(value.count))
    return unary(Tensor(Float(context.kernels.sum(value) / count))) {
      Tensor(repeating: Float(Double($0.item) / count), shape)
    }
  }

  /// x + y, equal shapes.
  public static func + (x: Variable, y: Variable) -> Variable {
    x.context.operation(x.context.kernels.add(x.value, y.value), from: [x, y]) { [$0, $0] }
  }

  /// x - y, equal shapes.
  public static func - (x: Variable, y: Variable) -> Variable { x + y * -1 }

  /// x y element by element, equal shapes. Keeps both factors.
  public static func * (x: Variable, y: Variable) -> Variable {
    let kernels = x.context.kernels
    let (a, b) = (y.wantsGradient ? x.value : nil, x.wantsGradient ? y.value : nil)
    return x.context.operation(kernels.multiply(x.value, y.value), from: [x, y]) { upstream in
      [b.map { kernels.multiply(upstream, $0) }, a.map { kernels.multiply(upstream, $0) }]
    }
  }

  /// factor x.
  public static func * (x: Variable, factor: Float) -> Variable {
    let kernels = x.context.kernels
    return x.unary(kernels.scaled(x.value, by: factor)) { kernels.scaled($0, by: factor) }
  }

  /// factor x.
  public static func * (factor: Float, x: Variable) -> Variable { x * factor }

  /// The same elements under another shape of equal count (precondition).
  public func reshaped(_ shape: Shape) -> Variable {
    let own = self.shape
    return unary(value.reshaped(shape)) { $0.reshaped(own) }
  }

  func unary(_ output: Tensor, _ pullback: @escaping (Tensor) -> Tensor) -> Variable {
    context.record(output, from: [source]) { [pullback($0)] }
  }
}
