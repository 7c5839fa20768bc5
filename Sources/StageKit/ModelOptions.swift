import ArgumentParser
import Foundations
import Models
import NeuralNet

/// The options of stages that build segmentation heads and DD-Nets.
public struct ModelOptions: ParsableArguments {
  @Option(name: .customLong("head-dilation"), help: "Dilation and reflection padding of the segmentation head; the paper's is 12.")
  public var headDilation = 12

  @Option(name: .customLong("head-channels"), help: "Hidden channels of the segmentation head (e^h); 0: the paper's 512, scaled with the trunk.")
  public var headChannels = 0

  @Option(name: .customLong("difference-channels"), help: "Channels inside the DD-Net; 0: the paper's 256, scaled with the trunk.")
  public var differenceChannels = 0

  @Option(name: .customLong("head-statistics"), help: "Batch norm of the heads: frozen as in the method, or batch.")
  public var headStatistics = HeadStatistics.frozen

  public init() {}

  public func specification(backbone: BackboneSpecification, classes: Int) throws -> ModelSpecification {
    let specification = ModelSpecification(
      backbone: backbone, classes: classes, headChannels: headChannels == 0 ? nil : headChannels, headDilation: headDilation,
      differenceChannels: differenceChannels == 0 ? nil : differenceChannels, headStatistics: headStatistics)
    try specification.validate()
    return specification
  }
}

extension HeadStatistics: ExpressibleByArgument {}
extension BackboneSpecification.Kind: ExpressibleByArgument {}

extension NetworkFile {
  /// The architecture that the file declares.
  public func modelSpecification() throws -> ModelSpecification {
    guard !specification.isEmpty else {
      throw Failure(.data, "does not say which network its weights are of (no attribute `specification`)", file: path)
    }
    do { return try ModelSpecification(json: specification) } catch let failure as Failure { throw failure.of(file: path) }
  }

  /// Loads what a training starts from: everything, where the file is of the model's own stage; else the trunk, and heads keep their initial values.
  public func loadStart(into model: SSDDModel) throws {
    guard kind == (model.stage == .static ? .staticDifference : .dynamicDifference) else { return try loadTrunk(into: model) }
    try load(tensors.entries, into: model, file: path)
  }

  /// Loads the trunk into a segmentation model, whose heads keep their initial values.
  public func loadTrunk(into model: any Module, prefix: String = "encoder.") throws {
    let own = Set(model.parameters.map(\.name))
    let trunk = trunk.filter { own.contains(prefix + $0.name) }
    try load(trunk, into: model, prefix: prefix, missing: .prefixes(["seg_", "dd", "fc8", "f8_", "f9"]), unexpected: .none, file: path)
  }
}
