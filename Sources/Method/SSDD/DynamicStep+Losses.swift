import LabelMasks
import Networks
import NeuralNet
import Tensors

extension DynamicStep {
  /// The losses of a micro-batch. Cross entropies are divided by the whole batch's labelled pixels, DD losses are sums
  /// over samples.
  package struct Losses {
    /// CE(main, m^D2).
    package let main: Variable
    /// CE(sub, m^D0).
    package let subSeed: Variable
    /// CE(sub, m^D1), or m^D2 as `adviceTarget` says.
    package let subAdvice: Variable
    /// Of m^K1 and m^A1.
    package let first: [Variable]
    /// Of m^D0 and m^D1.
    package let second: [Variable]

    var all: [Variable] { [main, subSeed, subAdvice] + first + second }

    func weighted(subMix: Float) -> [(Variable, Tensor)] {
      [(main, Tensor(1)), (subSeed, Tensor(subMix)), (subAdvice, Tensor(1 - subMix))]
        + (first + second).map { ($0, Tensor(1)) }
    }
  }

  func losses(_ forward: Forward, _ seeds: LabelMask, _ labelled: Int, _ terms: DifferenceTerms, isWarmingUp: Bool)
    -> Losses
  {
    let (mD1, mD2) = (forward.first.refined, forward.second.refined)
    let advice = parameters.adviceTarget == .firstRefinement ? mD1 : mD2
    let difference1 = differenceMask(forward.knowledge, forward.advice)
    let targets2 = [differenceMask(seeds, forward.subMask), differenceMask(advice, forward.subMask)]
    let second = zip(forward.secondDifferences, targets2).map { logits, difference in
      parameters.secondModuleLoss == .wholeBatch
        ? terms.wholeBatch(logits, difference: difference)
        : terms.sum(logits, difference: difference, flags: forward.second.flags)
    }
    return Losses(
      main: crossEntropy(forward.main, isWarmingUp ? seeds : mD2, denominator: labelled),
      subSeed: crossEntropy(forward.sub, seeds, denominator: labelled),
      subAdvice: crossEntropy(forward.sub, isWarmingUp ? seeds : advice, denominator: labelled),
      first: forward.firstDifferences.map { terms.sum($0, difference: difference1, flags: forward.first.flags) },
      second: second)
  }
}

extension StepSums {
  mutating func add(_ losses: DynamicStep.Losses) {
    add("loss_main", Double(losses.main.value.item))
    add("loss_sub_seed", Double(losses.subSeed.value.item))
    add("loss_sub_advice", Double(losses.subAdvice.value.item))
    add("difference_first", losses.first.reduce(0) { $0 + Double($1.value.item) })
    add("difference_second", losses.second.reduce(0) { $0 + Double($1.value.item) })
  }

  /// The samples that the DD losses are means over.
  mutating func add(_ forward: DynamicStep.Forward, wholeBatch: Bool) {
    let second = forward.second.flags
    add("samples_first", Double(forward.first.flags.badSamples.count { !$0 }))
    add("samples_second", Double(wholeBatch ? second.batch : second.badSamples.count { !$0 }))
  }

  mutating func add(masksOf forward: DynamicStep.Forward, _ seeds: LabelMask) {
    addForeground("d0", seeds)
    addForeground("k1", forward.knowledge)
    addForeground("a1", forward.advice)
    addForeground("d1", forward.first.refined)
    addForeground("d2", forward.second.refined)
    addForeground("sub", forward.subMask)
    addDiffering("k1_a1", differenceMask(forward.knowledge, forward.advice))
    addDiffering("d0_d1", differenceMask(seeds, forward.first.refined))
    addBad("first", forward.first.flags)
    addBad("second", forward.second.flags)
  }
}
