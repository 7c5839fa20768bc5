import CPUBackend
import DenseCRF
import Foundations
import Models
import NeuralNet
import SSDD
import Tensors
import TestSupport
import Testing

struct StepTests {
  private let kernels = CPUKernels(threads: 1)
  private let side = 24
  private let samples = 4

  private func pass(_ microBatch: Int) -> TrainingPass { TrainingPass(kernels: kernels, seed: 5, step: 2, microBatch: microBatch) }

  private func images() -> Tensor { GoldenGenerator(seed: 1).signed("images", [samples, 3, 4 * side, 4 * side]) }

  /// Blocks of the present classes with ragged edges; `salt` moves them. The last rows of the first sample are void.
  private func masks(_ salt: Int) -> LabelBatch {
    var masks = LabelBatch(repeating: 0, batch: samples, height: side, width: side)
    for n in 0..<samples {
      for y in 0..<side {
        for x in 0..<side where (x + salt + n) % 7 < 4 && y > 4 + (x * 5 + salt) % 3 { masks[n, y, x] = n % 2 == 0 ? 1 : x < 12 ? 1 : 2 }
      }
    }
    for y in side - 4..<side { for x in 0..<side { masks[0, y, x] = LabelBatch.void } }
    // The last sample's advice has lost its object: a bad sample.
    if salt > 0 { for y in 0..<side { for x in 0..<side { masks[3, y, x] = 0 } } }
    return masks
  }

  private func present() throws -> PresentLabels { try PresentLabels([[1], [1, 2], [1], [1, 2]], classes: 3) }

  private func staticBatch() throws -> StaticBatch {
    StaticBatch(images: images(), knowledge: masks(0), advice: masks(2), present: try present())
  }

  private func dynamicBatch() throws -> DynamicBatch {
    let bytes = GoldenGenerator(seed: 2).integers("thumbnails", count: samples * side * side * 3, below: 256).map(UInt8.init)
    let area = side * side * 3
    return DynamicBatch(
      images: images(), thumbnails: (0..<samples).map { Array(bytes[$0 * area..<($0 + 1) * area]) }, seeds: masks(0), present: try present())
  }

  private func gradients(_ module: any Module) -> [String: Tensor] {
    Dictionary(uniqueKeysWithValues: module.parameters.compactMap { parameter in parameter.gradient.map { (parameter.name, $0) } })
  }

  private func expectEqual(_ a: [String: Tensor], _ b: [String: Tensor], _ tolerance: Double = 2e-4) {
    #expect(a.keys.sorted() == b.keys.sorted())
    for name in a.keys.sorted() {
      guard let (x, y) = a[name].flatMap({ x in b[name].map { (x, $0) } }) else { continue }
      #expect(mismatch(x, y, tolerance: tolerance, relative: true, name) == nil)
    }
  }

  @Test(arguments: [BackboneSpecification.Kind.resnet38, .squeezenet])
  func microBatchesOfTheStaticStepAddUp(_ kind: BackboneSpecification.Kind) throws {
    let model = try smallModel(.static, kind: kind)
    let step = StaticStep(model: model)
    let whole = try step.run(try staticBatch(), pass(4))
    let atOnce = gradients(model)
    let split = try step.run(try staticBatch(), pass(3))
    expectEqual(gradients(model), atOnce)
    #expect(whole.names == split.names)
    for (a, b) in zip(whole.values, split.values) { #expect(abs(a - b) <= 1e-5 * max(1, abs(a))) }
    #expect(whole["bad_first"] == 0.25)
    #expect(whole["foreground_k0"] == foregroundShare(masks(0)))
  }

  @Test func microBatchesOfTheDynamicStepAddUp() throws {
    let model = try smallModel(.dynamic)
    let step = DynamicStep(model: model)
    let whole = try step.run(try dynamicBatch(), pass(4))
    let atOnce = gradients(model)
    let split = try step.run(try dynamicBatch(), pass(1))
    #expect(whole.names == split.names)
    for (a, b) in zip(whole.values, split.values) { #expect(abs(a - b) <= 1e-4 * max(1, abs(a))) }
    expectEqual(gradients(model), atOnce)
  }

  @Test func microBatchesOfPlainTrainingAddUp() throws {
    let model = try smallModel(.static).segmentation
    let step = SegmentationStep(model: model)
    let batch = SegmentationBatch(images: images(), masks: masks(0))
    let whole = try step.run(batch, pass(4))
    let atOnce = gradients(model)
    let split = try step.run(batch, pass(2))
    expectEqual(gradients(model), atOnce)
    #expect(abs((whole["loss"] ?? .nan) - (split["loss"] ?? .nan)) < 1e-5)
    #expect(whole["foreground_target"] == foregroundShare(masks(0)))
  }

  @Test func differenceLossesDoNotReachTheSegmentationModel() throws {
    let model = try smallModel(.static)
    let batch = try staticBatch()
    _ = try StaticStep(model: model).run(batch, pass(4))
    let joint = gradients(model.segmentation)
    _ = try SegmentationStep(model: model.segmentation).run(SegmentationBatch(images: batch.images, masks: batch.knowledge), pass(4))
    #expect(gradients(model.segmentation) == joint)
  }

  @Test func aBatchOfBadSamplesLeavesTheDetectorWithoutGradients() throws {
    let model = try smallModel(.static)
    let empty = LabelBatch(repeating: 0, batch: samples, height: side, width: side)
    let log = try StaticStep(model: model).run(
      StaticBatch(images: images(), knowledge: masks(0), advice: empty, present: try present()), pass(4))
    #expect(log["bad_first"] == 1)
    #expect(log["loss_dd"] == 0)
    #expect(model.differenceParameters.allSatisfy { $0.gradient == nil })
    #expect(model.segmentation.main.parameters.contains { $0.gradient != nil })
  }

  @Test(arguments: Preset.allCases)
  func trainingLowersTheLossUnderEveryPreset(_ preset: Preset) throws {
    var parameters = SSDDParameters(preset)
    parameters.channelDropout = false
    let model = try smallModel(.static)
    let step = StaticStep(model: model, parameters: parameters)
    var optimiser = SGD(ParameterGroups.segmentation(model))
    var logs: [StepLog] = []
    for _ in 0..<8 {
      logs.append(try step.run(try staticBatch(), pass(4)))
      optimiser.step(rate: 2e-3, kernels: kernels)
    }
    for name in ["loss_seg", "loss_dd"] {
      let values = logs.map { $0[name] ?? .nan }
      #expect(values[7] < values[0], "\(name): \(values)")
    }
  }

  @Test func masksOfTheDynamicStepComeFromTheirSources() throws {
    let model = try smallModel(.dynamic)
    let batch = try dynamicBatch()
    _ = try DynamicStep(model: model).run(batch, pass(4)) { forward, _ in
      let present = try present()
      for mask in [forward.knowledge, forward.advice, forward.subMask, forward.first.refined, forward.second.refined] {
        for n in 0..<samples {
          let labels = Set(mask.batch(n..<n + 1).labels)
          #expect(labels.isSubset(of: Set(present.samples[n].map { UInt8($0) } + [LabelBatch.void])))
          #expect(labels.contains(LabelBatch.void) == (n == 0))
        }
      }
      for (i, label) in forward.second.refined.labels.enumerated() {
        #expect(label == batch.seeds.labels[i] || label == forward.first.refined.labels[i])
      }
    }
  }

  @Test func aLossThatIsNotANumberStopsTheStep() throws {
    let model = try smallModel(.static)
    let weight = try #require(model.parameters.first { $0.name == "seg_main.seg2.bias" })
    weight.value = Tensor(repeating: .nan, weight.shape)
    #expect(throws: Failure(.software, "expected a finite value, found nan", item: "loss")) {
      try StaticStep(model: model).run(try staticBatch(), pass(4))
    }
    let dynamic = try smallModel(.dynamic)
    let bias = try #require(dynamic.parameters.first { $0.name == weight.name })
    bias.value = weight.value
    #expect(throws: Failure(.software, "expected a finite value, found nan", item: "scores of the main head")) {
      try DynamicStep(model: dynamic).run(try dynamicBatch(), pass(4))
    }
  }

  @Test func mergingTakesAnyImageSize() throws {
    let model = try smallModel(.static)
    let (height, width) = SeedMerge.outputSize(height: 45, width: 52)
    #expect((height, width) == (12, 14))
    let knowledge = LabelBatch(repeating: 1, batch: 1, height: height, width: width)
    let advice = LabelBatch(repeating: 0, batch: 1, height: height, width: width)
    let x = GoldenGenerator(seed: 4).signed("x", [1, 3, 45, 52])
    let different = SeedMerge(model: model).differences(images: x, knowledge: knowledge, advice: advice, kernels: kernels)
    #expect(different.knowledge.shape == [1, 1, height, width])
    let equal = SeedMerge(model: model, parameters: SSDDParameters(.paper))
      .differences(images: x, knowledge: knowledge, advice: advice, kernels: kernels)
    #expect(zip(different.knowledge.values, equal.knowledge.values).allSatisfy { abs($0 + $1 - 1) < 1e-6 })
  }
}
