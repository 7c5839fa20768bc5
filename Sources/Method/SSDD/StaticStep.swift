import Datasets
import LabelMasks
import Networks
import NeuralNet
import Tensors

/// An augmented image with the two masks of the static stage, at OUT.
public struct StaticSample: Sendable {
  /// (3, 4h, 4w), normalised.
  public let input: Tensor
  /// m^K0, (1, h, w); void where the crop goes beyond the image.
  public let knowledge: LabelMask
  /// m^A0, likewise.
  public let advice: LabelMask
  /// Image-level labels as class indices.
  public let labels: [Int]

  public init(input: Tensor, knowledge: LabelMask, advice: LabelMask, labels: [Int]) {
    self.input = input
    self.knowledge = knowledge
    self.advice = advice
    self.labels = labels
  }

  /// The scores of both follow the augmentation of the image and are brought to OUT, where the highest class is taken.
  ///
  /// - Parameters:
  ///   - knowledge, advice: scores of the image at its size, of the classes that its labels name.
  public init(_ sample: TrainingSample, knowledge: ClassScores, advice: ClassScores, kernels: any Kernels) {
    func mask(_ scores: ClassScores) -> LabelMask {
      let drawn = ClassScores(values: sample.augmentation.scores(scores.values), labels: scores.labels)
      return kernels.argMax(drawn).voided(by: sample.augmentation.coverage)
    }
    self.init(
      input: sample.input, knowledge: mask(knowledge), advice: mask(advice), labels: sample.item.labels ?? [])
  }
}

/// A batch of the static stage.
public struct StaticBatch: SampleBatch, Sendable {
  /// Normalised, (N, 3, 4h, 4w).
  public let images: Tensor
  /// m^K0, (N, h, w); void where a crop goes beyond the image.
  public let knowledge: LabelMask
  /// m^A0, likewise.
  public let advice: LabelMask
  public let present: PresentLabels

  public init(images: Tensor, knowledge: LabelMask, advice: LabelMask, present: PresentLabels) {
    requireOutputSize(images, knowledge)
    requireOutputSize(images, advice)
    precondition(
      present.count == knowledge.batch, "labels of \(present.count) samples for a batch of \(knowledge.batch)")
    self.images = images
    self.knowledge = knowledge
    self.advice = advice
    self.present = present
  }

  public var count: Int { present.count }

  public func batch(_ range: Range<Int>) -> StaticBatch {
    StaticBatch(
      images: images.batch(range), knowledge: knowledge.batch(range), advice: advice.batch(range),
      present: present.batch(range))
  }
}

/// One iteration of the static stage (paper, section 4.1): L_static = L_base + L_diff0.
///
/// The main head learns m^K0, the DD-Net the differences of (m^K0, m^A0). DD losses reach neither trunk nor head.
///
/// It logs `loss`, `loss_seg`, `loss_dd`; shares of foreground of m^K0, m^A0, m^D0 and the main head's m^K1; of
/// differing pixels; of bad samples.
public struct StaticStep: TrainingStep {
  public let network: SSDDNetwork
  public let parameters: SSDDParameters
  /// Sees the forward pass of each micro-batch.
  package var observer: ((Forward) throws -> Void)?

  public init(network: SSDDNetwork, parameters: SSDDParameters = SSDDParameters()) {
    self.network = network
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

  public var module: any Module { network }
  public var hasChannelDropout: Bool { parameters.channelDropout }
  private var terms: DifferenceTerms { DifferenceTerms(parameters: parameters, terms: 2) }

  public func batch(_ samples: [StaticSample]) throws -> StaticBatch {
    StaticBatch(
      images: stacked(samples.map(\.input)), knowledge: .stacked(samples.map(\.knowledge)),
      advice: .stacked(samples.map(\.advice)),
      present: try PresentLabels(samples.map(\.labels), classes: network.specification.classes))
  }

  public func counts(_ batch: StaticBatch) -> LabelledPixels { LabelledPixels(batch.knowledge) }

  public func accumulate(
    _ batch: StaticBatch, counts: LabelledPixels, context: Context, into sums: inout StepSums
  ) throws {
    // The trunk's graph is gone before the DD-Net's is made: neither loss reaches what is the other's.
    let segmentation = segmentation(context.constant(batch.images))
    let base = try crossEntropy(segmentation.logits, batch.knowledge, denominator: counts.count).requireFinite(
      what: "loss")
    base.backward()
    let forward = detection(segmentation, batch)
    try observer?(forward)
    let difference = differenceMask(batch.knowledge, batch.advice)
    let diff0 = forward.differences.map { terms.sum($0, difference: difference, flags: forward.merged.flags) }
    for loss in diff0 { try loss.requireFinite(what: "loss") }
    backward(diff0.map { ($0, Tensor(1)) })

    sums.add("loss_seg", Double(base.value.item))
    sums.add("difference", diff0.reduce(0) { $0 + Double($1.value.item) })
    sums.add("good", Double(forward.merged.flags.badSamples.count { !$0 }))
    sums.addForeground("k0", batch.knowledge)
    sums.addForeground("a0", batch.advice)
    sums.addForeground("d0", forward.merged.refined)
    sums.addForeground("main", context.kernels.argMax(forward.logits.value).voided(by: batch.knowledge))
    sums.addDiffering("k0_a0", difference)
    sums.addBad("first", forward.merged.flags)
  }

  public func finish(_ sums: StepSums, counts: LabelledPixels, kernels: any Kernels) -> TrainingRecord {
    terms.normalise(network.first, samples: Int(sums["good"]), kernels: kernels)
    let difference = terms.weight * sums["difference"] / max(sums["good"], 1)
    let losses = [("loss", sums["loss_seg"] + difference), ("loss_seg", sums["loss_seg"]), ("loss_dd", difference)]
    return TrainingRecord(losses.map { (name: $0, value: $1) } + sums.shares)
  }

  /// What the DD-Net takes from trunk and head, e^l and e^h without a way back.
  private struct Segmentation {
    let low: Variable
    let lowLevel: Variable
    let output: SegmentationOutput
    let logits: Variable
  }

  private func segmentation(_ x: Variable) -> Segmentation {
    let segmentation = network.segmentation
    let features = segmentation.backbone.features(x)
    let output = segmentation.main(features.high)
    return Segmentation(
      low: features.low, lowLevel: segmentation.backbone.lowLevel(features).detached(), output: output,
      logits: output.logits)
  }

  private func detection(_ segmentation: Segmentation, _ batch: StaticBatch) -> Forward {
    let (knowledge, advice, present) = (batch.knowledge, batch.advice, batch.present)
    let highLevel = segmentation.output.hidden.detached().upsampled(by: 2)
    let differences = network.first.logits(
      highLevel: highLevel, lowLevel: segmentation.lowLevel, masks: [knowledge, advice])
    let d = differences.map(terms.differenceProbabilities)
    let merged = MergedMasks(
      knowledge: knowledge, advice: advice, knowledgeDifference: d[0], adviceDifference: d[1], present: present,
      bias: parameters.trainingBias, parameters: parameters)
    return Forward(
      low: segmentation.low, output: segmentation.output, logits: segmentation.logits, highLevel: highLevel,
      differences: differences,
      merged: merged)
  }
}
