import Tensors

/// Where the gradient of an operation's input goes.
enum Source {
  case node(Node)
  case parameter(Parameter)
}

/// One recorded operation. It holds no values, only the pullback that captured those it needs: a tensor that no
/// pullback needs is freed as soon as the forward pass lets go of it.
final class Node {
  /// Number of the node in its context: every source has a smaller one, so that descending order is an order for going
  /// back.
  let order: Int
  let shape: Shape
  private(set) var sources: [Source?]
  private(set) var pullback: ((Tensor) -> [Tensor?])?
  private(set) var isReleased = false
  let isLeaf: Bool
  var gradient: Tensor?

  init(order: Int, shape: Shape, sources: [Source?], pullback: ((Tensor) -> [Tensor?])?) {
    self.order = order
    self.shape = shape
    self.sources = sources
    self.pullback = pullback
    isLeaf = pullback == nil
  }

  /// Hands on what `gradient` holds and frees everything that was kept for it. Leaves keep their gradient.
  func pull(kernels: any Kernels) {
    guard !isLeaf else { return }
    let upstream = gradient
    gradient = nil
    let pullback = pullback
    let sources = sources
    release()
    guard let upstream, let pullback else { return }
    let gradients = pullback(upstream)
    precondition(
      gradients.count == sources.count, "a pullback gave \(gradients.count) gradients for \(sources.count) inputs")
    for (source, gradient) in zip(sources, gradients) {
      guard let source, let gradient else { continue }
      switch source {
      case .node(let node): node.accumulate(gradient, kernels: kernels)
      case .parameter(let parameter): parameter.accumulate(gradient, kernels: kernels)
      }
    }
  }

  func accumulate(_ addend: Tensor, kernels: any Kernels) {
    precondition(addend.shape == shape, "a gradient has shape \(addend.shape), its variable \(shape)")
    add(addend, to: &gradient, kernels: kernels)
  }

  private func release() {
    pullback = nil
    sources = []
    isReleased = true
  }
}

/// `sum += addend`, where nothing yet counts as zero.
func add(_ addend: Tensor, to sum: inout Tensor?, kernels: any Kernels) {
  guard var total = sum else {
    sum = addend
    return
  }
  sum = nil  // so that `total` is the only holder and is changed in place
  kernels.accumulate(addend, scaledBy: 1, into: &total)
  sum = total
}

/// Goes back from several results in one pass, so that what they share is gone through once.
///
/// Nodes run in reverse order of creation. Each frees what it kept before the next runs, so memory falls while going
/// back; a graph can be gone through once only (precondition). Gradients of parameters and of `Context.input` variables
/// are added to those present. Pairs whose variable wants no gradient are skipped.
///
/// Where the context has `gradientIsComplete`, it is told each parameter that the pass reaches, as soon as the last
/// operation that uses it has been gone back through. The order is that of the graph, reversed: the same each time.
///
/// - Parameter pairs: results, all of one context, each with dL/d(result) of the result's shape.
public func backward(_ pairs: [(Variable, Tensor)]) {
  var stack: [Node] = []
  for (variable, upstream) in pairs {
    precondition(
      upstream.shape == variable.shape, "upstream gradient has shape \(upstream.shape), the result \(variable.shape)")
    precondition(variable.context === pairs[0].0.context, "backward mixes variables of two contexts")
    let kernels = variable.context.kernels
    switch variable.source {
    case .none: continue
    case .parameter(let parameter): parameter.accumulate(upstream, kernels: kernels)
    case .node(let node):
      precondition(!node.isReleased, "this graph has been gone through; give all its results to one call of backward")
      node.accumulate(upstream, kernels: kernels)
      stack.append(node)
    }
  }
  guard let kernels = pairs.first?.0.context.kernels else { return }
  var nodes = reachable(from: stack)
  stack = []
  let context = pairs[0].0.context
  var completed = context.gradientIsComplete == nil ? [:] : lastUses(of: nodes)
  for case .parameter(let parameter)? in pairs.map(\.0.source)
  where !completed.values.joined().contains(where: { $0 === parameter }) {
    context.gradientIsComplete?(parameter)
  }
  while let node = nodes.popLast() {
    let order = node.order
    node.pull(kernels: kernels)
    for parameter in completed.removeValue(forKey: order) ?? [] { context.gradientIsComplete?(parameter) }
  }
}

/// For each node the parameters that no node before it uses, which are complete once it has been gone back through.
private func lastUses(of nodes: [Node]) -> [Int: [Parameter]] {
  var result: [Int: [Parameter]] = [:]
  var seen: Set<ObjectIdentifier> = []
  for node in nodes {
    for case .parameter(let parameter)? in node.sources where seen.insert(ObjectIdentifier(parameter)).inserted {
      result[node.order, default: []].append(parameter)
    }
  }
  return result
}

/// Every node that gradients from `roots` may reach, in order of creation.
private func reachable(from roots: [Node]) -> [Node] {
  var seen: Set<Int> = []
  var stack: [Node] = []
  var nodes: [Node] = []
  func visit(_ node: Node) {
    guard seen.insert(node.order).inserted else { return }
    precondition(
      !node.isReleased, "a part of this graph has been gone through; give all its results to one call of backward")
    stack.append(node)
    nodes.append(node)
  }
  roots.forEach(visit)
  while let node = stack.popLast() {
    for case .node(let source)? in node.sources { visit(source) }
  }
  return nodes.sorted { $0.order < $1.order }
}
