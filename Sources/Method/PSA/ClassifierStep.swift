import Datasets
import Networks
import NeuralNet
import Tensors

/// An augmented image with its image-level labels.
public struct ClassifierSample: Sendable {
  /// (3, H, W), normalised.
  public let input: Tensor
  /// Class indices from 1.
  public let labels: [Int]

  public init(input: Tensor, labels: [Int]) {
    self.input = input
    self.labels = labels
  }

  public init(_ sample: TrainingSample) { self.init(input: sample.input, labels: sample.item.labels ?? []) }
}

/// A batch of images with image-level targets.
public struct ClassifierBatch: SampleBatch, Sendable {
  /// Normalised, (N, 3, H, W).
  public let images: Tensor
  /// (N, C): 1 where class j + 1 is present, 0 elsewhere.
  public let targets: Tensor

  /// Precondition: labels lie in 1...objectCount.
  public init(_ samples: [ClassifierSample], objectCount: Int) {
    images = stacked(samples.map(\.input))
    var values = [Float](repeating: 0, count: samples.count * objectCount)
    for (n, sample) in samples.enumerated() {
      for label in sample.labels {
        precondition((1...objectCount).contains(label), "label \(label) with \(objectCount) classes")
        values[n * objectCount + label - 1] = 1
      }
    }
    targets = Tensor([samples.count, objectCount], values)
  }

  private init(images: Tensor, targets: Tensor) {
    self.images = images
    self.targets = targets
  }

  public var count: Int { images.shape[0] }

  public func batch(_ range: Range<Int>) -> ClassifierBatch {
    ClassifierBatch(images: images.batch(range), targets: targets.batch(range))
  }
}

/// One iteration of training the CAM classifier: multi-label soft margin over the image-level labels (PSA, section
/// 3.1).
///
/// It logs `loss` and `accuracy`, the share of (image, class) pairs that the sign of the logit gets right.
public struct ClassifierStep: TrainingStep {
  private let network: CAMClassifier
  public let hasChannelDropout: Bool

  public init(network: CAMClassifier, channelDropout: Bool = true) {
    self.network = network
    hasChannelDropout = channelDropout
  }

  public var module: any Module { network }

  public func batch(_ samples: [ClassifierSample]) -> ClassifierBatch {
    ClassifierBatch(samples, objectCount: network.objectCount)
  }

  public func counts(_ batch: ClassifierBatch) -> SampleCount { SampleCount(batch.count) }

  public func accumulate(_ batch: ClassifierBatch, counts: SampleCount, context: Context, into sums: inout StepSums)
    throws
  {
    let logits = network.logits(context.constant(batch.images))
    let margin = softMarginLoss(logits, batch.targets, denominator: counts.count)
    let right = zip(logits.value.values, batch.targets.values).count { ($0 > 0) == ($1 > 0.5) }
    sums.add("loss", Double(margin.value.item))
    sums.add("accuracy", Double(right), of: Double(batch.targets.count))
    margin.backward()
  }

  public func finish(_ sums: StepSums, counts: SampleCount, kernels: any Kernels) -> TrainingRecord {
    TrainingRecord(["loss": sums["loss"], "accuracy": sums["accuracy"]])
  }
}
