import Foundations
import Models
import NeuralNet
import Tensors

/// A batch of images with masks at a quarter of their size.
public struct SegmentationBatch: Sendable {
  /// Normalised, (N, 3, 4h, 4w).
  public let images: Tensor
  /// (N, h, w); void pixels count in no loss.
  public let masks: LabelBatch

  public init(images: Tensor, masks: LabelBatch) {
    requireOutputSize(images, masks)
    self.images = images
    self.masks = masks
  }
}

/// One iteration of training a segmentation network on given masks: the baselines of the paper's Table 1.
public struct SegmentationStep {
  public let model: SegmentationModel
  public let parameters: SSDDParameters

  public init(model: SegmentationModel, parameters: SSDDParameters = SSDDParameters()) {
    self.model = model
    self.parameters = parameters
  }

  /// Computes the gradients of the mean cross entropy over the labelled pixels of the batch; earlier gradients are dropped.
  ///
  /// - Returns: `loss`, and `foreground_target` and `foreground_prediction`, the shares of foreground.
  /// - Throws: `Failure(.software)` if the loss is not a number; gradients are incomplete then.
  public func run(_ batch: SegmentationBatch, _ pass: TrainingPass) throws -> StepLog {
    model.zeroGradients()
    let labelled = labelledPixels(batch.masks)
    var tally = Tally()
    for range in pass.ranges(of: batch.masks.batch) {
      let context = pass.context(for: range, dropout: parameters.channelDropout)
      let logits = model.logits(context.constant(batch.images.batch(range)), upsampling: 2)
      let masks = batch.masks.batch(range)
      let loss = try crossEntropy(logits, masks, denominator: labelled).requireFinite(what: "loss")
      tally.add("loss", Double(loss.value.item))
      tally.addForeground("target", masks)
      tally.addForeground("prediction", argMax(logits.value, kernels: pass.kernels).voided(by: masks))
      loss.backward()
    }
    return tally.log
  }
}

/// The class of the highest score at each pixel, all classes admitted; of equal scores the lowest class wins. (N, classes, h, w).
public func argMax(_ scores: Tensor, kernels: any Kernels) -> LabelBatch {
  let (batch, classes, _) = planes(scores)
  return kernels.argMax(scores, among: Array(repeating: Array(0..<classes), count: batch))
}

extension LabelBatch {
  /// The same labels, void where `other` is.
  func voided(by other: LabelBatch) -> LabelBatch {
    var result = self
    for i in labels.indices where other.labels[i] == LabelBatch.void { result.labels[i] = LabelBatch.void }
    return result
  }
}

/// Precondition: the masks have a quarter of the images' size, which is a multiple of 8.
func requireOutputSize(_ images: Tensor, _ masks: LabelBatch) {
  let expected: Shape = [masks.batch, 3, 4 * masks.height, 4 * masks.width]
  precondition(
    images.shape == expected && masks.height % 2 == 0 && masks.width % 2 == 0,
    "images are \(images.shape), masks \(masks.batch)x\(masks.height)x\(masks.width): masks need a quarter of a side that is a multiple of 8")
}
