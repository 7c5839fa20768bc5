import Foundation
import Foundations
import NeuralNet
import TensorStore

/// A training's own checkpoint: weights, running statistics, velocities and the number of updates done.
struct CheckpointFile {
  let path: String
  /// A checkpoint of a training with another one is of no use here: it is left aside, and the run says so.
  let fingerprint: String
  /// Threads decide the last bits of sums, so a checkpoint goes on with as many as it began with.
  let threads: Int

  /// What was found.
  enum Found {
    case nothing
    /// Updates done.
    case resumed(Int)
    /// A checkpoint that is not of this training, and why.
    case other(String)
  }

  func save(step: Int, epoch: Int, module: any Module, optimizer: SGD) throws {
    let weights = NamedTensors(module.parameters.map { (name: $0.name, tensor: $0.value) })
    let velocities = NamedTensors(optimizer.velocities.map { (name: $0.name, tensor: $0.value) })
    let checkpoint = Checkpoint(
      weights: weights, velocities: velocities, step: step, epoch: epoch,
      values: ["fingerprint": .string(fingerprint), "threads": AttributeValue(threads)])
    try checkpoint.save(to: path)
  }

  /// Sets everything from the file, where it is a checkpoint of this training.
  ///
  /// A file that cannot be read is a failure: it is the user's to decide that hours of work are to be thrown away.
  func restore(into module: any Module, optimizer: inout SGD, steps: Int) throws -> Found {
    guard FileManager.default.fileExists(atPath: path) else { return .nothing }
    let checkpoint = try load()
    guard checkpoint.values["fingerprint"]?.asString == fingerprint else {
      return .other("it is of other options, inputs or programs")
    }
    guard let before = checkpoint.values["threads"]?.asInteger, before == threads else {
      let before = checkpoint.values["threads"]?.asInteger.map(String.init) ?? "another number of"
      return .other(
        "it was computed with \(before) threads, and this run has \(threads), which changes the last bits; give it "
          + "\(before) threads to go on"
      )
    }
    guard checkpoint.step <= steps else {
      throw Failure(
        .data, expected: "at most \(steps) updates",
        found: "\(checkpoint.step); remove the file to train from the start", file: path, item: "training")
    }
    for parameter in module.parameters {
      parameter.value = try checkpoint.weights.tensor(parameter.name, shape: parameter.shape)
    }
    let shapes = Dictionary(uniqueKeysWithValues: optimizer.parameters.map { ($0.name, $0.shape) })
    for (name, velocity) in checkpoint.velocities.entries {
      guard shapes[name] == velocity.shape else {
        throw Failure(.data, "velocity of another network", file: path, item: name)
      }
      optimizer.setVelocity(velocity, of: name)
    }
    return .resumed(checkpoint.step)
  }

  private func load() throws -> Checkpoint {
    do {
      return try Checkpoint.load(path)
    } catch let failure as Failure where failure.kind == .data {
      throw Failure(
        .data, "\(failure.message); remove the file to train from the start", file: path, item: failure.item)
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
