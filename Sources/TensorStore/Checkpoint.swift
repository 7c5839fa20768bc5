import Foundations
import Tensors

/// The state of a training run between two steps: weights at the root (so that a checkpoint is a weights file too), the optimiser's velocities in the group
/// `velocity`, and `step`, `epoch` and further values as attributes of the group `training`.
public struct Checkpoint: Sendable {
  public var weights: NamedTensors
  /// Momentum buffers by parameter name; parameters without one are absent.
  public var velocities: NamedTensors
  /// Steps done.
  public var step: Int
  /// Epochs done.
  public var epoch: Int
  /// Anything else that an unbroken run would know: sums of losses, the seed, a digest of the parameters. `step` and `epoch` are reserved.
  public var values: [String: AttributeValue]

  public init(weights: NamedTensors, velocities: NamedTensors = NamedTensors(), step: Int, epoch: Int, values: [String: AttributeValue] = [:]) {
    self.weights = weights
    self.velocities = velocities
    self.step = step
    self.epoch = epoch
    self.values = values
  }

  /// Writes the checkpoint atomically, everything in single precision: a run that resumes from it continues with the same bits.
  public func save(to path: String, provenance: Provenance = .none) throws {
    try HDF5Writer.write(to: path, provenance: provenance) { file in
      try WeightsFile.write(WeightsSource(weights), to: file, reserved: Set(provenance.pairs.map(\.0)))
      try file.createGroup("training")
      try file.setAttribute("step", AttributeValue(step), of: "training")
      try file.setAttribute("epoch", AttributeValue(epoch), of: "training")
      for (name, value) in values.sorted(by: { $0.key < $1.key }) where name != "step" && name != "epoch" {
        try file.setAttribute(name, value, of: "training")
      }
      try file.createGroup("velocity")
      for (name, tensor) in velocities.entries { try file.write(tensor, "velocity/\(name)") }
    }
  }

  /// Reads a checkpoint, in this process: a training reads its own. Fails where the file is a plain weights file.
  public static func load(_ path: String) throws -> Checkpoint {
    let weights = try WeightsFile.openHere(path).load()
    let file = try HDF5File(path)
    guard file.contains("training"), file.contains("velocity") else {
      throw Failure(.data, "is not a checkpoint: the groups `training` and `velocity` are missing", file: path)
    }
    let velocities = try file.datasetNames(in: "velocity").map { (name: $0, tensor: try file.readTensor("velocity/\($0)")) }
    var values = Dictionary(try file.attributes(of: "training").map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    values["step"] = nil
    values["epoch"] = nil
    return try Checkpoint(
      weights: weights, velocities: NamedTensors(velocities, source: path), step: file.integer("step", of: "training"),
      epoch: file.integer("epoch", of: "training"), values: values)
  }
}
