import LabelMasks
import Tensors

// Every loss is a sum over elements divided by a denominator. The denominator counts the elements of the tensors given,
// unless the caller names the whole batch's: then the losses (and gradients) of the micro-batches add up to those of
// the batch.

/// Pixelwise cross entropy: L = -1/d sum over pixels u with a label of log softmax(logits)_u[label_u] (method: L_main,
/// L_sub; PyTorch's `cross_entropy(ignore_index=255)`).
///
/// PyTorch's mean over no pixels is NaN with zero gradients; here a batch without any labelled pixel gives 0 with zero
/// gradients.
///
/// - Parameters:
///   - logits: (N, C, H, W).
///   - labels: (N, H, W), indices below C or `void` (precondition).
///   - void: the index that is left out.
///   - denominator: d; by default the number of pixels with a label. Of a whole batch: `labelledPixels`.
/// - Returns: a scalar.
public func crossEntropy(
  _ logits: Variable, _ labels: LabelMask, ignoring void: UInt8 = LabelMask.void, denominator: Int? = nil
) -> Variable {
  let shape = logits.shape
  precondition(
    shape == [labels.batch, shape[1], labels.height, labels.width], "logits are \(shape), labels \(labels.size)")
  let (kernels, values) = (logits.context.kernels, logits.value)
  let divisor = Double(max(denominator ?? labelledPixels(labels, ignoring: void), 1))
  let sum = kernels.crossEntropySum(values, labels: labels, ignoring: void)
  return logits.unary(Tensor(Float(sum / divisor))) { upstream in
    kernels.crossEntropyGradient(values, labels: labels, ignoring: void, factor: Float(Double(upstream.item) / divisor))
  }
}

/// Number of pixels that cross entropy counts: the denominator of a whole batch.
public func labelledPixels(_ labels: LabelMask, ignoring void: UInt8 = LabelMask.void) -> Int {
  labels.labels.reduce(0) { $0 + ($1 == void ? 0 : 1) }
}

/// Multi-label soft margin: L = -1/d sum over samples of the mean over classes of t log s(x) + (1 - t) log(1 - s(x)), s
/// the logistic function (method: the CAM classifier's loss; PyTorch's `multilabel_soft_margin_loss`). Computed from
/// the logits, finite for finite ones.
///
/// - Parameters:
///   - logits: (N, C), or (N, C, 1, 1) as global pooling gives it.
///   - targets: as many elements, 1 where the image has the class, else 0.
///   - denominator: d; by default N. Of a whole batch: its number of samples.
/// - Returns: a scalar.
public func softMarginLoss(_ logits: Variable, _ targets: Tensor, denominator: Int? = nil) -> Variable {
  let classes = logits.value.count / max(logits.shape[0], 1)
  return weightedBinaryCrossEntropy(
    logits, targets, weights: nil, scale: 1 / Double(max((denominator ?? logits.shape[0]) * classes, 1)))
}

/// Binary cross entropy: L = -1/d sum of w (t log s(x) + (1 - t) log(1 - s(x))), s the logistic function.
///
/// Computed from the logits as max(x, 0) - t x + log(1 + exp(-|x|)): finite, with gradient w (s(x) - t)/d, for every
/// finite logit. PyTorch's `binary_cross_entropy` of a float32 sigmoid instead clamps the logarithm at -100 and loses
/// the gradient where the sigmoid rounds to 1 (x above about 17); for smaller |x| the two agree to rounding.
///
/// - Parameters:
///   - targets: t in [0, 1], as many elements as logits.
///   - weights: w, as many elements as logits, nil for 1; elements of weight 0 count nothing, whatever their logit.
///   - denominator: d; by default the sum of the weights (no weights: the number of elements), and 1 if that is 0.
/// - Returns: a scalar.
package func binaryCrossEntropyWithLogits(
  _ logits: Variable, _ targets: Tensor, weights: Tensor? = nil, denominator: Double? = nil
) -> Variable {
  let total = denominator ?? weights.map { logits.context.kernels.sum($0) } ?? Double(targets.count)
  return weightedBinaryCrossEntropy(logits, targets, weights: weights, scale: 1 / (total == 0 ? 1 : total))
}

/// Weighted mean of minus logarithms of probabilities: L = -1/d sum of w log(p + epsilon), or with `complement` of w
/// log(1 + epsilon - p) (method: the three terms of AffinityNet's loss, over positive pairs and, complemented, over
/// negative ones).
///
/// - Parameters:
///   - probabilities: any shape, 0 <= p <= 1.
///   - weights: w >= 0, as many elements.
///   - denominator: d; by default sum of the weights + epsilon, so that a loss over no pairs is 0.
/// - Returns: a scalar.
public func meanLogLoss(
  _ probabilities: Variable, weights: Tensor, complement: Bool = false, epsilon: Float = 1e-5,
  denominator: Double? = nil
) -> Variable {
  let (kernels, values) = (probabilities.context.kernels, probabilities.value)
  let total = denominator ?? kernels.sum(weights) + Double(epsilon)
  let sum = kernels.logLossSum(values, weights: weights, complement: complement, epsilon: epsilon)
  return probabilities.unary(Tensor(Float(sum / total))) { upstream in
    kernels.logLossGradient(
      values, weights: weights, complement: complement, epsilon: epsilon, factor: Double(upstream.item) / total)
  }
}

/// L = scale sum of w (softplus(x) - t x).
func weightedBinaryCrossEntropy(_ logits: Variable, _ targets: Tensor, weights: Tensor?, scale: Double) -> Variable {
  let (kernels, values) = (logits.context.kernels, logits.value)
  let sum = kernels.binaryCrossEntropySum(values, targets: targets, weights: weights)
  return logits.unary(Tensor(Float(scale * sum))) { upstream in
    kernels.binaryCrossEntropyGradient(
      values, targets: targets, weights: weights, factor: scale * Double(upstream.item))
  }
}

extension LabelMask {
  fileprivate var size: String { "\(batch)x\(height)x\(width)" }
}
