import CProcess
import Datasets
import Foundation
import Foundations
import Networks
import NeuralNet
import StageInterface
import StepFiles
import TensorStore
import Tensors
import Training

/// A training as a stage describes it; `StageRun.train` does the rest.
public struct TrainingJob<Sample: Sendable> {
  public let module: any Module
  public var optimizer: SGD
  public let plan: TrainingPlan
  /// What the training may take; nil for what the plan's micro-batch needs.
  public let memory: MemorySize?
  public let rate: @Sendable (TrainingPosition) -> Double
  /// Makes the sample of (item, epoch); runs on a background thread.
  public let prepare: @Sendable (_ item: Int, _ epoch: Int) throws -> Sample
  /// The step's gradients of a batch, with kernels that may compute or only measure memory.
  let update: (_ samples: [Sample], _ position: TrainingPosition, _ kernels: any Kernels) throws -> TrainingRecord
  /// Looks at the samples of an update before it is computed.
  public var watch: (_ samples: [Sample], _ position: TrainingPosition, _ kernels: any Kernels) throws -> Void = {
    _, _, _ in
  }
  /// Called after the last update of each epoch, counted from 0, before that update is saved.
  public var epochEnded: (_ epoch: Int, _ kernels: any Kernels) throws -> Void = { _, _ in }

  /// - Parameter seed: of the run, for dropout.
  public init<Step: TrainingStep>(
    _ step: Step, seed: UInt64, optimizer: SGD, plan: TrainingPlan, memory: MemorySize?,
    rate: @escaping @Sendable (TrainingPosition) -> Double,
    prepare: @escaping @Sendable (_ item: Int, _ epoch: Int) throws -> Sample
  ) where Step.Sample == Sample {
    module = step.module
    self.optimizer = optimizer
    self.plan = plan
    self.memory = memory
    self.rate = rate
    self.prepare = prepare
    update = { try step.run($0, TrainingPass(kernels: $2, seed: seed, position: $1)) }
  }
}

extension TrainingJob {
  func updateWatched(_ samples: [Sample], _ position: TrainingPosition, _ kernels: any Kernels) throws -> TrainingRecord
  {
    try watch(samples, position, kernels)
    return try update(samples, position, kernels)
  }
}

extension StageRun {
  /// Trains, resuming where a run of the same recipe and threads stopped, and leaves `weights.h5` and `log.tsv` in the
  /// output folder. After SIGTERM or an interrupt it saves a checkpoint and throws `Stopped`.
  ///
  /// - Parameters:
  ///   - inputs: option names and paths of everything read beside the images: part of the provenance.
  ///   - attributes: further root attributes of the weights file.
  public func train<Sample: Sendable>(
    _ job: TrainingJob<Sample>, kind: NetworkFile.Kind, specification: String, data: StageData,
    inputs: [(option: String, path: String)],
    attributes: [String: AttributeValue] = [:]
  ) throws {
    // From here on a signal to stop costs one update, and nothing that was computed before.
    cprocess_note_stops()
    let work = try openWork()
    // Of a training that ended before its first checkpoint nothing is of use.
    defer { work.removeIfEmpty() }
    let plan = try plan(of: job)
    let kernels = kernels
    let loop = TrainingLoop<Sample>(
      plan: plan, seed: seed, folder: work.path, fingerprint: try workRecipe().digest, threads: threads, rate: job.rate)
    var optimizer = job.optimizer
    var progress = progress(total: plan.steps, unit: "steps")
    let resumed = { (step: Int) in
      guard step > 0 else { return }
      log.info("going on after step \(step) of \(plan.steps)")
      progress = self.progress(total: plan.steps, unit: "steps", alreadyDone: step)
    }
    let dropped = { (why: String) in
      let path = "\(work.path)/\(StepFolder.checkpointName)"
      log.warning("\(path) is not gone on with, the training starts anew: \(why)")
    }
    try loop.run(
      module: job.module, optimizer: &optimizer, kernels: kernels, prepare: job.prepare,
      accumulate: { try job.updateWatched($0, $1, kernels) },
      resumed: resumed, dropped: dropped, isStopped: { cprocess_stop_requested() != 0 },
      epochEnded: { try job.epochEnded($0, kernels) }
    ) { position, record in
      progress.advance(
        "epoch \(position.epoch + 1)/\(plan.epochs), "
          + record.entries.prefix(2).map { "\($0.name) \(Self.short($0.value))" }.joined(separator: ", "))
    }
    progress.finish()
    if let peak = Self.peakMemory { log.info("peak memory \(peak)") }
    try NetworkFile.save(
      job.module, kind: kind, specification: specification, classes: data.classes, attributes: attributes,
      to: "\(work.path)/\(StepFolder.weightsName)", provenance: provenance(inputs: inputs))
    let list = try FileList(of: [StepFolder.weightsName, StepFolder.logName], in: work.path)
    let facts =
      ["\(kind)", specification, data.classes.names.joined(separator: " ")]
      + attributes.sorted { $0.key < $1.key }.map { "\($0)" }
    try commit(
      work, Completion(recipe: recordedRecipe(), content: Self.content(of: job.module, facts), list: list), list)
    // Versions before had it beside the weights.
    folder.remove([StepFolder.checkpointName])
  }

  /// Digest of a network's weights and of what else the file says of it; what made it is not in it.
  private static func content(of module: any Module, _ facts: [String]) -> String {
    var digest = SHA256()
    digest.update(facts.joined(separator: "\n").utf8)
    for (name, tensor) in module.stateDictionary {
      digest.update("\n\(name) \(tensor.shape)\n".utf8)
      digest.update(tensor.values)
    }
    return digest.hexadecimal()
  }

  /// The plan with the micro-batch that the memory allows; says what is predicted. Where that is unknown the step
  /// itself will say why.
  private func plan<Sample: Sendable>(of job: TrainingJob<Sample>) throws -> TrainingPlan {
    if job.memory == nil, isQuiet { return job.plan }
    do {
      let (plan, memory) = try fitted(job)
      log.info("predicted memory \(memory), \(plan.microBatch) of \(plan.batch) images at a time")
      return plan
    } catch  where job.memory == nil {
      return job.plan
    }
  }

  private static func short(_ value: Double) -> String {
    let scaled = (value * 10_000).rounded() / 10_000
    return String(scaled)
  }
}
