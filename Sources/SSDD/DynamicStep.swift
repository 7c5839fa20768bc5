import DenseCRF
import Foundations
import Models
import NeuralNet
import Tensors

/// A batch of the dynamic stage.
public struct DynamicBatch: Sendable {
  /// Normalised, (N, 3, 4h, 4w).
  public let images: Tensor
  /// The images at OUT, h * w * 3 bytes of RGB each: what the CRF sees.
  public let thumbnails: [[UInt8]]
  /// m^D0, (N, h, w); void where a crop goes beyond the image.
  public let seeds: LabelBatch
  public let present: PresentLabels

  public init(images: Tensor, thumbnails: [[UInt8]], seeds: LabelBatch, present: PresentLabels) {
    requireOutputSize(images, seeds)
    precondition(
      thumbnails.count == seeds.batch && thumbnails.allSatisfy { $0.count == 3 * seeds.height * seeds.width },
      "thumbnails do not have the masks' size \(seeds.height)x\(seeds.width)")
    precondition(present.count == seeds.batch, "labels of \(present.count) samples for a batch of \(seeds.batch)")
    self.images = images
    self.thumbnails = thumbnails
    self.seeds = seeds
    self.present = present
  }
}

/// One iteration of the dynamic stage (paper, section 4.2): L_dynamic = L_main + L_sub + L_diff1 + L_diff2.
///
/// From the main head's m^K1 and its CRF m^A1 the first module makes m^D1; from the seeds m^D0 and m^D1 the second makes m^D2, which the
/// main head learns. The sub head learns both m^D0 and m^D1, so that its mask lies between them; the second DD-Net learns how they
/// differ from it. Masks are constants, DD losses reach neither trunk nor heads.
public struct DynamicStep {
  public let model: SSDDModel
  public let parameters: SSDDParameters
  let crf: Refinement
  /// Samples whose CRFs run side by side.
  let threads: Int

  /// From (index of the sample in the batch, probabilities (labels, h, w) of its present labels, RGB of the thumbnail) to marginals.
  package typealias Refinement = @Sendable (Int, Tensor, [UInt8]) throws -> Tensor

  /// Precondition: `model` is of the dynamic stage. The CRF runs with `crf`, by default `parameters.trainingCRF`.
  ///
  /// - Parameter threads: how many samples' CRFs run side by side; the result does not depend on it.
  public init(
    model: SSDDModel, parameters: SSDDParameters = SSDDParameters(), crf: DenseCRFParameters? = nil, threads: Int = 1
  ) {
    let crf = crf ?? parameters.trainingCRF
    let cache = DenseCRFCache(capacity: 2)
    self.init(model: model, parameters: parameters, threads: threads) { _, probabilities, rgb in
      // One thread a sample: samples run side by side, and the result does not depend on the number of threads.
      try DenseCRF(width: probabilities.shape[2], height: probabilities.shape[1], rgb: rgb, parameters: crf, threads: 1, cache: cache)
        .infer(probabilities: probabilities)
    }
  }

  package init(model: SSDDModel, parameters: SSDDParameters, threads: Int = 1, crf: @escaping Refinement) {
    precondition(model.stage == .dynamic, "a model of the static stage in the dynamic step")
    self.model = model
    self.parameters = parameters
    self.crf = crf
    self.threads = threads
  }

  /// What the forward pass of a micro-batch gives.
  package struct Forward {
    /// Class scores at OUT.
    package let main: Variable
    package let sub: Variable
    /// Logits: of m^K1 and m^A1, then of m^D0 and m^D1.
    package let firstDifferences: [Variable]
    package let secondDifferences: [Variable]
    package let knowledge: LabelBatch
    package let advice: LabelBatch
    package let subMask: LabelBatch
    /// (N, classes, h, w), 0 for absent classes.
    package let refinedProbabilities: Tensor
    /// m^D1 and m^D2 with their flags.
    package let first: MergedMasks
    package let second: MergedMasks
  }

  /// Computes the gradients of the batch; earlier gradients are dropped.
  ///
  /// Equal, but for rounding, for every size of micro-batch, except under `secondModuleLoss == .wholeBatch`: the balance of equal and
  /// differing pixels is then that of each micro-batch, weighted by its number of samples.
  ///
  /// - Returns: `loss`, `loss_main`, `loss_sub_seed`, `loss_sub_advice`, `loss_dd`; shares of foreground of m^D0, m^K1, m^A1, m^D1, m^D2 and the
  ///   sub head; of differing pixels of both pairs; of bad samples of both modules.
  /// - Throws: `Failure(.software)` if a loss is not a number, and what the CRF throws; gradients are incomplete then.
  ///
  /// - Parameter isWarmingUp: both heads learn m^D0 alone, while the DD-Nets learn as ever. Fresh heads predict background everywhere, and
  ///   refinement by such masks keeps them there: the local minimum of section 4.2.
  public func run(_ batch: DynamicBatch, _ pass: TrainingPass, isWarmingUp: Bool = false) throws -> StepLog {
    try run(batch, pass, isWarmingUp: isWarmingUp) { _, _ in }
  }

  package func run(
    _ batch: DynamicBatch, _ pass: TrainingPass, isWarmingUp: Bool = false, observing: (Forward, Losses) throws -> Void
  ) throws -> StepLog {
    guard let detector = model.second else { preconditionFailure("a dynamic model without second detector") }
    model.zeroGradients()
    let terms = DifferenceTerms(parameters: parameters, terms: 4)
    let labelled = labelledPixels(batch.seeds)
    var totals = Totals()
    var tally = Tally()
    for name in ["loss", "loss_main", "loss_sub_seed", "loss_sub_advice", "loss_dd"] { tally.add(name, 0) }
    for range in pass.ranges(of: batch.seeds.batch) {
      let context = pass.context(for: range, dropout: parameters.channelDropout)
      let (seeds, present) = (batch.seeds.batch(range), batch.present.batch(range))
      let thumbnails = Array(batch.thumbnails[range])
      let forward = try self.forward(
        context.constant(batch.images.batch(range)), thumbnails, seeds, present, terms, offset: range.lowerBound)
      let losses = self.losses(forward, seeds, labelled, terms, isWarmingUp: isWarmingUp)
      try observing(forward, losses)
      for loss in losses.all { try loss.requireFinite(what: "loss") }
      backward(losses.weighted(subMix: parameters.subMix))
      totals.add(forward, losses, wholeBatch: parameters.secondModuleLoss == .wholeBatch)
      tally.add(forward, seeds)
    }
    terms.normalise(model.first, samples: totals.firstSamples, kernels: pass.kernels)
    terms.normalise(detector, samples: totals.secondSamples, kernels: pass.kernels)
    totals.report(into: &tally, weight: terms.weight, subMix: Double(parameters.subMix))
    return tally.log
  }
}
