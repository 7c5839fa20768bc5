import LabelMasks
import Networks
import NeuralNet
import SSDD
import Tensors
import TestSupport

extension GoldenFile {
  /// A stored mask (N, h, w).
  func masks(_ name: String) throws -> LabelMask {
    let (shape, labels) = try labels(name)
    return LabelMask(batch: shape[0], height: shape[1], width: shape[2], labels: labels)
  }

  /// Image-level labels: a 0/1 matrix samples x foreground classes.
  func present(_ name: String) throws -> PresentLabels {
    let shape = try shape(name)
    let values = try tensor(name).values
    let samples = (0..<shape[0]).map { n in (0..<shape[1]).filter { values[n * shape[1] + $0] > 0 }.map { $0 + 1 } }
    return try PresentLabels(samples, classes: shape[1] + 1)
  }

  func flags(_ name: String) throws -> ClassFlags {
    let shape = try shape(name)
    return ClassFlags(batch: shape[0], classes: shape[1], flags: try tensor(name).values.map { $0 > 0 })
  }

  func mismatch(_ masks: LabelMask, _ name: String) throws -> String? {
    try mismatch(masks.labels, shape: [masks.batch, masks.height, masks.width], name, tolerance: 0)
  }

  func mismatch(_ flags: ClassFlags, _ name: String) throws -> String? {
    try mismatch(flags.flags.map { $0 ? 1.0 : 0.0 } as [Double], shape: [flags.batch, flags.classes], name)
  }
}

/// A mask of one sample, row by row.
func mask(_ rows: [[UInt8]]) -> LabelMask {
  LabelMask(batch: 1, height: rows.count, width: rows[0].count, labels: rows.flatMap { $0 })
}

/// A network small enough for tests: 8-channel ResNet-38 or SqueezeNet, three classes.
func smallNetwork(_ stage: SSDDNetwork.Stage, kind: BackboneSpecification.Kind = .resnet38, seed: UInt64 = 1) throws
  -> SSDDNetwork
{
  let width = kind == .resnet38 ? 1.0 / 16 : 1
  let backbone = BackboneSpecification(kind: kind, width: width, depth: kind == .resnet38 ? 0.3 : 1)
  let model = try SSDDNetwork(
    NetworkSpecification(backbone: backbone, classes: 3, headChannels: 8, headDilation: 2, differenceChannels: 8),
    stage: stage)
  model.initialise(seed: seed)
  return model
}

/// Update `step` of a training on one batch of at most 16 samples, `microBatch` of them at a time.
func trainingPass(
  _ kernels: any Kernels, seed: UInt64, step: Int, microBatch: Int, share: any BatchShare = WholeBatch()
) -> TrainingPass {
  let plan = TrainingPlan(items: 16, epochs: step + 1, batch: 16, microBatch: microBatch)
  return TrainingPass(kernels: kernels, seed: seed, position: TrainingPosition(step: step, plan: plan), share: share)
}

extension StaticStep {
  func run(_ batch: StaticBatch, _ pass: TrainingPass, observing: @escaping (Forward) throws -> Void) throws
    -> TrainingRecord
  {
    var step = self
    step.observer = observing
    return try step.run(batch, pass)
  }
}

extension DynamicStep {
  func run(
    _ batch: DynamicBatch, _ pass: TrainingPass, observing: @escaping (Forward, Losses) throws -> Void
  ) throws -> TrainingRecord {
    var step = self
    step.observer = observing
    return try step.run(batch, pass)
  }
}
