/// How long a training runs, in what portions, and when it is saved.
public struct TrainingPlan: Sendable, Equatable {
  /// Number of items trained on.
  public let items: Int
  public let epochs: Int
  /// Items whose gradients make one update; at most `items`. A last, smaller batch of an epoch is left out.
  public let batch: Int
  /// Items computed at a time: the memory of a step grows with this, not with `batch`.
  public private(set) var microBatch: Int
  /// Updates in all: all epochs, or fewer on request.
  public let steps: Int
  /// Updates between two checkpoints.
  public let checkpointEvery: Int

  /// - Parameters:
  ///   - microBatch: 0 stands for the whole batch.
  ///   - steps: 0 stands for all epochs.
  ///   - checkpointEvery: 0 stands for the end of each epoch.
  public init(items: Int, epochs: Int, batch: Int, microBatch: Int = 0, steps: Int = 0, checkpointEvery: Int = 0) {
    precondition(items >= 1 && epochs >= 1 && batch >= 1 && microBatch >= 0 && steps >= 0 && checkpointEvery >= 0)
    self.items = items
    self.epochs = epochs
    self.batch = min(batch, items)
    self.microBatch = microBatch == 0 ? self.batch : min(microBatch, self.batch)
    let all = epochs * (items / self.batch)
    self.steps = steps == 0 ? all : min(steps, all)
    self.checkpointEvery = checkpointEvery == 0 ? items / self.batch : checkpointEvery
  }

  /// The same plan, `count` items computed at a time, at most the batch. Precondition: at least 1.
  public func with(microBatch count: Int) -> TrainingPlan {
    precondition(count >= 1, "a micro-batch of \(count)")
    var plan = self
    plan.microBatch = min(count, batch)
    return plan
  }

  public var stepsPerEpoch: Int { items / batch }

  public func epoch(ofStep step: Int) -> Int { step / stepsPerEpoch }

  /// The ranges of a batch's items that are computed together.
  public var microBatches: [Range<Int>] {
    stride(from: 0, to: batch, by: microBatch).map { $0..<min($0 + microBatch, batch) }
  }
}

/// Where a training is: what the learning rate, the draws and the log depend on.
public struct TrainingPosition: Sendable, Equatable, CustomStringConvertible {
  /// Update, from 0 over the whole training.
  public let step: Int
  public let epoch: Int
  /// Update within the epoch, from 0.
  public let stepInEpoch: Int
  public let plan: TrainingPlan

  public init(step: Int, plan: TrainingPlan) {
    self.step = step
    self.plan = plan
    epoch = plan.epoch(ofStep: step)
    stepInEpoch = step % plan.stepsPerEpoch
  }

  /// Counted from 1, as the log does: `step 8 of 25 (epoch 2)`.
  public var description: String { "step \(step + 1) of \(plan.steps) (epoch \(epoch + 1))" }
}

/// What one update tells the log: names and values in a fixed order.
public struct TrainingRecord: Sendable, Equatable {
  public private(set) var entries: [(name: String, value: Double)] = []

  public init(_ entries: KeyValuePairs<String, Double> = [:]) {
    self.entries = entries.map { (name: $0.key, value: $0.value) }
  }

  public init(_ entries: [(name: String, value: Double)]) { self.entries = entries }

  /// Adds an entry at the end.
  public mutating func append(_ name: String, _ value: Double) { entries.append((name: name, value: value)) }

  public static func == (left: Self, right: Self) -> Bool {
    left.entries.elementsEqual(right.entries) { $0.name == $1.name && $0.value == $1.value }
  }

  /// The number of that name; nil where there is none.
  public subscript(_ name: String) -> Double? { entries.first { $0.name == name }?.value }

  public var names: [String] { entries.map(\.name) }
  public var values: [Double] { entries.map(\.value) }
}
