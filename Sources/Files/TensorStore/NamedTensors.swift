import Foundations
import Tensors

/// Tensors by name, in an order that is kept (PyTorch's order of a state dict), with attributes such as the
/// architecture.
public struct NamedTensors: Sendable {
  public typealias Entry = (name: String, tensor: Tensor)

  public private(set) var entries: [Entry] = []
  /// What the file says of the whole, by name. Setting one twice: the last counts.
  public var attributes: [String: AttributeValue]
  /// The file they were read from, for messages.
  public let source: String?
  private var index: [String: Int] = [:]

  /// Names must differ: precondition.
  public init(_ entries: [Entry] = [], attributes: [String: AttributeValue] = [:], source: String? = nil) {
    self.attributes = attributes
    self.source = source
    for (name, tensor) in entries { append(name, tensor) }
  }

  public var names: [String] { entries.map(\.name) }
  public var count: Int { entries.count }
  public var isEmpty: Bool { entries.isEmpty }

  /// Adds a tensor at the end; the name must be new: precondition.
  public mutating func append(_ name: String, _ tensor: Tensor) {
    precondition(index.updateValue(entries.count, forKey: name) == nil, "\(name) is there already")
    entries.append((name, tensor))
  }

  /// The tensor of that name; nil where there is none. O(1).
  public subscript(name: String) -> Tensor? { index[name].map { entries[$0].tensor } }

  /// The tensor of that name, which must exist and, where given, have that shape: else a failure that names the file,
  /// the nearest name, or both shapes.
  public func tensor(_ name: String, shape: Shape? = nil) throws -> Tensor {
    guard let tensor = self[name] else {
      let hint = nearestName(to: name, among: names).map { "; the nearest name is `\($0)`" } ?? ""
      throw Failure(.data, "there is no such tensor\(hint)", file: source, item: name)
    }
    if let shape, tensor.shape != shape {
      throw Failure(.data, expected: "the shape \(shape)", found: "\(tensor.shape)", file: source, item: name)
    }
    return tensor
  }

  /// The same with names changed; nil leaves a tensor out. New names must differ: a failure where they do not.
  public func renamed(_ change: (String) -> String?) throws -> NamedTensors {
    var result = NamedTensors([], attributes: attributes, source: source)
    for (name, tensor) in entries {
      guard let new = change(name) else { continue }
      guard result[new] == nil else {
        throw Failure(.data, "two tensors would be called `\(new)`", file: source, item: name)
      }
      result.append(new, tensor)
    }
    return result
  }
}
