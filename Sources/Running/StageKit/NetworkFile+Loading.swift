import Datasets
import Foundations
import Networks
import NeuralNet
import PSA
import StageInterface

extension NetworkFile {
  /// The architecture that the file declares.
  public func networkSpecification() throws -> NetworkSpecification {
    guard !specification.isEmpty else {
      throw Failure(.data, "does not say which network its weights are of (no attribute `specification`)", file: path)
    }
    do { return try NetworkSpecification(json: specification) } catch let failure as Failure {
      throw failure.of(file: path)
    }
  }

  /// Loads what a training starts from: everything, where the file is of the network's own stage; else the trunk, and
  /// heads keep their initial values.
  public func loadStart(into network: SSDDNetwork) throws {
    guard kind == (network.stage == .static ? .staticDifference : .dynamicDifference) else {
      return try loadTrunk(into: network)
    }
    try load(tensors.entries, into: network, file: path)
  }

  /// Loads the trunk into a segmentation network, whose heads keep their initial values.
  public func loadTrunk(into network: any Module, prefix: String = "encoder.") throws {
    let own = Set(network.parameters.map(\.name))
    let trunk = trunk.filter { own.contains(prefix + $0.name) }
    try load(
      trunk, into: network, prefix: prefix, missing: .prefixes(["seg_", "dd", "fc8", "f8_", "f9"]), unexpected: .none,
      file: path)
  }
}

extension ActivationMaps {
  /// - Parameter weights: a classifier's weights file.
  /// - Throws: `Failure(.data)` where it was trained for other classes than `classes`.
  public init(weights: String, options: ActivationMapOptions, classes: ClassTable) throws {
    let file = try NetworkFile(weights, accepting: [.classifier])
    try file.requireClasses(classes)
    let network = CAMClassifier(
      backbone: try file.networkSpecification().backbone.build(), objectCount: classes.objectCount)
    try load(file.tensors.entries, into: network, file: weights)
    self.init(network: network, scales: options.scales.values, flip: options.flip)
  }
}
