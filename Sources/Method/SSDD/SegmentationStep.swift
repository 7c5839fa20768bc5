import Datasets
import Foundations
import LabelMasks
import Networks
import NeuralNet
import Tensors

/// An augmented image with a mask at a quarter of its size.
public struct SegmentationSample: Sendable {
  /// (3, 4h, 4w), normalised.
  public let input: Tensor
  /// (1, h, w); void pixels count in no loss.
  public let mask: LabelMask

  public init(input: Tensor, mask: LabelMask) {
    self.input = input
    self.mask = mask
  }

  /// - Parameter mask: of the sample, at OUT.
  public init(_ sample: TrainingSample, mask: LabelMask) { self.init(input: sample.input, mask: mask) }
}

/// A batch of images with masks at a quarter of their size.
public struct SegmentationBatch: SampleBatch, Sendable {
  /// Normalised, (N, 3, 4h, 4w).
  public let images: Tensor
  /// (N, h, w); void pixels count in no loss.
  public let masks: LabelMask

  public init(images: Tensor, masks: LabelMask) {
    requireOutputSize(images, masks)
    self.images = images
    self.masks = masks
  }

  public var count: Int { masks.batch }

  public func batch(_ range: Range<Int>) -> SegmentationBatch {
    SegmentationBatch(images: images.batch(range), masks: masks.batch(range))
  }
}

/// One iteration of training a segmentation network on given masks: the baselines of the paper's Table 1.
///
/// The loss is the mean cross entropy over the labelled pixels of the batch. It logs `loss`, and `foreground_target`
/// and `foreground_prediction`, the shares of foreground.
public struct SegmentationStep: TrainingStep {
  public let network: SegmentationNetwork
  public let parameters: SSDDParameters

  public init(network: SegmentationNetwork, parameters: SSDDParameters = SSDDParameters()) {
    self.network = network
    self.parameters = parameters
  }

  public var module: any Module { network }
  public var hasChannelDropout: Bool { parameters.channelDropout }

  public func batch(_ samples: [SegmentationSample]) -> SegmentationBatch {
    SegmentationBatch(images: stacked(samples.map(\.input)), masks: .stacked(samples.map(\.mask)))
  }

  public func counts(_ batch: SegmentationBatch) -> LabelledPixels { LabelledPixels(batch.masks) }

  public func accumulate(
    _ batch: SegmentationBatch, counts: LabelledPixels, context: Context, into sums: inout StepSums
  ) throws {
    let logits = network.logits(context.constant(batch.images), upsampling: 2)
    let loss = try crossEntropy(logits, batch.masks, denominator: counts.count).requireFinite(what: "loss")
    sums.add("loss", Double(loss.value.item))
    sums.addForeground("target", batch.masks)
    sums.addForeground("prediction", context.kernels.argMax(logits.value).voided(by: batch.masks))
    loss.backward()
  }

  public func finish(_ sums: StepSums, counts: LabelledPixels, kernels: any Kernels) -> TrainingRecord {
    TrainingRecord([(name: "loss", value: sums["loss"])] + sums.shares)
  }
}

/// Precondition: the masks have a quarter of the images' size, which is a multiple of 8.
func requireOutputSize(_ images: Tensor, _ masks: LabelMask) {
  let expected: Shape = [masks.batch, 3, 4 * masks.height, 4 * masks.width]
  precondition(
    images.shape == expected && masks.height % 2 == 0 && masks.width % 2 == 0,
    "images are \(images.shape), masks \(masks.batch)x\(masks.height)x\(masks.width): masks need a quarter of a side "
      + "that is a multiple of 8"
  )
}
