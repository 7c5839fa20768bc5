import Models
import NeuralNet
import Tensors

/// A batch of the static stage.
public struct StaticBatch: Sendable {
  /// Normalised, (N, 3, 4h, 4w).
  public let images: Tensor
  /// m^K0, (N, h, w); void where a crop goes beyond the image.
  public let knowledge: LabelBatch
  /// m^A0, likewise.
  public let advice: LabelBatch
  public let present: PresentLabels

  public init(images: Tensor, knowledge: LabelBatch, advice: LabelBatch, present: PresentLabels) {
    requireOutputSize(images, knowledge)
    requireOutputSize(images, advice)
    precondition(present.count == knowledge.batch, "labels of \(present.count) samples for a batch of \(knowledge.batch)")
    self.images = images
    self.knowledge = knowledge
    self.advice = advice
    self.present = present
  }
}

/// One iteration of the static stage (paper, section 4.1): L_static = L_base + L_diff0.
///
/// The main head learns m^K0, the DD-Net the differences of (m^K0, m^A0). DD losses reach neither trunk nor head.
public struct StaticStep {
  public let model: SSDDModel
  public let parameters: SSDDParameters

  public init(model: SSDDModel, parameters: SSDDParameters = SSDDParameters()) {
    self.model = model
    self.parameters = parameters
  }

  /// What the forward pass of a micro-batch gives.
  package struct Forward {
    package let low: Variable
    package let output: SegmentationOutput
    package let logits: Variable
    /// e^h at OUT.
    package let highLevel: Variable
    /// Logits of d^K0 and d^A0.
    package let differences: [Variable]
    /// The flags, w and m^D0 inside training.
    package let merged: MergedMasks
  }

  /// Computes the gradients of the batch; earlier gradients are dropped. Equal, but for rounding, for every size of micro-batch.
  ///
  /// - Returns: `loss`, `loss_seg`, `loss_dd`; shares of foreground of m^K0, m^A0, m^D0 and the main head's m^K1; of differing pixels; of bad
  ///   samples.
  /// - Throws: `Failure(.software)` if a loss is not a number; gradients are incomplete then.
  public func run(_ batch: StaticBatch, _ pass: TrainingPass) throws -> StepLog {
    try run(batch, pass) { _ in }
  }

  package func run(_ batch: StaticBatch, _ pass: TrainingPass, observing: (Forward) throws -> Void) throws -> StepLog {
    model.zeroGradients()
    let terms = DifferenceTerms(parameters: parameters, terms: 2)
    let labelled = labelledPixels(batch.knowledge)
    var (segmentationLoss, differenceSum, good) = (0.0, 0.0, 0)
    var tally = Tally()
    for name in ["loss", "loss_seg", "loss_dd"] { tally.add(name, 0) }
    for range in pass.ranges(of: batch.knowledge.batch) {
      let context = pass.context(for: range, dropout: parameters.channelDropout)
      let (knowledge, advice, present) = (batch.knowledge.batch(range), batch.advice.batch(range), batch.present.batch(range))
      // The trunk's graph is gone before the DD-Net's is made: neither loss reaches what is the other's.
      let segmentation = segmentation(context.constant(batch.images.batch(range)))
      let base = try crossEntropy(segmentation.logits, knowledge, denominator: labelled).requireFinite(what: "loss")
      base.backward()
      let forward = detection(segmentation, knowledge, advice, present, terms)
      try observing(forward)
      let difference = differenceMask(knowledge, advice)
      let diff0 = forward.differences.map { terms.sum($0, difference: difference, flags: forward.merged.flags) }
      for loss in diff0 { try loss.requireFinite(what: "loss") }
      backward(diff0.map { ($0, Tensor(1)) })

      segmentationLoss += Double(base.value.item)
      differenceSum += diff0.reduce(0) { $0 + Double($1.value.item) }
      good += forward.merged.flags.badSamples.count { !$0 }
      tally.addForeground("k0", knowledge)
      tally.addForeground("a0", advice)
      tally.addForeground("d0", forward.merged.refined)
      tally.addForeground("main", argMax(forward.logits.value, kernels: pass.kernels).voided(by: knowledge))
      tally.addDiffering("k0_a0", difference)
      tally.addBad("first", forward.merged.flags)
    }
    terms.normalise(model.first, samples: good, kernels: pass.kernels)
    let differenceLoss = terms.weight * differenceSum / Double(max(good, 1))
    tally.add("loss", segmentationLoss + differenceLoss)
    tally.add("loss_seg", segmentationLoss)
    tally.add("loss_dd", differenceLoss)
    return tally.log
  }

  /// What the DD-Net takes from trunk and head, e^l and e^h without a way back.
  private struct Segmentation {
    let low: Variable
    let lowLevel: Variable
    let output: SegmentationOutput
    let logits: Variable
  }

  private func segmentation(_ x: Variable) -> Segmentation {
    let segmentation = model.segmentation
    let features = segmentation.backbone.features(x)
    let output = segmentation.main(features.high)
    return Segmentation(
      low: features.low, lowLevel: segmentation.backbone.lowLevel(features).detached(), output: output, logits: output.logits)
  }

  private func detection(
    _ segmentation: Segmentation, _ knowledge: LabelBatch, _ advice: LabelBatch, _ present: PresentLabels, _ terms: DifferenceTerms
  ) -> Forward {
    let highLevel = segmentation.output.hidden.detached().upsampled(by: 2)
    let differences = model.first.logits(
      highLevel: highLevel, lowLevel: segmentation.lowLevel, masks: [knowledge, advice])
    let d = differences.map(terms.differenceProbabilities)
    let merged = MergedMasks(
      knowledge: knowledge, advice: advice, knowledgeDifference: d[0], adviceDifference: d[1], present: present,
      bias: parameters.trainingBias, parameters: parameters)
    return Forward(
      low: segmentation.low, output: segmentation.output, logits: segmentation.logits, highLevel: highLevel, differences: differences,
      merged: merged)
  }
}
