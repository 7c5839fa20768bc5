import Foundation
import Foundations
import NeuralNet
import TensorStore

/// A training's own checkpoint: weights, running statistics, velocities and the number of updates done.
struct CheckpointFile {
  let path: String
  /// A checkpoint of a training with another one is of no use here and is ignored.
  let fingerprint: String

  func save(step: Int, epoch: Int, module: any Module, optimizer: SGD) throws {
    let weights = NamedTensors(module.parameters.map { (name: $0.name, tensor: $0.value) })
    let velocities = NamedTensors(optimizer.velocities.map { (name: $0.name, tensor: $0.value) })
    let checkpoint = Checkpoint(weights: weights, velocities: velocities, step: step, epoch: epoch, values: ["fingerprint": .string(fingerprint)])
    try checkpoint.save(to: path)
  }

  /// Sets everything from the file and returns the number of updates done; nil where there is no checkpoint of this training.
  ///
  /// A file that cannot be read is a failure: it is the user's to decide that hours of work are to be thrown away.
  func restore(into module: any Module, optimizer: inout SGD) throws -> Int? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let checkpoint = try Checkpoint.load(path)
    guard checkpoint.values["fingerprint"]?.asString == fingerprint else { return nil }
    for parameter in module.parameters {
      parameter.value = try checkpoint.weights.tensor(parameter.name, shape: parameter.shape)
    }
    let shapes = Dictionary(uniqueKeysWithValues: optimizer.parameters.map { ($0.name, $0.shape) })
    for (name, velocity) in checkpoint.velocities.entries {
      guard shapes[name] == velocity.shape else { throw Failure(.data, "velocity of another network", file: path, item: name) }
      optimizer.setVelocity(velocity, of: name)
    }
    return checkpoint.step
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
