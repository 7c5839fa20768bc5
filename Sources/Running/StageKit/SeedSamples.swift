import CPUBackend
import Datasets
import Foundations
import Imaging
import PSA
import SSDD
import Tensors

// The samples of every training, made of an augmented image and what earlier steps left.

extension ClassifierSample {
  public init(_ sample: TrainingSample) { self.init(input: sample.input, labels: sample.item.labels ?? []) }
}

extension AffinitySample {
  /// Both score maps follow the image, are averaged to stride 8, and decide together.
  public init(_ sample: TrainingSample, low: SeedScores, high: SeedScores, kernels: CPUKernels) throws {
    func pooled(_ source: SeedScores) throws -> (cells: Tensor, labels: [Int]) {
      let scores = try source.scores(following: sample)
      return (pooledScores(sample.augmentation.scores(scores.values), kernels: kernels), scores.labels)
    }
    let (lowCells, highCells) = (try pooled(low), try pooled(high))
    guard lowCells.labels == highCells.labels, lowCells.labels.first == 0 else {
      throw Failure(
        .data, expected: "the same classes with background first in --low and --high",
        found: "\(lowCells.labels) and \(highCells.labels)", item: sample.item.id)
    }
    self.init(input: sample.input, labels: affinityLabels(low: lowCells.cells, high: highCells.cells))
  }
}

extension StaticSample {
  /// Scores follow the image, are brought to OUT, restricted to the present labels; then arg-max.
  public init(_ sample: TrainingSample, knowledge: SeedScores, advice: SeedScores) throws {
    func mask(_ seeds: SeedScores) throws -> LabelBatch {
      let scores = try seeds.scores(following: sample)
      return LabelBatch([sample.augmentation.mask(ofScores: scores.values, labels: scores.labels)])
    }
    self.init(
      input: sample.input, knowledge: try mask(knowledge), advice: try mask(advice), labels: sample.item.labels ?? [])
  }
}

extension SegmentationSample {
  /// The mask follows the image.
  public init(_ sample: TrainingSample, seeds: SeedMasks) throws {
    self.init(input: sample.input, mask: LabelBatch([try seeds.mask(following: sample)]))
  }
}

extension DynamicSample {
  /// The mask follows the image.
  public init(_ sample: TrainingSample, seeds: SeedMasks) throws {
    self.init(
      input: sample.input, thumbnail: sample.small.pixels, seeds: LabelBatch([try seeds.mask(following: sample)]),
      labels: sample.item.labels ?? [])
  }
}

extension SeedMasks {
  /// The mask of a sample's image at OUT, void around the image.
  func mask(following sample: TrainingSample) throws -> LabelMask {
    let drawn = sample.augmentation
    return drawn.labels(try mask(of: sample.item, width: drawn.sourceWidth, height: drawn.sourceHeight))
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
    var mask = LabelMask(
      width: outputSide, height: outputSide, labels: argMax(self.scores(scores), labels: labels).labels)
    for (i, covered) in coverage.labels.enumerated() where covered == LabelMask.void { mask.labels[i] = LabelMask.void }
    return mask
  }
}

extension LabelBatch {
  /// Masks of one size. Precondition: at least one.
  public init(_ masks: [LabelMask]) {
    precondition(
      !masks.isEmpty && masks.allSatisfy { $0.width == masks[0].width && $0.height == masks[0].height },
      "masks of different sizes")
    self.init(batch: masks.count, height: masks[0].height, width: masks[0].width, labels: masks.flatMap(\.labels))
  }
}
