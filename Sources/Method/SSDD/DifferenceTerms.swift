import LabelMasks
import Networks
import NeuralNet
import Tensors

/// The DD losses of a pair of masks and their normalisation.
///
/// The number of samples that are not bad depends, in the dynamic stage, on the forward pass, so the whole batch's
/// denominator is not known while its first micro-batch is gone through. Gradients are therefore summed over samples
/// and the detector's gradients scaled once at the end. That is exact because features enter a detector detached:
/// nothing else has a share in these gradients.
struct DifferenceTerms {
  let parameters: SSDDParameters
  /// Number of DD losses of the step: 2 in the static, 4 in the dynamic stage.
  let terms: Int

  /// Factor of each term in the step's loss.
  var weight: Double { parameters.termAveraging == .mean ? 1 / Double(terms) : 1 }

  /// Probabilities that pixels differ, from a DD-Net's logits: the complement of its output where it was taught
  /// equality.
  func differenceProbabilities(_ logits: Variable) -> Tensor {
    let kernels = logits.context.kernels
    return kernels.sigmoid(
      parameters.differenceTarget == .different ? logits.value : kernels.scaled(logits.value, by: -1))
  }

  /// Sum over the good samples of each sample's loss.
  func sum(_ logits: Variable, difference: LabelMask, flags: ClassFlags) -> Variable {
    differenceLoss(
      logits, target(difference), form: parameters.lossForm, including: flags.badSamples.map { !$0 }, denominator: 1)
  }

  /// The loss over all pixels of a micro-batch at once, bad samples included, times its number of samples.
  func wholeBatch(_ logits: Variable, difference: LabelMask) -> Variable {
    batchDifferenceLoss(logits, target(difference), form: parameters.lossForm) * Float(difference.batch)
  }

  /// Multiplies the gradients of a detector by `weight` / samples. Without samples there are no gradients, so that an
  /// optimizer does not touch the parameters, weight decay included.
  func normalise(_ detector: DifferenceDetector, samples: Int, kernels: any Kernels) {
    for parameter in detector.head.parameters + detector.net.parameters {
      guard let gradient = parameter.gradient else { continue }
      parameter.gradient = samples == 0 ? nil : kernels.scaled(gradient, by: Float(weight / Double(samples)))
    }
  }

  private func target(_ difference: LabelMask) -> Tensor {
    let isEqual = parameters.differenceTarget == .equal
    let values = difference.labels.map { label -> Float in
      label == LabelMask.void ? -1 : (label == 1) == isEqual ? 0 : 1
    }
    return Tensor([difference.batch, 1, difference.height, difference.width], values)
  }
}
