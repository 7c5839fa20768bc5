import Datasets
import Foundations
import LabelMasks
import Networks
import NeuralNet
import Tensors

/// An augmented image with the labels of its cells.
public struct AffinitySample: Sendable {
  /// (3, crop, crop), normalised.
  public let input: Tensor
  /// (1, crop / 8, crop / 8): 255 where neither CRF is confident.
  public let labels: LabelMask

  public init(input: Tensor, labels: LabelMask) {
    self.input = input
    self.labels = labels
  }

  /// Both score maps of the image follow its augmentation, are averaged to stride 8, and decide together.
  ///
  /// - Throws: `Failure(.data)` where they are not of the same classes with the background first.
  public init(_ sample: TrainingSample, low: ClassScores, high: ClassScores, kernels: any Kernels) throws {
    guard low.labels == high.labels, low.labels.first == 0 else {
      throw Failure(
        .data, expected: "the same classes with background first in --low and --high",
        found: "\(low.labels) and \(high.labels)", item: sample.item.id)
    }
    func cells(_ scores: ClassScores) -> Tensor {
      pooledScores(sample.augmentation.scores(scores.values), kernels: kernels)
    }
    self.init(
      input: sample.input, labels: affinityLabels(low: cells(low), high: cells(high), kernels: kernels))
  }

  /// Whether any cell has a label: without one there is no pair to learn from.
  public var hasLabels: Bool { labels.labels.contains { $0 != LabelMask.void } }
}

/// A batch of images with the labels of their cells.
public struct AffinityBatch: SampleBatch, Sendable {
  /// Normalised, (N, 3, 8h, 8w).
  public let images: Tensor
  /// (N, h, w).
  public let labels: LabelMask

  public init(images: Tensor, labels: LabelMask) {
    precondition(
      images.shape == [labels.batch, 3, 8 * labels.height, 8 * labels.width],
      "images are \(images.shape), labels \(labels.batch)x\(labels.height)x\(labels.width): a cell is 8 x 8 pixels")
    self.images = images
    self.labels = labels
  }

  public var count: Int { labels.batch }

  public func batch(_ range: Range<Int>) -> AffinityBatch {
    AffinityBatch(images: images.batch(range), labels: labels.batch(range))
  }
}

/// One iteration of training AffinityNet (PSA, section 3.2); means are over the pairs of the whole batch.
///
/// It logs `loss` = bg / 4 + fg / 4 + neg / 2, its terms, and the share of cells without a label.
public struct AffinityStep: TrainingStep {
  private let network: AffinityNet
  private let pairs: AffinityPairs

  public init(network: AffinityNet, pairs: AffinityPairs) {
    self.network = network
    self.pairs = pairs
  }

  public var module: any Module { network }
  public var hasChannelDropout: Bool { true }

  public func batch(_ samples: [AffinitySample]) -> AffinityBatch {
    AffinityBatch(images: stacked(samples.map(\.input)), labels: .stacked(samples.map(\.labels)))
  }

  public func counts(_ batch: AffinityBatch) -> AffinityTargets.Counts {
    // Sample by sample: the targets themselves, 34 numbers per cell, are not needed all at once.
    (0..<batch.count).reduce(AffinityTargets.Counts(background: 0, foreground: 0, negative: 0)) {
      $0 + AffinityTargets(batch.labels.batch($1..<$1 + 1), pairs: pairs).counts
    }
  }

  public func accumulate(
    _ batch: AffinityBatch, counts: AffinityTargets.Counts, context: Context, into sums: inout StepSums
  ) throws {
    let features = network.features(context.constant(batch.images))
    let loss = AffinityLoss(
      affinities(features, pairs: pairs), AffinityTargets(batch.labels, pairs: pairs), counts: counts)
    sums.add("loss", Double(loss.total.value.item))
    sums.add("loss_bg", Double(loss.background.value.item))
    sums.add("loss_fg", Double(loss.foreground.value.item))
    sums.add("loss_neg", Double(loss.negative.value.item))
    let cells = batch.labels.labels
    sums.add("void_share", Double(cells.count { $0 == LabelMask.void }), of: Double(cells.count))
    loss.total.backward()
  }

  public func finish(_ sums: StepSums, counts: AffinityTargets.Counts, kernels: any Kernels) -> TrainingRecord {
    TrainingRecord(["loss", "loss_bg", "loss_fg", "loss_neg", "void_share"].map { (name: $0, value: sums[$0]) })
  }
}
