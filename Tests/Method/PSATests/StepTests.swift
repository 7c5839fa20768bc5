import CPUBackend
import LabelMasks
import Networks
import NeuralNet
import PSA
import Tensors
import TestSupport
import Testing

/// One iteration of each of PSA's two trainings: micro-batches and processes give the gradients of the whole batch.
@Suite struct StepTests {
  private static let backbone = BackboneSpecification(kind: .resnet38, width: 1.0 / 16, depth: 0.1)
  private static let images = GoldenGenerator(seed: 1).signed("images", [4, 3, 64, 64])

  private static func pass(_ microBatch: Int, _ share: any BatchShare = WholeBatch()) -> TrainingPass {
    let plan = TrainingPlan(items: 4, epochs: 3, batch: 4, microBatch: microBatch)
    return TrainingPass(
      kernels: CPUKernels(threads: 1), seed: 5, position: TrainingPosition(step: 2, plan: plan), share: share)
  }

  private static func classifier() throws -> (step: ClassifierStep, batch: ClassifierBatch) {
    let network = CAMClassifier(backbone: try backbone.build(), objectCount: 3)
    network.initialise(seed: 2)
    let samples = [[1], [2, 3], [], [3]].enumerated().map { n, labels in
      ClassifierSample(input: images.batch(n..<n + 1).reshaped([3, 64, 64]), labels: labels)
    }
    let step = ClassifierStep(network: network)
    return (step, step.batch(samples))
  }

  /// Blocks of background, two classes and void that differ from sample to sample, so that shares have unequal numbers
  /// of pairs.
  private static func affinity() throws -> (step: AffinityStep, batch: AffinityBatch) {
    let network = AffinityNet(backbone: try backbone.build())
    network.initialise(seed: 2)
    // The features of an untrained trunk are so large that every affinity is 0: counts and sums are compared here, the
    // gradients of all processes are 0.
    var labels = LabelMask(repeating: 0, batch: 4, height: 8, width: 8)
    for n in 0..<4 {
      for y in 0..<8 {
        for x in 0..<8 { labels[n, y, x] = x + y < 3 * n ? 255 : x > 4 ? UInt8(1 + n % 2) : 0 }
      }
    }
    return (AffinityStep(network: network, pairs: AffinityPairs()), AffinityBatch(images: images, labels: labels))
  }

  private func gradients(_ module: any Module) -> [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: module.parameters.compactMap { parameter in parameter.gradient.map { (parameter.name, $0) }
      })
  }

  private func expectEqual(
    _ record: TrainingRecord, _ found: [String: Tensor], _ other: TrainingRecord, _ expected: [String: Tensor]
  ) {
    #expect(record.names == other.names)
    for (a, b) in zip(record.values, other.values) {
      #expect(abs(a - b) <= 1e-5 * max(1, abs(b)), "\(record) and \(other)")
    }
    #expect(found.keys.sorted() == expected.keys.sorted())
    for (name, gradient) in expected {
      #expect(found[name].flatMap { mismatch($0, gradient, tolerance: 2e-4, relative: true, name) } == nil)
    }
  }

  @Test func targetsAreTheLabels() throws {
    let batch = try Self.classifier().batch
    #expect(batch.count == 4 && batch.images == Self.images)
    #expect(batch.targets == Tensor([4, 3], [1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1]))
    #expect(batch.batch(1..<3).targets.values == [0, 1, 1, 0, 0, 0])
  }

  @Test func microBatchesAndProcessesOfTheClassifierAddUp() throws {
    let (step, batch) = try Self.classifier()
    let whole = try step.run(batch, Self.pass(4))
    let expected = gradients(step.module)
    #expect(whole.names == ["loss", "accuracy"])
    let split = try step.run(batch, Self.pass(3))
    expectEqual(split, gradients(step.module), whole, expected)
    let outcomes = try PlayedProcesses.run([0..<3, 3..<4]) { range, share in
      let (step, batch) = try Self.classifier()
      return (try step.run(batch.batch(range), Self.pass(2, share)), step.module)
    }
    for outcome in outcomes { expectEqual(outcome.record, outcome.gradients, whole, expected) }
    #expect(outcomes[0].completed == outcomes[1].completed && outcomes[0].completed.first == "fc8.weight")
    #expect(Set(outcomes[0].completed) == Set(expected.keys) && outcomes[0].completed.count == expected.count)
  }

  @Test func microBatchesAndProcessesOfTheAffinityNetworkAddUp() throws {
    let (step, batch) = try Self.affinity()
    let whole = try step.run(batch, Self.pass(4))
    let expected = gradients(step.module)
    #expect(whole.names == ["loss", "loss_bg", "loss_fg", "loss_neg", "void_share"])
    #expect(whole["void_share"] == Double(batch.labels.labels.count { $0 == 255 }) / 256)
    let split = try step.run(batch, Self.pass(1))
    expectEqual(split, gradients(step.module), whole, expected)
    let outcomes = try PlayedProcesses.run([0..<1, 1..<4]) { range, share in
      let (step, batch) = try Self.affinity()
      return (try step.run(batch.batch(range), Self.pass(2, share)), step.module)
    }
    for outcome in outcomes { expectEqual(outcome.record, outcome.gradients, whole, expected) }
    #expect(outcomes[0].completed == outcomes[1].completed && Set(outcomes[0].completed) == Set(expected.keys))
  }
}
