import CPUBackend
import Foundations
import LabelMasks
import MethodChoices
import SSDD
import Tensors
import Testing

struct RuleTests {
  private let kernels = CPUKernels(threads: 2)
  private let knowledge = mask([[0, 0, 1, 1], [2, 2, 1, 1]])
  private let advice = mask([[0, 1, 1, 0], [0, 2, 255, 1]])

  private func present(_ labels: [Int]) throws -> PresentLabels { try PresentLabels([labels], classes: 3) }

  private func map(_ values: [Float]) -> Tensor { Tensor([1, 1, 2, 4], values) }

  @Test func differencesAreOneWhereMasksDiffer() {
    #expect(differenceMask(knowledge, advice).labels == [0, 1, 0, 1, 1, 0, 255, 0])
  }

  @Test func flagsNeedPresenceAndAShrinkBelowHalf() throws {
    // Class 1: 4 -> 3 pixels; class 2: 2 -> 1, exactly a half.
    #expect(
      ignoreFlags(knowledge: knowledge, advice: advice, present: try present([1, 2])).flags == [false, false, false])
    let shrunk = mask([[0, 1, 0, 0], [0, 0, 0, 0]])
    #expect(
      ignoreFlags(knowledge: knowledge, advice: shrunk, present: try present([1, 2])).flags == [false, true, true])
    #expect(ignoreFlags(knowledge: knowledge, advice: shrunk, present: try present([2])).flags == [false, false, true])
  }

  @Test func backgroundIsNeverFlagged() throws {
    let all = LabelMask(repeating: 1, batch: 1, height: 2, width: 4)
    let none = LabelMask(repeating: 0, batch: 1, height: 2, width: 4)
    #expect(!ignoreFlags(knowledge: none, advice: all, present: try present([1])).isBad(0))
    #expect(ignoreFlags(knowledge: all, advice: none, present: try present([1])).badSamples == [true])
  }

  @Test func aListedClassInNeitherMaskIsBadUnlessSaidOtherwise() throws {
    let none = LabelMask(repeating: 0, batch: 1, height: 2, width: 4)
    #expect(ignoreFlags(knowledge: none, advice: none, present: try present([2])).isBad(0))
    #expect(!ignoreFlags(knowledge: none, advice: none, present: try present([2]), absentClassIsBad: false).isBad(0))
  }

  @Test func theRuleByHand() throws {
    let (dK, dA) = (map([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.2]), map([0.5, 0.7, 0.9, 0.5, 0.7, 0.5, 0.5, 0.9]))
    let flags = ClassFlags(batch: 1, classes: 3, flags: [false, false, true])
    let w = confidence(
      knowledge: knowledge, advice: advice, knowledgeDifference: dK, adviceDifference: dA,
      bias: MergeBias(difference: 0.125, background: 0.25), flags: flags)
    // Pixel by pixel: 0|0; 0|1: -0.2 + bias - bg; 1|1; 1|0: bias + bg; 2|0: -0.2 + bias + bg - guard; 2|2: guards
    // cancel; void; 1|1.
    let expected: [Float] = [0.125, -0.325, -0.275, 0.375, -0.825, 0.125, 0.125, -0.575]
    #expect(zip(w.values, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(refine(knowledge: knowledge, advice: advice, confidence: w).labels == [0, 0, 1, 0, 2, 2, 255, 1])
  }

  @Test func equalityTakesTheAdvice() {
    let w = Tensor([1, 1, 2, 4], [Float](repeating: 0, count: 8))
    #expect(refine(knowledge: knowledge, advice: advice, confidence: w) == advice)
  }

  @Test func restrictedScoresAndTheirArgMax() throws {
    let probabilities = Tensor([1, 3, 1, 3], [0.2, 0.3, 0, 0.1, 0.3, 0, 0.7, 0.4, 1])
    let scores = restricted(probabilities, to: try present([1]), floor: 1e-4, kernels: kernels)
    #expect(
      zip(scores.values, [0.2001, 0.3001, 0.0001, 0.1001, 0.3001, 0.0001, 0, 0, 0] as [Float]).allSatisfy {
        abs($0 - $1) < 1e-6
      })
    let soft = softmax(Tensor([1, 3, 1, 2], [0, 1, 1.0986123, 1, 90, -90]), among: try present([1]), kernels: kernels)
      .values
    #expect(zip(soft, [0.25, 0.5, 0.75, 0.5, 0, 0] as [Float]).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(kernels.argMax(scores, among: try present([1]).samples).labels == [0, 0, 0])
    #expect(kernels.argMax(probabilities, among: try present([2]).samples).labels == [2, 2, 2])
    #expect(kernels.argMax(probabilities).labels == [2, 2, 2])
    #expect(
      kernels.argMax(ClassScores(values: probabilities.reshaped([3, 1, 3]), labels: [0, 5, 7])).labels == [7, 7, 7])
    #expect(throws: Failure.self) { try PresentLabels([[3]], classes: 3) }
  }

  @Test func sharesLeaveVoidOut() {
    #expect(foregroundShare(advice) == 4.0 / 7)
    #expect(foregroundShare(LabelMask(repeating: 255, batch: 1, height: 1, width: 2)) == 0)
  }

  @Test func presetsDifferWhereTextAndCodePart() {
    let (paper, reference, ours) = (SSDDParameters(.paper), SSDDParameters(.reference), SSDDParameters())
    #expect(paper.lossForm == .plain && reference.lossForm == .balanced && ours.lossForm == .balanced)
    #expect(paper.termAveraging == .sum && ours.termAveraging == .mean)
    #expect(paper.differenceTarget == .equal && reference.differenceTarget == .different)
    #expect(reference.adviceTarget == .secondRefinement && ours.adviceTarget == .firstRefinement)
    #expect(reference.seedDecision == .asCode && ours.seedDecision == .asIntended)
    #expect(
      reference.thumbnailRounding == .down && ours.thumbnailRounding == .nearest && paper.thumbnailRounding == .nearest)
    let defaults = MethodDefaults()
    #expect(defaults.momentum == 0 && defaults.staticEpochs == 10 && defaults.dynamicEpochs == 30)
    #expect(ours.trainingCRF.iterations == 3)
  }
}
