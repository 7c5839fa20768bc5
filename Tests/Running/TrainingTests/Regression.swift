import CPUBackend
import Foundation
import Foundations
import NeuralNet
import TensorStore
import Tensors
import TestSupport
import Training

/// The smallest thing that can be trained: y = a x + b by least squares, with gradients written out. Its running
/// statistic counts the batches, to see that checkpoints hold what no gradient trains.
struct Line: Module {
  let weight = Parameter(name: "line.weight", shape: [2], role: .weight, initialiser: .zeros)
  let seen = Parameter(name: "line.running_mean", shape: [1], role: .runningMean, initialiser: .zeros)
  var parameters: [Parameter] { [weight, seen] }

  /// Mean squared error of the points, with its gradient.
  func accumulate(_ points: [Point]) -> TrainingRecord {
    let (a, b) = (weight.value[0], weight.value[1])
    let errors = points.map { a * $0.x + b - $0.y }
    let scale = 2 / Float(points.count)
    weight.gradient = Tensor(
      [2], [scale * zip(errors, points).reduce(0) { $0 + $1.0 * $1.1.x }, scale * errors.reduce(0, +)])
    seen.value = Tensor([1], [seen.value[0] + 1])
    return TrainingRecord(["loss": errors.reduce(0.0) { $0 + Double($1 * $1) } / Double(points.count)])
  }
}

struct Point: Sendable {
  let x: Float
  let y: Float

  /// A point on y = 3x - 1, blurred; drawn from (item, epoch) alone, as samples of images are.
  init(item: Int, epoch: Int) {
    var generator = SeededGenerator(seed: 5, "point", String(item), String(epoch))
    x = generator.uniform(-1...1)
    y = 3 * x - 1 + 0.01 * generator.normal()
  }
}

/// A training of a line in a folder of its own.
struct Regression {
  let folder: TemporaryFolder
  var plan = TrainingPlan(items: 20, epochs: 5, batch: 4)
  var fingerprint = "one"
  var threads = 1
  var rate = 0.1
  var clipNorm = 0.0

  init() throws { folder = try TemporaryFolder() }

  struct Stopped: Error {}

  struct Outcome {
    var weights: [Float]
    var batchesSeen: Float
    var log: String
    /// The step that the run went on at.
    var start: Int
    /// Why a checkpoint was not gone on with.
    var dropped: String?
    var losses: [Double]
    /// The epochs that ended, each with whether a checkpoint was there.
    var epochs: [(epoch: Int, hasCheckpoint: Bool)] = []
  }

  /// Trains to the end, or until the step `stoppingAt`, which throws `Stopped` as a killed process would end: without
  /// any cleaning up.
  ///
  /// - Parameter asked: after how many updates the run is asked to save and to end.
  func run(
    stoppingAt stop: Int? = nil, asked: Int? = nil, loss: @escaping (Int, Double) -> Double = { $1 }
  ) throws -> Outcome {
    let line = Line()
    var optimizer = SGD([ParameterGroup(line.parameters)], momentum: 0.9, clipNorm: clipNorm)
    let loop = TrainingLoop<Point>(plan: plan, seed: 1, folder: folder.path, fingerprint: fingerprint, threads: threads)
    { [rate] _ in rate }
    var (start, losses, epochs) = (-1, [Double](), [(epoch: Int, hasCheckpoint: Bool)]())
    var dropped: String?
    try loop.run(
      module: line, optimizer: &optimizer, kernels: CPUKernels(threads: 1), prepare: { Point(item: $0, epoch: $1) },
      accumulate: { points, position in
        if position.step == stop { throw Stopped() }
        let record = line.accumulate(points)
        return TrainingRecord(record.entries.map { (name: $0.name, value: loss(position.step, $0.value)) })
      }, resumed: { start = $0 }, dropped: { dropped = $0 },
      isStopped: { asked.map { losses.count + max(start, 0) + 1 >= $0 } ?? false },
      epochEnded: { epochs.append((epoch: $0, hasCheckpoint: hasCheckpoint)) }
    ) { losses.append($1.values[0]) }
    return Outcome(
      weights: line.weight.value.values, batchesSeen: line.seen.value[0], log: try log, start: start, dropped: dropped,
      losses: losses,
      epochs: epochs)
  }

  var log: String { get throws { try String(contentsOfFile: folder.file("log.tsv"), encoding: .utf8) } }
  var hasCheckpoint: Bool { FileManager.default.fileExists(atPath: folder.file("checkpoint.h5")) }
}
