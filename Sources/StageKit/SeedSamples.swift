import Datasets
import Foundations
import Imaging
import SSDD
import Tensors
import Training

/// An augmented image with the two masks of the static stage, at OUT.
public struct PairSample: Sendable {
  /// (3, crop, crop), normalised.
  public let input: Tensor
  /// m^K0; void around the image.
  public let knowledge: LabelMask
  /// m^A0.
  public let advice: LabelMask
  /// Image-level labels as class indices.
  public let labels: [Int]
}

extension PairSample {
  /// Scores follow the image, are brought to OUT, restricted to the present labels; then arg-max.
  public init(_ sample: TrainingSample, knowledge: SeedScores, advice: SeedScores) throws {
    func mask(_ seeds: SeedScores) throws -> LabelMask {
      let scores = try seeds.scores(following: sample)
      return sample.augmentation.mask(ofScores: scores.values, labels: scores.labels)
    }
    self.init(input: sample.input, knowledge: try mask(knowledge), advice: try mask(advice), labels: sample.item.labels ?? [])
  }
}

extension SeedScores {
  /// The scores of a sample's image at the size at which the sample was drawn from it.
  func scores(following sample: TrainingSample) throws -> Scores {
    try scores(of: sample.item, width: sample.augmentation.sourceWidth, height: sample.augmentation.sourceHeight)
  }
}

extension Augmentation {
  /// The arg-max mask at OUT of score maps that cover the image; void around the image.
  func mask(ofScores scores: Tensor, labels: [Int]) -> LabelMask {
    var mask = LabelMask(width: outputSide, height: outputSide, labels: argMax(self.scores(scores), labels: labels).labels)
    for (i, covered) in coverage.labels.enumerated() where covered == LabelMask.void { mask.labels[i] = LabelMask.void }
    return mask
  }
}

/// An augmented image with seed masks, at OUT.
public struct SeedSample: Sendable {
  /// (3, crop, crop), normalised.
  public let input: Tensor
  /// The crop at OUT, 8 bits, for the CRF in the loop.
  public let small: RGBImage
  /// Void around the image.
  public let seeds: LabelMask
  public let labels: [Int]
}

extension SeedSample {
  /// The masks follow the image.
  public init(_ sample: TrainingSample, seeds: SeedMasks) throws {
    let drawn = sample.augmentation
    let mask = try seeds.mask(of: sample.item, width: drawn.sourceWidth, height: drawn.sourceHeight)
    self.init(input: sample.input, small: sample.small, seeds: drawn.labels(mask), labels: sample.item.labels ?? [])
  }
}

/// (N, 3, crop, crop) of N inputs (3, crop, crop).
public func stacked(_ inputs: [Tensor]) -> Tensor {
  Tensor.stacked(inputs.map { $0.reshaped(Shape([1] + $0.shape.dimensions)) })
}

extension LabelBatch {
  /// Masks of one size. Precondition: at least one.
  public init(_ masks: [LabelMask]) {
    precondition(!masks.isEmpty && masks.allSatisfy { $0.width == masks[0].width && $0.height == masks[0].height }, "masks of different sizes")
    self.init(batch: masks.count, height: masks[0].height, width: masks[0].width, labels: masks.flatMap(\.labels))
  }
}

extension TrainingRecord {
  /// A training step's log.
  public init(_ log: StepLog) { self.init(zip(log.names, log.values).map { (name: $0, value: $1) }) }
}
