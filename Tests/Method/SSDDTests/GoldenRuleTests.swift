import CPUBackend
import MethodChoices
import NeuralNet
import SSDD
import Tensors
import TestSupport
import Testing

@Suite(.enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenRuleTests {
  private let golden: GoldenFile
  private let kernels = CPUKernels(threads: 1)

  init() throws { golden = try Golden.open("ddnet") }

  private func cases(_ group: String) throws -> [String] {
    let cases = try golden.cases("functions/\(group)")
    #expect(!cases.isEmpty)
    return cases
  }

  @Test func ignoreFlagsOfRandomAndOfThresholdMasks() throws {
    for prefix in ["functions", "functions/threshold"] {
      let flags = ignoreFlags(
        knowledge: try golden.masks("\(prefix)/mask0"), advice: try golden.masks("\(prefix)/mask1"),
        present: try golden.present("\(prefix)/mlabel"))
      #expect(try golden.mismatch(flags, "\(prefix)/ignore_flags") == nil)
    }
  }

  @Test func confidenceAndRefinedMask() throws {
    let (knowledge, advice) = (try golden.masks("functions/mask0"), try golden.masks("functions/mask1"))
    let differences = try ["dd0", "dd1"].map { kernels.sigmoid(try golden.tensor("functions/\($0)")) }
    let flags = try golden.flags("functions/ignore_flags")
    for name in try cases("get_dd_mask") {
      let bias = MergeBias(
        difference: Float(try golden.double("dd_bias", of: name)),
        background: Float(try golden.double("bg_bias", of: name)))
      let isGuarded = try golden.string("flags", of: name) == "flags"
      let w = confidence(
        knowledge: knowledge, advice: advice, knowledgeDifference: differences[0], adviceDifference: differences[1],
        bias: bias,
        flags: isGuarded ? flags : ClassFlags(none: flags.batch, classes: flags.classes))
      #expect(try golden.mismatch(w, "\(name)/w") == nil)
      #expect(
        try golden.mismatch(refine(knowledge: knowledge, advice: advice, confidence: w), "\(name)/refine_mask") == nil)
    }
  }

  @Test func classWeights() throws {
    let flags = try golden.flags("functions/ignore_flags")
    for name in try cases("add_class_weights") {
      let w = addClassWeights(
        try golden.tensor("\(name)/pixel_weights_in"), knowledge: try golden.masks("\(name)/mask0"),
        advice: try golden.masks("\(name)/mask1"),
        flags: flags, bias: MergeBias(difference: 0, background: Float(try golden.double("bg_bias", of: name))))
      #expect(try golden.mismatch(w, "\(name)/pixel_weights_out") == nil)
    }
  }

  @Test(arguments: [(Preset.reference, "as_code"), (Preset.default, "as_intended"), (Preset.paper, "as_intended")])
  func seeds(_ preset: Preset, _ name: String) throws {
    let differences = try ["dd0", "dd1"].map { kernels.sigmoid(try golden.tensor("functions/\($0)")) }
    let merged = MergedMasks(
      seedsFrom: try golden.masks("functions/mask0"), advice: try golden.masks("functions/mask1"),
      knowledgeDifference: differences[0],
      adviceDifference: differences[1], present: try golden.present("functions/mlabel"),
      parameters: SSDDParameters(preset))
    #expect(try golden.mismatch(merged.refined, "functions/seed_integration/\(name)") == nil)
  }

  @Test func differenceLossLeavesBadSamplesOut() throws {
    for name in try cases("get_ddloss") {
      let context = Context(kernels: kernels, mode: .training)
      let logits = context.input(try golden.tensor("functions/dd0"))
      let difference = try golden.masks("\(name)/diff_mask")
      let target = Tensor(logits.shape, difference.labels.map(Float.init))
      let bad = try golden.flags("\(name)/ignore_flags").badSamples
      let loss = differenceLoss(logits, target, including: bad.map { !$0 })
      loss.backward()
      #expect(try golden.mismatch(loss.value, "\(name)/loss") == nil)
      #expect(try golden.mismatch(logits.gradient ?? Tensor(zeros: logits.shape), "\(name)/dlogits") == nil)
    }
  }

  @Test func oneHotMasks() throws {
    let masks = try golden.masks("functions/binarymask/mask")
    let classes = try golden.shape("functions/binarymask/onehot")[1]
    #expect(try golden.mismatch(masks.oneHot(classes: classes), "functions/binarymask/onehot", tolerance: 0) == nil)
  }
}
