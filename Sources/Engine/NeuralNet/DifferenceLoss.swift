import MethodChoices
import Tensors

public typealias DifferenceLossForm = MethodChoices.DifferenceLossForm

/// How many pixels of a batch are equal and how many differ: the denominators of `balancedDifferenceLoss` over
/// micro-batches.
public struct DifferenceCounts: Sendable, Hashable {
  /// Pixels of target 0.
  public var equal: Int
  /// Pixels of target 1.
  public var different: Int

  public init(equal: Int, different: Int) {
    self.equal = equal
    self.different = different
  }

  /// Counts zeros and ones of a whole target; other values count as neither.
  public init(_ target: Tensor, kernels: any Kernels) {
    self.init(kernels.zerosAndOnes(target.reshaped([1, target.count]))[0])
  }

  init(_ counts: ZerosAndOnes) { self.init(equal: counts.zeros, different: counts.ones) }

  /// Weight of a pixel of each target value in one loss of this form. A value that does not occur weighs nothing.
  func weights(_ form: DifferenceLossForm) -> (equal: Float, different: Float) {
    switch form {
    case .plain:
      let weight = 1 / Float(max(equal + different, 1))
      return (weight, weight)
    case .balanced:
      return (0.5 / Float(max(equal, 1)), 0.5 / Float(max(different, 1)))
    }
  }
}

/// Balanced binary cross entropy of a difference map over a whole batch: L = 1/2 mean over equal pixels of -log(1 -
/// s(x)) + 1/2 mean over differing pixels of -log s(x), s the logistic function (reference: the loss of the
/// second-stage DD-Net).
///
/// If one kind of pixel does not occur its half is 0, in value and gradient, and the other half stays a half: the
/// reference's value is then NaN, its gradient this one. Logits are used directly (see `binaryCrossEntropyWithLogits`),
/// so confident errors beyond |x| = 17 keep their gradient.
///
/// - Parameters:
///   - logits: (N, 1, H, W).
///   - target: as many elements; 1 differs, 0 equal, other values are left out.
///   - counts: denominators; by default those of `target`. Of a whole batch: `DifferenceCounts` of its target.
/// - Returns: a scalar.
package func balancedDifferenceLoss(_ logits: Variable, _ target: Tensor, counts: DifferenceCounts? = nil) -> Variable {
  batchDifferenceLoss(logits, target, form: .balanced, counts: counts)
}

/// As `balancedDifferenceLoss`, in either form.
public func batchDifferenceLoss(
  _ logits: Variable, _ target: Tensor, form: DifferenceLossForm, counts: DifferenceCounts? = nil
) -> Variable {
  let kernels = logits.context.kernels
  let weight = (counts ?? DifferenceCounts(target, kernels: kernels)).weights(form)
  let weights = kernels.weightsOfZerosAndOnes(
    target.reshaped([1, target.count]), zeros: [weight.equal], ones: [weight.different])
  return weightedBinaryCrossEntropy(logits, target, weights: weights, scale: 1)
}

/// Mean over samples of each sample's own difference loss: L = 1/d sum over the samples n in `including` of L_n, where
/// L_n is plain (paper, Eq. 2) or balanced (reference) over the pixels of sample n alone (reference: the loss of the
/// first-stage DD-Net, without bad samples).
///
/// With no sample included the loss is 0 and so are the gradients. A kind of pixel that a sample lacks counts as in
/// `balancedDifferenceLoss`.
///
/// - Parameters:
///   - logits: (N, 1, H, W).
///   - target: as many elements; 1 differs, 0 equal, other values are left out.
///   - including: one flag per sample; nil includes all.
///   - denominator: d; by default the number of samples included. Of a whole batch: that of its samples included.
/// - Returns: a scalar.
public func differenceLoss(
  _ logits: Variable, _ target: Tensor, form: DifferenceLossForm = .balanced, including: [Bool]? = nil,
  denominator: Int? = nil
) -> Variable {
  let samples = logits.shape[0]
  let flags = including ?? [Bool](repeating: true, count: samples)
  precondition(flags.count == samples, "\(flags.count) flags for \(samples) samples")
  precondition(target.count == logits.value.count, "logits are \(logits.shape), target \(target.shape)")
  let kernels = logits.context.kernels
  let rows = target.reshaped([samples, samples == 0 ? 0 : target.count / samples])
  let perSample = zip(kernels.zerosAndOnes(rows), flags).map { counts, isIncluded in
    isIncluded ? DifferenceCounts(counts).weights(form) : (equal: 0, different: 0)
  }
  let weights = kernels.weightsOfZerosAndOnes(rows, zeros: perSample.map(\.equal), ones: perSample.map(\.different))
  let divisor = denominator ?? flags.reduce(0) { $0 + ($1 ? 1 : 0) }
  return weightedBinaryCrossEntropy(logits, target, weights: weights, scale: 1 / Double(max(divisor, 1)))
}
