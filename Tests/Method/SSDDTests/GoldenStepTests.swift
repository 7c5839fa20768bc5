import CPUBackend
import Foundations
import LabelMasks
import MethodChoices
import Networks
import NeuralNet
import SSDD
import Tensors
import TestSupport
import Testing

/// One iteration of each stage with the full-size network: a gigabyte each, so one after the other.
@Suite(.serialized, .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenStepTests {
  private let kernels = CPUKernels(threads: 2)
  private let parameters: SSDDParameters

  init() {
    var parameters = SSDDParameters(.reference)
    parameters.channelDropout = false
    self.parameters = parameters
  }

  private func pass(_ microBatch: Int) -> TrainingPass {
    trainingPass(kernels, seed: 0, step: 0, microBatch: microBatch)
  }

  private func model(_ golden: GoldenFile, _ stage: SSDDNetwork.Stage) throws -> SSDDNetwork {
    let classes = try golden.shape("seg_main")[1]
    let model = try SSDDNetwork(NetworkSpecification(backbone: .paper, classes: classes), stage: stage)
    try golden.fill(model)
    return model
  }

  @Test func staticStep() throws {
    let golden = try Golden.open("static_step")
    let model = try model(golden, .static)
    let present = try golden.present("mlabel")
    let batch = StaticBatch(
      images: try golden.tensor("img_norm"), knowledge: try golden.masks("psa_mask"),
      advice: try golden.masks("psa_crf_mask"),
      present: present)
    let log = try StaticStep(network: model, parameters: parameters).run(batch, pass(present.count)) { forward in
      try check(forward, present, golden)
    }
    for name in ["loss_seg", "loss_dd"] { #expect(try golden.mismatch([log[name] ?? .nan], name) == nil) }
    try checkUpdate(model, golden)
  }

  @Test func dynamicStep() throws {
    let golden = try Golden.open("dynamic_step")
    let model = try model(golden, .dynamic)
    let present = try golden.present("mlabel")
    let (seeds, advice) = (try golden.masks("seed_mask"), try golden.masks("seg_crf_mask"))
    let area = 3 * seeds.height * seeds.width
    let pixels = try golden.tensor("img_org_small").values.map { UInt8($0) }
    let thumbnails = (0..<seeds.batch).map { Array(pixels[$0 * area..<($0 + 1) * area]) }
    let batch = DynamicBatch(
      images: try golden.tensor("img_norm"), thumbnails: thumbnails, seeds: seeds, present: present)

    // The CRF's own result, which decides a few pixels by rounding.
    _ = try DynamicStep(network: model, parameters: parameters, threads: 2).run(batch, pass(present.count)) {
      forward, _ in
      try checkCRF(forward, advice, golden)
    }

    // Everything behind it, on the reference's advice.
    let step = DynamicStep(network: model, parameters: parameters) { n, map, _ in
      oneHot(advice.batch(n..<n + 1), present.samples[n], map.shape)
    }
    let log = try step.run(batch, pass(present.count)) { forward, losses in
      try check(forward, golden)
      try check(losses, forward, golden)
    }
    #expect(try golden.mismatch([log["loss_dd"] ?? .nan], "loss_dd") == nil)
    let segmentation =
      (log["loss_main"] ?? .nan) + 0.5 * (log["loss_sub_seed"] ?? .nan) + 0.5 * (log["loss_sub_advice"] ?? .nan)
    #expect(try golden.mismatch([segmentation], "loss_seg") == nil)
    try checkUpdate(model, golden)
  }

  private func check(_ forward: StaticStep.Forward, _ present: PresentLabels, _ golden: GoldenFile) throws {
    let probabilities = restricted(
      kernels.softmax(forward.logits.value), to: present, floor: parameters.scoreFloor, kernels: kernels)
    #expect(try golden.mismatch(forward.low.value, "conv2") == nil)
    #expect(try golden.mismatch(forward.highLevel.value, "seg_head") == nil)
    #expect(try golden.mismatch(forward.logits.value, "seg_main") == nil)
    #expect(try golden.mismatch(probabilities, "seg_prob") == nil)
    #expect(try golden.mismatch(kernels.argMax(probabilities, among: present.samples), "seg_mask_main") == nil)
    for (name, logits) in zip(["dd00", "dd01"], forward.differences) {
      #expect(try golden.mismatch(logits.value, name) == nil)
    }
    #expect(try golden.mismatch(forward.merged.flags, "ignore_flags0") == nil)
    #expect(try golden.mismatch(forward.merged.refined, "refine_mask0") == nil)
  }

  private func checkCRF(_ forward: DynamicStep.Forward, _ advice: LabelMask, _ golden: GoldenFile) throws {
    #expect(try golden.mismatch(forward.refinedProbabilities, "seg_crf") == nil)
    let different = zip(forward.advice.labels, advice.labels).count { $0 != $1 }
    #expect(different <= 2)
  }

  private func check(_ forward: DynamicStep.Forward, _ golden: GoldenFile) throws {
    #expect(try golden.mismatch(forward.main.value, "seg_main") == nil)
    #expect(try golden.mismatch(forward.sub.value, "seg_sub") == nil)
    #expect(try golden.mismatch(forward.knowledge, "seg_mask_main") == nil)
    #expect(try golden.mismatch(forward.advice, "seg_crf_mask") == nil)
    #expect(try golden.mismatch(forward.subMask, "seg_mask_sub") == nil)
    let logits = forward.firstDifferences + forward.secondDifferences
    for (name, variable) in zip(["dd00", "dd01", "dd10", "dd11"], logits) {
      #expect(try golden.mismatch(variable.value, name) == nil)
    }
    for (index, merged) in [forward.first, forward.second].enumerated() {
      #expect(try golden.mismatch(merged.flags, "ignore_flags\(index)") == nil)
      #expect(try golden.mismatch(merged.refined, "refine_mask\(index)") == nil)
    }
  }

  private func check(_ losses: DynamicStep.Losses, _ forward: DynamicStep.Forward, _ golden: GoldenFile) throws {
    let good = Float(max(1, forward.first.flags.badSamples.count { !$0 }))
    let all = Float(forward.first.flags.batch)
    let found = [
      ("loss_seg_main", losses.main.value.item), ("loss_seg_sub_seed", losses.subSeed.value.item),
      ("loss_seg_sub_refine1", losses.subAdvice.value.item), ("loss_dd00", losses.first[0].value.item / good),
      ("loss_dd01", losses.first[1].value.item / good), ("loss_dd10", losses.second[0].value.item / all),
      ("loss_dd11", losses.second[1].value.item / all),
    ]
    for (name, value) in found { #expect(try golden.mismatch([Double(value)], name) == nil) }
  }

  /// Gradients of every parameter, then the weights after one step of the optimizer.
  private func checkUpdate(_ model: SSDDNetwork, _ golden: GoldenFile) throws {
    let byName = Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0) })
    let names = try golden.lines("params/names_utf8")
    let norms = try golden.doubles("params/grad_l2")
    var problems: [String?] = []
    for (name, norm) in zip(names, norms) {
      let gradient = try #require(byName[name]?.gradient, "\(name) has no gradient")
      let own = gradient.values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      problems.append(abs(own - norm) <= 1e-3 * norm ? nil : "\(name): expected the norm \(norm), found \(own)")
      problems.append(try golden.sampleMismatch(gradient, "params/grad_sample/\(name)"))
    }
    let withGradient = Set(model.parameters.filter { $0.gradient != nil }.map(\.name))
    #expect(withGradient == Set(names))
    #expect(withGradient.isDisjoint(with: try golden.lines("params/no_grad_names_utf8")))

    let before = Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.value) })
    let rates = try #require(try golden.file.attribute("lr_groups")?.asDoubles)
    let groups = ParameterGroups.segmentation(
      model, headMultiplier: Float(rates[1] / rates[0]), decay: Float(try golden.double("weight_decay")))
    var optimizer = SGD(groups, momentum: Float(MethodDefaults(.reference).momentum))
    optimizer.step(rate: Float(rates[0]), kernels: kernels)
    let expectedGroups = try golden.integers("params/group")
    for (name, group) in zip(names, expectedGroups) {
      let parameter = try #require(byName[name])
      #expect(groups[group].parameters.contains { $0 === parameter })
      problems.append(try golden.sampleMismatch(parameter.value, "params/weight_after/\(name)"))
      problems.append(try deltaMismatch(parameter, before[name], golden))
    }
    for name in try golden.lines("params/no_grad_names_utf8") { #expect(byName[name]?.value == before[name]) }
    #expect(problems.compactMap { $0 } == [])
  }

  private func deltaMismatch(_ parameter: Parameter, _ before: Tensor?, _ golden: GoldenFile) throws -> String? {
    let stride = try golden.integer("index_stride", of: "params/weight_after/\(parameter.name)")
    let expected = try golden.doubles("params/delta/\(parameter.name)")
    guard let before = before?.values else { return "\(parameter.name) is not a parameter" }
    let after = parameter.value.values
    let delta = expected.indices.map { Double(after[$0 * stride]) - Double(before[$0 * stride]) }
    let limit = try golden.tolerance("params/delta/\(parameter.name)") ?? 0
    // A weight stores its change to half a unit in its last place.
    let rounding = Double(before.map(abs).max() ?? 0).ulp * Double(1 << 29) / 2
    let differences = Difference(delta, expected, tolerance: limit + rounding)
    return differences.relativeL2 <= 5e-3
      ? nil : differences.report("delta of \(parameter.name)", shape: [delta.count], stride: 1)
  }
}

/// Marginals that are certain of a mask: 1 at each pixel's label.
private func oneHot(_ mask: LabelMask, _ labels: [Int], _ shape: Shape) -> Tensor {
  Tensor(shape, labels.flatMap { label in mask.labels.map { Int($0) == label ? 1 : 0 } })
}
