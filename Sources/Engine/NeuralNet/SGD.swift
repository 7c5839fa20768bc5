import Tensors

/// Parameters that share a rate and a decay.
public struct ParameterGroup {
  public var parameters: [Parameter]
  /// Factor on the schedule's rate: 10 for new layers in the method.
  public var rateMultiplier: Float
  /// Weight decay: `decay * value` is added to the gradient.
  public var decay: Float

  public init(_ parameters: [Parameter], rateMultiplier: Float = 1, decay: Float = 0) {
    self.parameters = parameters
    self.rateMultiplier = rateMultiplier
    self.decay = decay
  }
}

/// Stochastic gradient descent by PyTorch's rule: v = momentum v + (g + decay w); w -= rate v.
///
/// The rate is inside the step, not inside the velocity. Frozen parameters and those without a gradient are not touched
/// at all: no decay, and their velocity stays. With momentum 0 there is no velocity and nothing to store.
public struct SGD {
  public let groups: [ParameterGroup]
  public let momentum: Float
  /// The largest norm that `clipGradients` leaves to all gradients together; 0 for no limit.
  public let clipNorm: Double
  private var velocityOf: [String: Tensor] = [:]

  /// Running statistics in the groups are left out. Precondition: no two parameters of one name.
  public init(_ groups: [ParameterGroup], momentum: Float = 0, clipNorm: Double = 0) {
    precondition(clipNorm >= 0 && clipNorm.isFinite, "a clip norm of \(clipNorm)")
    self.groups = groups.map { group in
      var group = group
      group.parameters.removeAll { !$0.role.isTrained }
      return group
    }
    self.momentum = momentum
    self.clipNorm = clipNorm
    var names: Set<String> = []
    for parameter in self.groups.flatMap(\.parameters) {
      precondition(names.insert(parameter.name).inserted, "two parameters are named \(parameter.name)")
    }
  }

  /// All parameters in group order.
  public var parameters: [Parameter] { groups.flatMap(\.parameters) }

  /// Scales all gradients by one factor where their common norm exceeds `clipNorm`, so that it equals `clipNorm`
  /// afterwards.
  ///
  /// The norm is the square root of the sum of squares over the trained parameters of every group; their directions and
  /// the ratios between layers stay. Weight decay comes later, in `step`, and is not limited. Two losses that reach one
  /// trunk, as in the dynamic stage, double its gradient: the limit keeps a single bad batch from destroying the heads.
  ///
  /// - Returns: the norm before scaling, not finite where a gradient is not; nil where `clipNorm` is 0, and nothing is
  ///   done then.
  public func clipGradients(kernels: any Kernels) -> Double? {
    guard clipNorm > 0 else { return nil }
    let trained = parameters.filter(\.wantsGradient)
    let squares = trained.compactMap { $0.gradient.map { kernels.sum(kernels.multiply($0, $0)) } }
    let norm = squares.reduce(0, +).squareRoot()
    guard norm.isFinite, norm > clipNorm else { return norm }
    for parameter in trained {
      parameter.gradient = parameter.gradient.map { kernels.scaled($0, by: Float(clipNorm / norm)) }
    }
    return norm
  }

  /// Changes every parameter by its gradient, which stays: call `zeroGradients` before the next step's first
  /// `backward`.
  public mutating func step(rate: Float, kernels: any Kernels) {
    for group in groups {
      for parameter in group.parameters where parameter.wantsGradient {
        guard let gradient = parameter.gradient else { continue }
        var velocity =
          momentum == 0 ? nil : velocityOf.removeValue(forKey: parameter.name) ?? Tensor(zeros: parameter.shape)
        kernels.sgdStep(
          parameter: &parameter.value, gradient: gradient, velocity: &velocity, rate: rate * group.rateMultiplier,
          momentum: momentum,
          decay: group.decay)
        velocityOf[parameter.name] = velocity
      }
    }
  }

  public func zeroGradients() {
    for parameter in parameters { parameter.gradient = nil }
  }

  /// What a checkpoint must hold beside the weights, in group order; parameters never stepped have none.
  public var velocities: [(name: String, value: Tensor)] {
    get { parameters.compactMap { parameter in velocityOf[parameter.name].map { (parameter.name, $0) } } }
    set {
      velocityOf = [:]
      for (name, value) in newValue { setVelocity(value, of: name) }
    }
  }

  /// Restores one velocity. Precondition: `name` is a parameter here and the shapes are equal.
  public mutating func setVelocity(_ value: Tensor, of name: String) {
    guard let parameter = parameters.first(where: { $0.name == name }) else {
      preconditionFailure("no parameter is named \(name)")
    }
    precondition(
      parameter.shape == value.shape, "\(name): velocity has shape \(value.shape), the parameter \(parameter.shape)")
    velocityOf[name] = value
  }
}
