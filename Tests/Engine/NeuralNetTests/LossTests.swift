import CPUBackend
import Foundation
import Foundations
import LabelMasks
import NeuralNet
import Tensors
import Testing

@Suite("Losses")
struct LossTests {
  let check = GradientCheck()
  let kernels = CPUKernels(threads: 2)

  func context() -> Context { Context(kernels: kernels, mode: .training) }

  /// Value and gradient of a loss.
  func evaluate(_ logits: Tensor, _ loss: (Variable) -> Variable) -> (value: Double, gradient: Tensor) {
    let input = context().input(logits)
    let result = loss(input)
    result.backward()
    return (Double(result.value.item), input.gradient ?? Tensor(zeros: []))
  }

  @Test(arguments: [Shape([1, 2, 1, 1]), Shape([2, 5, 3, 4]), Shape([3, 3, 2, 5])])
  func finiteDifferences(_ shape: Shape) {
    let logits = Values.uniform(shape, "logits", -3, 3)
    let labels = Values.labels(batch: shape[0], height: shape[2], width: shape[3], classes: shape[1], "labels")
    #expect(check.mismatches([logits]) { crossEntropy($1[0], labels) } == [])
    let targets = Values.binary(shape, "targets")
    #expect(check.mismatches([logits]) { softMarginLoss($1[0], targets) } == [])
    let weights = Values.uniform(shape, "weights", 0, 2)
    #expect(check.mismatches([logits]) { binaryCrossEntropyWithLogits($1[0], targets) } == [])
    #expect(check.mismatches([logits]) { binaryCrossEntropyWithLogits($1[0], targets, weights: weights) } == [])
    let probabilities = Values.uniform(shape, "probabilities", 0.1, 0.9)
    let smooth = GradientCheck(step: 2e-3)
    #expect(smooth.mismatches([probabilities]) { meanLogLoss($1[0], weights: weights) } == [])
    #expect(smooth.mismatches([probabilities]) { meanLogLoss($1[0], weights: targets, complement: true) } == [])
  }

  @Test(arguments: DifferenceLossForm.allCases)
  func differenceLossesByFiniteDifferences(_ form: DifferenceLossForm) {
    let logits = Values.uniform([3, 1, 4, 3], "logits", -3, 3)
    let target = Values.binary([3, 4, 3], "target")
    #expect(check.mismatches([logits]) { batchDifferenceLoss($1[0], target, form: form) } == [])
    #expect(check.mismatches([logits]) { differenceLoss($1[0], target, form: form) } == [])
    #expect(
      check.mismatches([logits]) { differenceLoss($1[0], target, form: form, including: [true, false, true]) } == [])
  }

  @Test func crossEntropyByHand() {
    let logits = Tensor([1, 2, 1, 3], [1, 0, 5, 2, 0, 5])
    let labels = LabelMask(batch: 1, height: 1, width: 3, labels: [0, 1, 255])
    let (value, gradient) = evaluate(logits) { crossEntropy($0, labels) }
    #expect(abs(value - (log(1 + exp(1.0)) + log(2.0)) / 2) < 1e-6)
    let wrong = Float(1 / (1 + exp(-1.0)) / 2)
    #expect(mismatch(gradient, [-wrong, 0.25, 0, wrong, -0.25, 0]) < 1e-6)
  }

  @Test func noLabelledPixelGivesZero() {
    let labels = LabelMask(repeating: LabelMask.void, batch: 2, height: 2, width: 2)
    let (value, gradient) = evaluate(Values.uniform([2, 3, 2, 2], "x")) { crossEntropy($0, labels) }
    #expect(value == 0 && gradient.values.allSatisfy { $0 == 0 })
  }

  @Test func softMarginByHand() {
    let (value, gradient) = evaluate(Tensor([1, 2], [0, 2])) { softMarginLoss($0, Tensor([1, 2], [1, 0])) }
    #expect(abs(value - (log(2.0) + 2 + log(1 + exp(-2.0))) / 2) < 1e-6)
    #expect(mismatch(gradient, [-0.25, Float(0.5 / (1 + exp(-2.0)))]) < 1e-6)
  }

  @Test func balancedLossByHand() {
    // Three equal pixels of logit 0 and a differing one of logit 2.
    let target = Tensor([1, 2, 2], [0, 0, 1, 0])
    let (value, gradient) = evaluate(Tensor([1, 1, 2, 2], [0, 0, 2, 0])) { balancedDifferenceLoss($0, target) }
    #expect(abs(value - (log(2.0) + log(1 + exp(-2.0))) / 2) < 1e-6)
    let sixth = Float(1.0 / 12)
    #expect(mismatch(gradient, [sixth, sixth, Float((1 / (1 + exp(-2.0)) - 1) / 2), sixth]) < 1e-6)
  }

  @Test(arguments: [Float(0), 1])
  func balancedLossOfOneKindIsHalfItsMean(_ kind: Float) {
    let logits = Values.uniform([1, 1, 3, 3], "x")
    let target = Tensor(repeating: kind, [1, 3, 3])
    let balanced = evaluate(logits) { balancedDifferenceLoss($0, target) }
    let plain = evaluate(logits) { batchDifferenceLoss($0, target, form: .plain) }
    #expect(abs(balanced.value - plain.value / 2) < 1e-6)
    #expect(mismatch(balanced.gradient, plain.gradient.values.map { $0 / 2 }) < 1e-7)
  }

  @Test func plainLossIsTheMeanOverPixels() {
    let (logits, target) = (Values.uniform([2, 1, 3, 4], "x", -4, 4), Values.binary([2, 3, 4], "t"))
    let mean = evaluate(logits) { binaryCrossEntropyWithLogits($0, target) }
    let plain = evaluate(logits) { differenceLoss($0, target, form: .plain) }
    #expect(abs(mean.value - plain.value) < 1e-6)
    #expect(mismatch(mean.gradient, plain.gradient.values) < 1e-7)
  }

  @Test func excludedSamplesAndForeignValuesCountNothing() {
    let logits = Tensor([2, 1, 1, 2], [.infinity, 90, 0, 3])
    let loss = evaluate(logits) { differenceLoss($0, Tensor([2, 1, 2], [0, 0, 1, 255]), including: [false, true]) }
    #expect(abs(loss.value - log(2.0) / 2) < 1e-6)
    #expect(loss.gradient.values == [0, 0, -0.25, 0])
    let none = evaluate(logits) { differenceLoss($0, Tensor([2, 1, 2], [0, 0, 1, 1]), including: [false, false]) }
    #expect(none.value == 0 && none.gradient.values == [0, 0, 0, 0])
  }

  @Test func confidentErrorsStayFiniteAndKeepTheirGradient() {
    let (value, gradient) = evaluate(Tensor([2], [120, -120])) {
      binaryCrossEntropyWithLogits($0, Tensor([2], [0, 1]))
    }
    #expect(value == 120 && gradient.values == [0.5, -0.5])
  }

  @Test func microBatchesAddUpToTheBatch() {
    let logits = Values.uniform([5, 4, 3, 3], "logits", -2, 2)
    let labels = Values.labels(batch: 5, height: 3, width: 3, classes: 4, void: 0.4, "labels")
    let binary = Values.binary(logits.shape, "binary")
    let difference = Values.uniform([5, 1, 3, 3], "difference", -2, 2)
    let target = Values.binary([5, 3, 3], "target")
    let flags = [true, false, true, true, false]
    let counts = DifferenceCounts(target, kernels: kernels)
    let labelled = labelledPixels(labels)
    expectAdditive(logits) { x, r in
      r.map { crossEntropy(x, labels.batch($0), denominator: labelled) } ?? crossEntropy(x, labels)
    }
    expectAdditive(logits) { x, r in
      r.map { softMarginLoss(x, binary.batch($0), denominator: 5) } ?? softMarginLoss(x, binary)
    }
    expectAdditive(difference) { x, r in
      r.map { balancedDifferenceLoss(x, target.batch($0), counts: counts) } ?? balancedDifferenceLoss(x, target)
    }
    expectAdditive(difference) { x, r in
      r.map { differenceLoss(x, target.batch($0), including: Array(flags[$0]), denominator: 3) }
        ?? differenceLoss(x, target, including: flags)
    }
  }

  /// `loss` of the batch (no range) equals the sum over ranges of it, in value and gradient, to the last bits of a sum.
  private func expectAdditive(
    _ x: Tensor, _ loss: (Variable, Range<Int>?) -> Variable, at location: SourceLocation = #_sourceLocation
  ) {
    let whole = evaluate(x) { loss($0, nil) }
    let parts = [0..<2, 2..<3, 3..<5].map { range in evaluate(x.batch(range)) { loss($0, range) } }
    #expect(
      abs(parts.map(\.value).reduce(0, +) - whole.value) < 4e-7 * max(1, abs(whole.value)), sourceLocation: location)
    #expect(Tensor.stacked(parts.map(\.gradient)) == whole.gradient, sourceLocation: location)
  }

  @Test func requireFinite() throws {
    let context = context()
    #expect(try context.constant(Tensor(2)).requireFinite(what: "L_main").value.item == 2)
    for bad in [Float.nan, .infinity, -.infinity] {
      let failure = #expect(throws: Failure.self) { try context.constant(Tensor(bad)).requireFinite(what: "L_main") }
      #expect(
        failure?.kind == .software && failure?.item == "L_main"
          && failure?.description == "L_main: expected a finite value, found \(bad)")
    }
    let logits = context.constant(Tensor([1, 1, 1, 2], [.nan, 0]))
    #expect(throws: Failure.self) {
      try balancedDifferenceLoss(logits, Tensor([1, 1, 2], [0, 1])).requireFinite(what: "loss")
    }
  }

  private func mismatch(_ tensor: Tensor, _ expected: [Float]) -> Float {
    zip(tensor.values, expected).map { abs($0 - $1) }.max() ?? .infinity
  }
}
