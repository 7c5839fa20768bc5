import Datasets
import Foundations
import Networks
import NeuralNet
import TensorStore
import Tensors

/// Weights with what they are of: which network, with which trunk and heads, for which classes.
///
/// In the file they are root attributes: `network`, `specification` (JSON), `classes` (names, background first),
/// `mask_values`.
public struct NetworkFile {
  /// Kinds of networks that stages exchange.
  public enum Kind: String, Sendable {
    case classifier
    case affinity
    case segmentation
    /// Segmentation with one DD-Net, of the static stage.
    case staticDifference = "static"
    /// Segmentation with a sub head and two DD-Nets, of the dynamic stage.
    case dynamicDifference = "dynamic"
    /// Weights from elsewhere, such as ImageNet's.
    case imported
  }

  public let path: String
  public let kind: Kind
  public let tensors: NamedTensors
  /// JSON of the architecture; empty for imported weights.
  public let specification: String
  /// Names, background first; empty where the network knows none.
  public let classes: [String]

  /// - Throws: `Failure(.data)` where the file is of another kind than `accepting`.
  public init(_ path: String, accepting kinds: [Kind]) throws {
    self.path = path
    tensors = try WeightsFile.load(path)
    for (name, tensor) in tensors.entries {
      guard let (position, value) = tensor.firstNotFinite else { continue }
      throw Failure(.data, expected: "finite weights", found: "\(value) at element \(position)", file: path, item: name)
    }
    let name = tensors.attributes["network"]?.asString ?? Kind.imported.rawValue
    guard let kind = Kind(rawValue: name) else {
      throw Failure(.data, "unknown network \"\(name)\"", file: path, item: "attribute network")
    }
    guard kinds.contains(kind) else {
      throw Failure(
        .data,
        "weights of another network: expected \(kinds.map(\.rawValue).joined(separator: " or ")), found "
          + "\(kind.rawValue)",
        file: path)
    }
    self.kind = kind
    specification = tensors.attributes["specification"]?.asString ?? ""
    classes = tensors.attributes["classes"]?.asStrings ?? []
  }

  /// Refuses weights that were trained for other classes than the data set's.
  public func requireClasses(_ table: ClassTable) throws {
    guard classes == table.names else {
      throw Failure(
        .data,
        "trained for other classes: expected \(table.names.joined(separator: " ")), found "
          + "\(classes.joined(separator: " "))",
        file: path)
    }
  }

  /// The trunk's tensors only, with or without the prefix `encoder.` of segmentation networks taken off.
  public var trunk: [(name: String, tensor: Tensor)] {
    let prefix = "encoder."
    guard kind == .segmentation || kind == .staticDifference || kind == .dynamicDifference else {
      return tensors.entries
    }
    return tensors.entries.compactMap {
      $0.name.hasPrefix(prefix) ? (String($0.name.dropFirst(prefix.count)), $0.tensor) : nil
    }
  }

  /// Writes a network's weights atomically.
  public static func save(
    _ module: any Module, kind: Kind, specification: String, classes: ClassTable,
    attributes: [String: AttributeValue] = [:], to path: String,
    provenance: Provenance
  ) throws {
    let weights = WeightsSource(NamedTensors(module.stateDictionary))
    try save(
      weights, kind: kind, specification: specification, classes: classes, attributes: attributes, to: path,
      provenance: provenance)
  }

  /// The same from a file of any format, one tensor at a time; its own attributes are left out.
  public static func save(
    _ weights: WeightsSource, kind: Kind, specification: String, classes: ClassTable,
    attributes: [String: AttributeValue] = [:], to path: String,
    provenance: Provenance
  ) throws {
    let own: [String: AttributeValue] = [
      "network": .string(kind.rawValue), "specification": .string(specification), "classes": .strings(classes.names),
      "mask_values": AttributeValue(classes.entries.map { Int($0.value) }),
    ]
    var weights = weights
    weights.attributes = own.merging(attributes) { own, _ in own }
    try WeightsFile.save(weights, to: path, provenance: provenance)
  }
}
