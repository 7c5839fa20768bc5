import Foundations
import Models
import NeuralNet

extension NetworkFile {
  /// The architecture that the file declares.
  public func modelSpecification() throws -> ModelSpecification {
    guard !specification.isEmpty else {
      throw Failure(.data, "does not say which network its weights are of (no attribute `specification`)", file: path)
    }
    do { return try ModelSpecification(json: specification) } catch let failure as Failure {
      throw failure.of(file: path)
    }
  }

  /// Loads what a training starts from: everything, where the file is of the model's own stage; else the trunk, and
  /// heads keep their initial values.
  public func loadStart(into model: SSDDModel) throws {
    guard kind == (model.stage == .static ? .staticDifference : .dynamicDifference) else {
      return try loadTrunk(into: model)
    }
    try load(tensors.entries, into: model, file: path)
  }

  /// Loads the trunk into a segmentation model, whose heads keep their initial values.
  public func loadTrunk(into model: any Module, prefix: String = "encoder.") throws {
    let own = Set(model.parameters.map(\.name))
    let trunk = trunk.filter { own.contains(prefix + $0.name) }
    try load(
      trunk, into: model, prefix: prefix, missing: .prefixes(["seg_", "dd", "fc8", "f8_", "f9"]), unexpected: .none,
      file: path)
  }
}
