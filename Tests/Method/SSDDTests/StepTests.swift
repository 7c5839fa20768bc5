import CPUBackend
import DenseCRF
import Foundations
import LabelMasks
import MethodChoices
import Networks
import NeuralNet
import SSDD
import Synchronization
import Tensors
import TestSupport
import Testing

struct StepTests {
  private let kernels = CPUKernels(threads: 1)
  private let side = 24
  private let samples = 4

  private func pass(_ microBatch: Int) -> TrainingPass {
    trainingPass(kernels, seed: 5, step: 2, microBatch: microBatch)
  }

  private func images() -> Tensor { GoldenGenerator(seed: 1).signed("images", [samples, 3, 4 * side, 4 * side]) }

  /// Blocks of the present classes with ragged edges; `salt` moves them. The last rows of the first sample are void.
  private func masks(_ salt: Int) -> LabelMask {
    var masks = LabelMask(repeating: 0, batch: samples, height: side, width: side)
    for n in 0..<samples {
      for y in 0..<side {
        for x in 0..<side where (x + salt + n) % 7 < 4 && y > 4 + (x * 5 + salt) % 3 {
          masks[n, y, x] = n % 2 == 0 ? 1 : x < 12 ? 1 : 2
        }
      }
    }
    for y in side - 4..<side { for x in 0..<side { masks[0, y, x] = LabelMask.void } }
    // The last sample's advice has lost its object: a bad sample.
    if salt > 0 { for y in 0..<side { for x in 0..<side { masks[3, y, x] = 0 } } }
    return masks
  }

  private func present() throws -> PresentLabels { try PresentLabels([[1], [1, 2], [1], [1, 2]], classes: 3) }

  private func staticBatch() throws -> StaticBatch {
    StaticBatch(images: images(), knowledge: masks(0), advice: masks(2), present: try present())
  }

  private func dynamicBatch() throws -> DynamicBatch {
    let bytes = GoldenGenerator(seed: 2).integers("thumbnails", count: samples * side * side * 3, below: 256).map(
      UInt8.init)
    let area = side * side * 3
    return DynamicBatch(
      images: images(), thumbnails: (0..<samples).map { Array(bytes[$0 * area..<($0 + 1) * area]) }, seeds: masks(0),
      present: try present())
  }

  private func gradients(_ module: any Module) -> [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: module.parameters.compactMap { parameter in parameter.gradient.map { (parameter.name, $0) }
      })
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
    let model = try smallNetwork(.static, kind: kind)
    let step = StaticStep(network: model)
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
    let model = try smallNetwork(.dynamic)
    let step = DynamicStep(network: model)
    let whole = try step.run(try dynamicBatch(), pass(4))
    let atOnce = gradients(model)
    let split = try step.run(try dynamicBatch(), pass(1))
    #expect(whole.names == split.names)
    for (a, b) in zip(whole.values, split.values) { #expect(abs(a - b) <= 1e-4 * max(1, abs(a))) }
    expectEqual(gradients(model), atOnce)
  }

  @Test func microBatchesOfPlainTrainingAddUp() throws {
    let model = try smallNetwork(.static).segmentation
    let step = SegmentationStep(network: model)
    let batch = SegmentationBatch(images: images(), masks: masks(0))
    let whole = try step.run(batch, pass(4))
    let atOnce = gradients(model)
    let split = try step.run(batch, pass(2))
    expectEqual(gradients(model), atOnce)
    #expect(abs((whole["loss"] ?? .nan) - (split["loss"] ?? .nan)) < 1e-5)
    #expect(whole["foreground_target"] == foregroundShare(masks(0)))
  }

  @Test func differenceLossesDoNotReachTheSegmentationNetwork() throws {
    let model = try smallNetwork(.static)
    let batch = try staticBatch()
    _ = try StaticStep(network: model).run(batch, pass(4))
    let joint = gradients(model.segmentation)
    _ = try SegmentationStep(network: model.segmentation).run(
      SegmentationBatch(images: batch.images, masks: batch.knowledge), pass(4))
    #expect(gradients(model.segmentation) == joint)
  }

  @Test func aBatchOfBadSamplesLeavesTheDetectorWithoutGradients() throws {
    let model = try smallNetwork(.static)
    let empty = LabelMask(repeating: 0, batch: samples, height: side, width: side)
    let log = try StaticStep(network: model).run(
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
    let model = try smallNetwork(.static)
    let step = StaticStep(network: model, parameters: parameters)
    var optimizer = SGD(ParameterGroups.segmentation(model))
    var logs: [TrainingRecord] = []
    for _ in 0..<8 {
      logs.append(try step.run(try staticBatch(), pass(4)))
      optimizer.step(rate: 2e-3, kernels: kernels)
    }
    for name in ["loss_seg", "loss_dd"] {
      let values = logs.map { $0[name] ?? .nan }
      #expect(values[7] < values[0], "\(name): \(values)")
    }
  }

  @Test func masksOfTheDynamicStepComeFromTheirSources() throws {
    let model = try smallNetwork(.dynamic)
    let batch = try dynamicBatch()
    _ = try DynamicStep(network: model).run(batch, pass(4)) { forward, _ in
      let present = try present()
      for mask in [forward.knowledge, forward.advice, forward.subMask, forward.first.refined, forward.second.refined] {
        for n in 0..<samples {
          let labels = Set(mask.batch(n..<n + 1).labels)
          #expect(labels.isSubset(of: Set(present.samples[n].map { UInt8($0) } + [LabelMask.void])))
          #expect(labels.contains(LabelMask.void) == (n == 0))
        }
      }
      for (i, label) in forward.second.refined.labels.enumerated() {
        #expect(label == batch.seeds.labels[i] || label == forward.first.refined.labels[i])
      }
    }
  }

  /// The masks of `masks(of:)` are those of the step's own forward pass, and nothing is learned by looking.
  @Test func masksCanBeLookedAtWithoutLearning() throws {
    var parameters = SSDDParameters()
    parameters.channelDropout = false
    let model = try smallNetwork(.dynamic)
    let step = DynamicStep(network: model, parameters: parameters)
    let before = model.parameters.map(\.value)
    let masks = try step.masks(of: try dynamicBatch(), kernels: kernels)
    #expect(model.parameters.map(\.value) == before && model.parameters.allSatisfy { $0.gradient == nil })
    _ = try step.run(try dynamicBatch(), pass(4)) { forward, _ in
      let expected = [
        forward.knowledge, forward.advice, forward.first.refined, forward.second.refined, forward.subMask,
      ]
      #expect(masks.named.map(\.mask) == expected)
    }
    #expect(masks.named.map(\.name) == ["k1", "a1", "d1", "d2", "sub"])
  }

  /// Each sample's masks are its own: batch statistics of the others do not enter.
  @Test func aSamplesMasksDoNotDependOnTheBatch() throws {
    let backbone = BackboneSpecification(kind: .resnet38, width: 1.0 / 16, depth: 0.3)
    let specification = NetworkSpecification(
      backbone: backbone, classes: 3, headChannels: 8, headDilation: 2, differenceChannels: 8, headStatistics: .batch)
    let model = try SSDDNetwork(specification, stage: .dynamic)
    model.initialise(seed: 1)
    let (step, batch) = (DynamicStep(network: model), try dynamicBatch())
    let all = try step.masks(of: batch, kernels: kernels)
    let one = DynamicBatch(
      images: batch.images.batch(2..<3), thumbnails: [batch.thumbnails[2]], seeds: batch.seeds.batch(2..<3),
      present: batch.present.batch(2..<3))
    for (whole, single) in zip(all.named, try step.masks(of: one, kernels: kernels).named) {
      #expect(whole.mask.batch(2..<3) == single.mask)
    }
  }

  /// A high temperature makes the CRF's input flat; 1 is what the reference has.
  @Test func theTemperatureReachesTheCRF() throws {
    func seen(_ temperature: Float?) throws -> [Tensor] {
      var parameters = SSDDParameters()
      if let temperature { parameters.trainingTemperature = temperature }
      let inputs = Mutex([Tensor]())
      let step = DynamicStep(network: try smallNetwork(.dynamic), parameters: parameters) { _, map, _ in
        inputs.withLock { $0.append(map) }
        return map
      }
      _ = try step.masks(of: try dynamicBatch(), kernels: kernels)
      return inputs.withLock { $0 }
    }
    #expect(try seen(nil) == seen(1))
    for map in try seen(1e6) { #expect(map.values.allSatisfy { abs($0 - 1 / Float(map.shape[0])) < 1e-4 }) }
    for (soft, hard) in zip(try seen(2), try seen(1)) { #expect((soft.values.max() ?? 1) < (hard.values.max() ?? 0)) }
  }

  @Test func aTemperatureOnProbabilitiesIsOneOnLogits() throws {
    let logits = GoldenGenerator(seed: 6).signed("logits", [1, 4, 3, 5])
    let present = try PresentLabels([[1, 2, 3]], classes: 4)
    let kernels = CPUKernels(threads: 1)
    let probabilities = softmax(logits, among: present, kernels: kernels).reshaped([4, 3, 5])
    let expected = softmax(logits, among: present, temperature: 2.5, kernels: kernels)
    #expect(
      mismatch(tempered(probabilities, temperature: 2.5).reshaped([1, 4, 3, 5]), expected, tolerance: 1e-5) == nil)
    #expect(tempered(probabilities, temperature: 1) == probabilities)
    #expect(
      tempered(Tensor([2, 1, 2], [0, 0.5, 0, 0.5]), temperature: 3).values[0] == 0,
      "a pixel without any probability stays")
  }

  @Test func spreadsCountTheCropsPixelsOnRequest() {
    var parameters = SSDDParameters()
    #expect(Preset.allCases.allSatisfy { SSDDParameters($0).trainingCRF == DenseCRFParameters(iterations: 3) })
    parameters.spreadUnit = .imagePixels
    #expect(parameters.trainingCRF == DenseCRFParameters(iterations: 3, scaleFactor: 4))
  }

  /// A CRF whose spreads are divided by 4 is one of spreads a quarter as wide.
  @Test func dividedSpreadsAreNarrowSpreads() throws {
    func marginals(_ parameters: DenseCRFParameters) throws -> Tensor {
      let bytes = GoldenGenerator(seed: 2).integers("rgb", count: 12 * 10 * 3, below: 256).map(UInt8.init)
      let map = GoldenGenerator(seed: 3).signed("p", [2, 10, 12])
      let p = Tensor(map.shape, map.values.map { 0.5 + 0.4 * $0 })
      return try DenseCRF(width: 12, height: 10, rgb: bytes, parameters: parameters, threads: 1).infer(probabilities: p)
    }
    let divided = try marginals(DenseCRFParameters(iterations: 3, scaleFactor: 4))
    #expect(divided == (try marginals(DenseCRFParameters(gaussianSpread: 0.75, bilateralSpread: 20, iterations: 3))))
    #expect(divided != (try marginals(DenseCRFParameters(iterations: 3))))
  }

  @Test func theSecondModulesLossIsAChoiceOfItsOwn() throws {
    func loss(_ choice: SecondModuleLoss) throws -> Double? {
      var parameters = SSDDParameters()
      (parameters.secondModuleLoss, parameters.channelDropout) = (choice, false)
      return try DynamicStep(network: try smallNetwork(.dynamic), parameters: parameters).run(
        try dynamicBatch(), pass(4))[
          "loss_dd"]
    }
    #expect(try loss(.perSample) != loss(.wholeBatch))
  }

  @Test func aLossThatIsNotANumberStopsTheStep() throws {
    let model = try smallNetwork(.static)
    let weight = try #require(model.parameters.first { $0.name == "seg_main.seg2.bias" })
    weight.value = Tensor(repeating: .nan, weight.shape)
    #expect(throws: Failure(.software, "expected a finite value, found nan", item: "loss")) {
      try StaticStep(network: model).run(try staticBatch(), pass(4))
    }
    let dynamic = try smallNetwork(.dynamic)
    let bias = try #require(dynamic.parameters.first { $0.name == weight.name })
    bias.value = weight.value
    #expect(throws: Failure(.software, "expected a finite value, found nan", item: "scores of the main head")) {
      try DynamicStep(network: dynamic).run(try dynamicBatch(), pass(4))
    }
  }

  @Test func mergingTakesAnyImageSize() throws {
    let model = try smallNetwork(.static)
    let (height, width) = SeedMerge.outputSize(height: 45, width: 52)
    #expect((height, width) == (12, 14))
    let knowledge = LabelMask(repeating: 1, batch: 1, height: height, width: width)
    let advice = LabelMask(repeating: 0, batch: 1, height: height, width: width)
    let x = GoldenGenerator(seed: 4).signed("x", [1, 3, 45, 52])
    let different = SeedMerge(network: model).differences(
      images: x, knowledge: knowledge, advice: advice, kernels: kernels)
    #expect(different.knowledge.shape == [1, 1, height, width])
    let equal = SeedMerge(network: model, parameters: SSDDParameters(.paper))
      .differences(images: x, knowledge: knowledge, advice: advice, kernels: kernels)
    #expect(zip(different.knowledge.values, equal.knowledge.values).allSatisfy { abs($0 + $1 - 1) < 1e-6 })
  }

  /// d is computed from masks at OUT and decides between the masks at the image's size.
  @Test func mergingAnImageIsTheRuleOnItsEnlargedDifferences() throws {
    let merge = SeedMerge(network: try smallNetwork(.static))
    let draw = GoldenGenerator(seed: 4)
    let x = draw.signed("x", [1, 3, 45, 52])
    // Channels in another order than the classes: a channel is not a class index.
    let knowledge = ClassScores(values: draw.signed("k", [3, 45, 52]), labels: [0, 2, 1])
    let advice = ClassScores(values: draw.signed("a", [3, 45, 52]), labels: [0, 2, 1])
    let present = try PresentLabels([[1, 2]], classes: 3)
    let merged = merge.merge(image: x, knowledge: knowledge, advice: advice, present: present, kernels: kernels)

    func atOutput(_ scores: ClassScores) -> LabelMask {
      let planes = kernels.resizeBilinear(scores.values.reshaped([1, 3, 45, 52]), height: 12, width: 14)
      return kernels.argMax(ClassScores(values: planes.reshaped([3, 12, 14]), labels: scores.labels))
    }
    let d = merge.differences(images: x, knowledge: atOutput(knowledge), advice: atOutput(advice), kernels: kernels)
    #expect(merged.knowledgeDifference == d.knowledge.reshaped([12, 14]))
    let (mK, mA) = (kernels.argMax(knowledge), kernels.argMax(advice))
    func enlarged(_ map: Tensor) -> Tensor { kernels.resizeBilinear(map, height: 45, width: 52) }
    let rule = MergedMasks(
      seedsFrom: mK, advice: mA, knowledgeDifference: enlarged(d.knowledge), adviceDifference: enlarged(d.advice),
      present: present, parameters: SSDDParameters())
    #expect(merged.mask == rule.refined && merged.isBad == rule.flags.isBad(0))
    let differing = mK.labels.indices.filter { mK.labels[$0] != mA.labels[$0] }
    let taken = differing.filter { merged.mask.labels[$0] == mA.labels[$0] }
    #expect(!differing.isEmpty && merged.adviceShare == Double(taken.count) / Double(differing.count))
  }
}
