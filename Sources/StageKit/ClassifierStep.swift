import Datasets
import Foundations
import Models
import NeuralNet
import Tensors
import Training

/// One iteration of training the CAM classifier: multi-label soft margin over the image-level labels (PSA, section 3.1).
public struct ClassifierStep {
  private let network: CAMClassifier

  public init(network: CAMClassifier) { self.network = network }

  /// Computes the gradients of the batch, micro-batch by micro-batch.
  ///
  /// - Returns: `loss` and `accuracy`, the share of (image, class) pairs that the sign of the logit gets right.
  public func run(
    _ samples: [TrainingSample], classes: Int, position: TrainingPosition, kernels: any Kernels, seed: UInt64, dropout: Bool
  ) throws -> TrainingRecord {
    var (loss, right) = (0.0, 0)
    for range in position.plan.microBatches {
      let batch = TrainingBatch(Array(samples[range]))
      let targets = batch.targets(objectCount: classes)
      let context = Context(
        kernels: kernels, mode: .training, seed: seed, step: position.step, sampleOffset: range.lowerBound, dropout: dropout)
      let logits = network.logits(context.constant(batch.input))
      let margin = softMarginLoss(logits, targets, denominator: samples.count)
      loss += Double(margin.value.item)
      right += zip(logits.value.values, targets.values).count { ($0 > 0) == ($1 > 0.5) }
      margin.backward()
    }
    return TrainingRecord(["loss": loss, "accuracy": Double(right) / Double(samples.count * classes)])
  }
}
