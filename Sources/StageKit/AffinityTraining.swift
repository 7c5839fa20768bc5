import Datasets
import Foundations
import Models
import NeuralNet
import PSA
import Tensors
import Training

/// An augmented image with the labels of its cells.
public struct AffinitySample: Sendable {
  /// (3, crop, crop), normalised.
  public let input: Tensor
  /// (1, crop / 8, crop / 8): 255 where neither CRF is confident.
  public let labels: LabelBatch

  /// Whether any cell has a label: without one there is no pair to learn from.
  public var hasLabels: Bool { labels.labels.contains { $0 != LabelBatch.void } }
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
        .data, expected: "the same classes with background first in --low and --high", found: "\(lowCells.labels) and \(highCells.labels)",
        item: sample.item.id)
    }
    self.init(input: sample.input, labels: affinityLabels(low: lowCells.cells, high: highCells.cells))
  }
}

/// One iteration of training AffinityNet (PSA, section 3.2).
public struct AffinityStep {
  private let network: AffinityNet
  private let pairs: AffinityPairs

  public init(network: AffinityNet, pairs: AffinityPairs) {
    self.network = network
    self.pairs = pairs
  }

  /// Computes the gradients of the batch, micro-batch by micro-batch; means are over the pairs of the whole batch.
  ///
  /// - Returns: `loss` = bg / 4 + fg / 4 + neg / 2, its terms, and the share of cells without a label.
  public func run(_ samples: [AffinitySample], position: TrainingPosition, kernels: any Kernels, seed: UInt64) throws -> TrainingRecord {
    let targets = samples.map { AffinityTargets($0.labels, pairs: pairs) }
    let counts = targets.dropFirst().reduce(targets[0].counts) { $0 + $1.counts }
    var (total, background, foreground, negative) = (0.0, 0.0, 0.0, 0.0)
    for range in position.plan.microBatches {
      let context = Context(kernels: kernels, mode: .training, seed: seed, step: position.step, sampleOffset: range.lowerBound)
      let features = network.features(context.constant(stacked(samples[range].map(\.input))))
      let labels = samples[range].map(\.labels)
      let micro = LabelBatch(batch: labels.count, height: labels[0].height, width: labels[0].width, labels: labels.flatMap(\.labels))
      let loss = AffinityLoss(affinities(features, pairs: pairs), AffinityTargets(micro, pairs: pairs), counts: counts)
      total += Double(loss.total.value.item)
      background += Double(loss.background.value.item)
      foreground += Double(loss.foreground.value.item)
      negative += Double(loss.negative.value.item)
      loss.total.backward()
    }
    let cells = samples.reduce(0) { $0 + $1.labels.labels.count }
    let void = samples.reduce(0) { $0 + $1.labels.labels.count { $0 == LabelBatch.void } }
    return TrainingRecord([
      "loss": total, "loss_bg": background, "loss_fg": foreground, "loss_neg": negative, "void_share": Double(void) / Double(max(cells, 1)),
    ])
  }
}
