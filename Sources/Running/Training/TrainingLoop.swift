import Datasets
import Foundations
import NeuralNet
import Tensors

/// The loop around a training step: order of the images, learning rate, update, log, checkpoint and resumption.
///
/// What a step computes is the caller's; the loop knows no network. A run that is stopped and started again with the
/// same fingerprint goes on after its last checkpoint and ends with the same bits as one that was never stopped: every
/// draw depends on (seed, epoch, item) or on (seed, step), and weights and velocities are stored in full precision.
public struct TrainingLoop<Sample: Sendable> {
  public let plan: TrainingPlan
  public let seed: UInt64
  /// Learning rate of the trunk at a position; parameter groups multiply it.
  public let rate: @Sendable (TrainingPosition) -> Double
  /// Where `log.tsv` and `checkpoint.h5` live while training.
  public let folder: String
  /// Names everything that the result depends on, except the threads; a checkpoint with another fingerprint is not
  /// resumed.
  public let fingerprint: String
  /// How many threads compute; a checkpoint of another number is not resumed.
  public let threads: Int

  public init(
    plan: TrainingPlan, seed: UInt64, folder: String, fingerprint: String, threads: Int = 1,
    rate: @escaping @Sendable (TrainingPosition) -> Double
  ) {
    self.threads = threads
    self.plan = plan
    self.seed = seed
    self.folder = folder
    self.fingerprint = fingerprint
    self.rate = rate
  }

  /// Runs from the last checkpoint, or from the start, to the last step.
  ///
  /// - Parameters:
  ///   - module: everything a checkpoint must hold: weights and running statistics.
  ///   - optimizer: its velocities are stored too.
  ///   - prepare: makes the sample of (item, epoch), on a background thread, some batches ahead.
  ///   - accumulate: computes the gradients of a batch, in micro-batches of the plan, and says what to log; the names
  ///     must not change.
  ///   - resumed: told the step at which the run goes on, 0 for a new one.
  ///   - dropped: told why a checkpoint that is there is not resumed.
  ///   - isStopped: asked after each update: whether the run is to save a checkpoint and end.
  ///   - epochEnded: called with the epoch, from 0, after its last update and before that is saved: what it writes is
  ///     there, or is written again by the run that goes on.
  ///   - done: called after each update.
  /// - Throws: `Stopped` where `isStopped` says so and there is more to do; the checkpoint is of the last update.
  ///   `Failure(.software)` where a logged loss, or a weight about to be saved, is not finite, naming step and
  ///   epoch; what `prepare`, `accumulate` and the files throw. The last checkpoint stays.
  public func run(
    module: any Module, optimizer: inout SGD, kernels: any Kernels,
    prepare: @escaping @Sendable (_ item: Int, _ epoch: Int) throws -> Sample,
    accumulate: (_ samples: [Sample], _ position: TrainingPosition) throws -> TrainingRecord,
    resumed: (Int) -> Void = { _ in },
    dropped: (String) -> Void = { _ in }, isStopped: () -> Bool = { false },
    epochEnded: (Int) throws -> Void = { _ in },
    done: (TrainingPosition, TrainingRecord) -> Void
  ) throws {
    var start = 0
    switch try checkpoints.restore(into: module, optimizer: &optimizer, steps: plan.steps) {
    case .nothing: break
    case .resumed(let step): start = step
    case .other(let why): dropped(why)
    }
    resumed(start)
    var log = try TrainingLog(path: "\(folder)/log.tsv", keepingSteps: start)
    let sampler = BatchSampler(count: plan.items, batchSize: plan.batch, seed: seed)
    let batches = Prefetcher(steps: start..<plan.steps) { step in
      let batch = sampler.batch(step: step)
      return try batch.indices.map { try prepare($0, batch.epoch) }
    }
    for step in start..<plan.steps {
      let position = TrainingPosition(step: step, plan: plan)
      let rate = self.rate(position)
      optimizer.zeroGradients()
      guard let samples = try batches.next() else { preconditionFailure("no batch for step \(step)") }
      var record: TrainingRecord
      do {
        record = try accumulate(samples, position)
      } catch let failure as Failure where failure.kind == .software {
        throw diverged(failure.description, position)
      }
      if let norm = optimizer.clipGradients(kernels: kernels) { record.append("gradient_norm", norm) }
      try check(record, position)
      optimizer.step(rate: Float(rate), kernels: kernels)
      log.append(record, position: position, rate: rate)
      let isLast = step + 1 == plan.steps
      let mustStop = !isLast && isStopped()
      let isSaved = mustStop || (step + 1) % plan.checkpointEvery == 0 && !isLast
      let isEndOfEpoch = position.stepInEpoch + 1 == plan.stepsPerEpoch
      if isSaved || isLast || isEndOfEpoch { try check(module, position) }
      if isEndOfEpoch { try epochEnded(position.epoch) }
      if isSaved {
        try log.flush()
        try checkpoints.save(step: step + 1, epoch: position.epoch, module: module, optimizer: optimizer)
      }
      done(position, record)
      if mustStop { throw Stopped("stopped after step \(step + 1) of \(plan.steps)") }
    }
    try log.flush()
  }

  /// Takes away the checkpoint once the final weights are in place.
  public func removeCheckpoint() { checkpoints.remove() }

  private var checkpoints: CheckpointFile {
    CheckpointFile(path: "\(folder)/checkpoint.h5", fingerprint: fingerprint, threads: threads)
  }

  private func check(_ record: TrainingRecord, _ position: TrainingPosition) throws {
    guard let bad = record.entries.first(where: { !$0.value.isFinite }) else { return }
    throw diverged("\(bad.name) is \(bad.value.isNaN ? "not a number" : "infinite")", position)
  }

  /// An update may spoil the weights with no later loss to tell.
  private func check(_ module: any Module, _ position: TrainingPosition) throws {
    guard let bad = module.parameters.first(where: { !$0.value.values.allSatisfy { $0.isFinite } }) else { return }
    throw diverged("\(bad.name) holds values that are not finite", position)
  }

  private func diverged(_ what: String, _ position: TrainingPosition) -> Failure {
    Failure(.software, "\(what); a lower --learning-rate or other weights may help", item: position.description)
  }
}
