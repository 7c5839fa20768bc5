import Foundations
import NeuralNet
import Tensors

/// Names that may be missing in a weights file, or left over in it.
public enum NameAllowance: Sendable, Hashable {
  case none
  case all
  /// Names that start with one of these.
  case prefixes([String])

  func allows(_ name: String) -> Bool {
    switch self {
    case .none: false
    case .all: true
    case .prefixes(let prefixes): prefixes.contains { name.hasPrefix($0) }
    }
  }
}

/// What `load` did; names in the module's order, left-over names in the file's.
public struct LoadSummary: Sendable, Equatable {
  public let loaded: [String]
  /// Parameters that kept their value.
  public let missing: [String]
  /// Tensors of the file that no parameter took.
  public let unexpected: [String]
}

extension Module {
  /// Every parameter and running statistic with its name, in PyTorch's order: what a weights file holds.
  public var stateDictionary: [(name: String, tensor: Tensor)] { parameters.map { ($0.name, $0.value) } }

  /// Number of elements that are parameters, running statistics not counted.
  package var parameterCount: Int { parameters.filter(\.role.isTrained).reduce(0) { $0 + $1.value.count } }
}

/// Sets the parameters of `module` from named tensors; all or nothing.
///
/// PyTorch's `num_batches_tracked` counters are ignored. If a name occurs twice the last one counts.
///
/// - Parameters:
///   - tensors: names and tensors, as a weights file holds them.
///   - prefix: put in front of every name of the file first: `encoder.` to load a classifier's trunk into a
///     segmentation network.
///   - missing: parameters that may keep their value.
///   - unexpected: names of the file, prefix included, that may be left over.
///   - file: named in the failure.
/// - Throws: `Failure(.data)` that counts and names the first missing, left-over and wrongly shaped tensors; the module
///   is unchanged then.
@discardableResult
public func load(
  _ tensors: [(name: String, tensor: Tensor)], into module: any Module, prefix: String = "",
  missing: NameAllowance = .none,
  unexpected: NameAllowance = .none, file: String? = nil
) throws -> LoadSummary {
  let parameters = module.parameters
  let summary = try checkFit(
    tensors.map { ($0.name, $0.tensor.shape) }, parameters.map { ($0.name, $0.shape) }, prefix: prefix,
    missing: missing, unexpected: unexpected, file: file)
  let values = Dictionary(tensors.map { (prefix + $0.name, $0.tensor) }) { $1 }
  for parameter in parameters {
    if let value = values[parameter.name] { parameter.value = value }
  }
  return summary
}

/// The checks of `load`, from names and shapes alone: `given` is what the file holds, `wanted` a module's parameters.
@discardableResult
public func checkFit(
  _ given: [(name: String, shape: Shape)], _ wanted: [(name: String, shape: Shape)], prefix: String = "",
  missing: NameAllowance = .none,
  unexpected: NameAllowance = .none, file: String? = nil
) throws -> LoadSummary {
  let given = given.filter { !$0.name.hasSuffix(".num_batches_tracked") }.map {
    (name: prefix + $0.name, shape: $0.shape)
  }
  let shapes = Dictionary(given.map { ($0.name, $0.shape) }) { $1 }
  let names = Set(wanted.map(\.name))

  let present = wanted.filter { shapes[$0.name] != nil }
  let absent = wanted.map(\.name).filter { shapes[$0] == nil }
  let leftOver = given.map(\.name).filter { !names.contains($0) }
  let wrongShape = present.compactMap { parameter -> String? in
    guard let shape = shapes[parameter.name], shape != parameter.shape else { return nil }
    return "\(parameter.name) (expected \(parameter.shape), found \(shape))"
  }
  let problems = [
    problem("missing", absent.filter { !missing.allows($0) }),
    problem("not of this network", leftOver.filter { !unexpected.allows($0) }),
    problem("of another shape", wrongShape),
  ].compactMap { $0 }
  guard problems.isEmpty else {
    let verdict = present.count * 2 < wanted.count ? "weights of another network" : "weights do not fit the network"
    throw Failure(.data, "\(verdict): \(problems.joined(separator: "; "))", file: file)
  }
  return LoadSummary(loaded: present.map(\.name), missing: absent, unexpected: leftOver)
}

/// `3 tensors missing: a, b, c`; nil if there are none. At most three names.
private func problem(_ what: String, _ names: [String]) -> String? {
  guard !names.isEmpty else { return nil }
  let more = names.count > 3 ? ", ..." : ""
  return
    "\(names.count) \(names.count == 1 ? "tensor" : "tensors") \(what): "
    + "\(names.prefix(3).joined(separator: ", "))\(more)"
}
