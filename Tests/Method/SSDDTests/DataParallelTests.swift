import CPUBackend
import LabelMasks
import Networks
import NeuralNet
import SSDD
import Tensors
import TestSupport
import Testing

/// A batch divided over processes gives the gradients and the log of the whole batch: denominators are those of all
/// processes together.
@Suite struct DataParallelTests {
  private static let (samples, side) = (4, 24)
  private static let images = GoldenGenerator(seed: 1).signed("images", [samples, 3, 4 * side, 4 * side])

  /// Blocks that differ from sample to sample, with more void in the first; the last sample's advice (`salt` > 0) lacks
  /// its object, so that the second process has no good sample at all.
  private static func masks(_ salt: Int) -> LabelMask {
    var masks = LabelMask(repeating: 0, batch: samples, height: side, width: side)
    for n in 0..<samples {
      for y in 0..<side {
        for x in 0..<side where (x + salt + n) % 7 < 4 && y > 4 + (x * 5 + salt) % 3 {
          masks[n, y, x] = n % 2 == 0 || x < 12 ? 1 : 2
        }
      }
    }
    for y in side - 9..<side { for x in 0..<side { masks[0, y, x] = LabelMask.void } }
    if salt > 0 { for y in 0..<side { for x in 0..<side { masks[3, y, x] = 0 } } }
    return masks
  }

  private static func present() throws -> PresentLabels { try PresentLabels([[1], [1, 2], [1], [1, 2]], classes: 3) }

  private static func staticBatch() throws -> StaticBatch {
    StaticBatch(images: images, knowledge: masks(0), advice: masks(2), present: try present())
  }

  private static func dynamicBatch() throws -> DynamicBatch {
    let thumbnails = (0..<samples).map { n in (0..<side * side * 3).map { UInt8(($0 * 7 + n * 31) % 256) } }
    return DynamicBatch(images: images, thumbnails: thumbnails, seeds: masks(0), present: try present())
  }

  /// - Parameter run: makes a step and runs it on the samples of the range.
  private func expectSame(
    _ run: @escaping @Sendable (Range<Int>, TrainingPass) throws -> (TrainingRecord, any Module)
  ) throws {
    let (whole, module) = try run(
      0..<Self.samples, trainingPass(CPUKernels(threads: 1), seed: 5, step: 2, microBatch: 4))
    let gradients = module.parameters.compactMap { parameter in parameter.gradient.map { (parameter.name, $0) } }
    let expected = Dictionary(uniqueKeysWithValues: gradients)
    let outcomes = try PlayedProcesses.run([0..<3, 3..<4]) { range, share in
      try run(range, trainingPass(CPUKernels(threads: 1), seed: 5, step: 2, microBatch: 2, share: share))
    }
    for outcome in outcomes {
      #expect(outcome.record.names == whole.names)
      for (name, (a, b)) in zip(whole.names, zip(outcome.record.values, whole.values)) {
        #expect(abs(a - b) <= 1e-4 * max(1, abs(b)), "\(name): \(a) and \(b)")
      }
      #expect(outcome.gradients.keys.sorted() == expected.keys.sorted())
      for (name, gradient) in expected {
        #expect(
          outcome.gradients[name].flatMap { mismatch($0, gradient, tolerance: 2e-4, relative: true, name) } == nil)
      }
      #expect(outcome.completed == outcomes[0].completed, "one order in every process")
      #expect(Set(outcome.completed) == Set(expected.keys) && outcome.completed.count == expected.count)
    }
  }

  @Test func theStaticStep() throws {
    try expectSame { range, pass in
      let step = StaticStep(network: try smallNetwork(.static))
      return (try step.run(try Self.staticBatch().batch(range), pass), step.module)
    }
  }

  @Test(arguments: [0, 10]) func theDynamicStep(warmUpSteps: Int) throws {
    try expectSame { range, pass in
      let step = DynamicStep(network: try smallNetwork(.dynamic), warmUpSteps: warmUpSteps)
      return (try step.run(try Self.dynamicBatch().batch(range), pass), step.module)
    }
  }

  @Test func theSegmentationStep() throws {
    try expectSame { range, pass in
      let step = SegmentationStep(network: try smallNetwork(.static).segmentation)
      let batch = SegmentationBatch(images: Self.images, masks: Self.masks(0))
      return (try step.run(batch.batch(range), pass), step.module)
    }
  }
}
