import Datasets
import DenseCRF
import Foundations
import LabelMasks
import Networks
import NeuralNet
import Tensors

/// An augmented image with its seed mask, at OUT.
public struct DynamicSample: Sendable {
  /// (3, 4h, 4w), normalised.
  public let input: Tensor
  /// The image at OUT, h * w * 3 bytes of RGB: what the CRF in the loop sees.
  public let thumbnail: [UInt8]
  /// m^D0, (1, h, w); void where the crop goes beyond the image.
  public let seeds: LabelMask
  /// Image-level labels as class indices.
  public let labels: [Int]

  public init(input: Tensor, thumbnail: [UInt8], seeds: LabelMask, labels: [Int]) {
    self.input = input
    self.thumbnail = thumbnail
    self.seeds = seeds
    self.labels = labels
  }

  /// - Parameter seeds: m^D0 of the sample, at OUT.
  public init(_ sample: TrainingSample, seeds: LabelMask) {
    self.init(
      input: sample.input, thumbnail: sample.thumbnail.pixels, seeds: seeds, labels: sample.item.labels ?? [])
  }
}

/// A batch of the dynamic stage.
public struct DynamicBatch: SampleBatch, Sendable {
  /// Normalised, (N, 3, 4h, 4w).
  public let images: Tensor
  /// The images at OUT, h * w * 3 bytes of RGB each: what the CRF sees.
  public let thumbnails: [[UInt8]]
  /// m^D0, (N, h, w); void where a crop goes beyond the image.
  public let seeds: LabelMask
  public let present: PresentLabels

  public init(images: Tensor, thumbnails: [[UInt8]], seeds: LabelMask, present: PresentLabels) {
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

  public var count: Int { present.count }

  public func batch(_ range: Range<Int>) -> DynamicBatch {
    DynamicBatch(
      images: images.batch(range), thumbnails: Array(thumbnails[range]), seeds: seeds.batch(range),
      present: present.batch(range))
  }
}

/// The masks that the dynamic stage makes from a batch, each (N, h, w) and void where the seeds are.
public struct DynamicMasks: Sendable {
  /// m^K1, of the main head.
  public let knowledge: LabelMask
  /// m^A1, its CRF.
  public let advice: LabelMask
  /// m^D1.
  public let firstRefinement: LabelMask
  /// m^D2, what the main head learns.
  public let secondRefinement: LabelMask
  /// m^sub, of the sub head.
  public let sub: LabelMask

  /// All five by the names that the log has for them.
  public var named: [(name: String, mask: LabelMask)] {
    [("k1", knowledge), ("a1", advice), ("d1", firstRefinement), ("d2", secondRefinement), ("sub", sub)]
  }
}

/// One iteration of the dynamic stage (paper, section 4.2): L_dynamic = L_main + L_sub + L_diff1 + L_diff2.
///
/// From the main head's m^K1 and its CRF m^A1 the first module makes m^D1; from the seeds m^D0 and m^D1 the second
/// makes m^D2, which the main head learns. The sub head learns both m^D0 and m^D1, so that its mask lies between them;
/// the second DD-Net learns how they differ from it. Masks are constants, DD losses reach neither trunk nor heads.
///
/// Gradients are equal, but for rounding, for every size of micro-batch, except under `secondModuleLoss ==
/// .wholeBatch`: the balance of equal and differing pixels is then that of each micro-batch, weighted by its number of
/// samples.
///
/// It logs `loss`, `loss_main`, `loss_sub_seed`, `loss_sub_advice`, `loss_dd`; shares of foreground of m^D0, m^K1,
/// m^A1, m^D1, m^D2 and the sub head; of differing pixels of both pairs; of bad samples of both modules.
public struct DynamicStep: TrainingStep {
  public let network: SSDDNetwork
  public let parameters: SSDDParameters
  /// Updates at the start in which both heads learn m^D0 alone, while the DD-Nets learn as ever. Fresh heads predict
  /// background everywhere, and refinement by such masks keeps them there: the local minimum of section 4.2.
  public let warmUpSteps: Int
  let crf: Refinement
  /// Samples whose CRFs run side by side.
  let threads: Int
  /// Sees forward pass and losses of each micro-batch.
  package var observer: ((Forward, Losses) throws -> Void)?

  /// From (index of the sample in the batch, probabilities (labels, h, w) of its present labels, RGB of the thumbnail)
  /// to marginals.
  package typealias Refinement = @Sendable (Int, Tensor, [UInt8]) throws -> Tensor

  /// Precondition: `network` is of the dynamic stage. The CRF runs with `crf`, by default `parameters.trainingCRF`.
  ///
  /// - Parameter threads: how many samples' CRFs run side by side; the result does not depend on it.
  public init(
    network: SSDDNetwork, parameters: SSDDParameters = SSDDParameters(), crf: DenseCRFParameters? = nil,
    warmUpSteps: Int = 0, threads: Int = 1
  ) {
    let crf = crf ?? parameters.trainingCRF
    let cache = DenseCRFCache(capacity: 2)
    self.init(network: network, parameters: parameters, warmUpSteps: warmUpSteps, threads: threads) {
      _, probabilities, rgb in
      // One thread per sample: samples run side by side, and the result does not depend on the number of threads.
      try DenseCRF(
        width: probabilities.shape[2], height: probabilities.shape[1], rgb: rgb, parameters: crf, threads: 1,
        cache: cache
      )
      .infer(probabilities: probabilities)
    }
  }

  package init(
    network: SSDDNetwork, parameters: SSDDParameters, warmUpSteps: Int = 0, threads: Int = 1, crf: @escaping Refinement
  ) {
    precondition(network.stage == .dynamic, "a network of the static stage in the dynamic step")
    self.network = network
    self.parameters = parameters
    self.warmUpSteps = warmUpSteps
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
    package let knowledge: LabelMask
    package let advice: LabelMask
    package let subMask: LabelMask
    /// (N, classes, h, w), 0 for absent classes.
    package let refinedProbabilities: Tensor
    /// m^D1 and m^D2 with their flags.
    package let first: MergedMasks
    package let second: MergedMasks
  }

  public var module: any Module { network }
  public var hasChannelDropout: Bool { parameters.channelDropout }
  private var terms: DifferenceTerms { DifferenceTerms(parameters: parameters, terms: 4) }

  public func batch(_ samples: [DynamicSample]) throws -> DynamicBatch {
    DynamicBatch(
      images: stacked(samples.map(\.input)), thumbnails: samples.map(\.thumbnail),
      seeds: .stacked(samples.map(\.seeds)),
      present: try PresentLabels(samples.map(\.labels), classes: network.specification.classes))
  }

  public func counts(_ batch: DynamicBatch) -> LabelledPixels { LabelledPixels(batch.seeds) }

  /// Throws what the CRF throws too.
  public func accumulate(
    _ batch: DynamicBatch, counts: LabelledPixels, context: Context, into sums: inout StepSums
  ) throws {
    let forward = try self.forward(context.constant(batch.images), batch, terms)
    let losses = self.losses(forward, batch.seeds, counts.count, terms, isWarmingUp: context.step < warmUpSteps)
    try observer?(forward, losses)
    for loss in losses.all { try loss.requireFinite(what: "loss") }
    backward(losses.weighted(subMix: parameters.subMix))
    sums.add(losses)
    sums.add(forward, wholeBatch: parameters.secondModuleLoss == .wholeBatch)
    sums.add(masksOf: forward, batch.seeds)
  }

  public func finish(_ sums: StepSums, counts: LabelledPixels, kernels: any Kernels) -> TrainingRecord {
    terms.normalise(network.first, samples: Int(sums["samples_first"]), kernels: kernels)
    if let second = network.second { terms.normalise(second, samples: Int(sums["samples_second"]), kernels: kernels) }
    let difference =
      terms.weight
      * (sums["difference_first"] / max(sums["samples_first"], 1) + sums["difference_second"]
        / max(sums["samples_second"], 1))
    let (main, subSeed, subAdvice) = (sums["loss_main"], sums["loss_sub_seed"], sums["loss_sub_advice"])
    let mix = Double(parameters.subMix)
    let losses = [
      ("loss", main + mix * subSeed + (1 - mix) * subAdvice + difference), ("loss_main", main),
      ("loss_sub_seed", subSeed),
      ("loss_sub_advice", subAdvice), ("loss_dd", difference),
    ]
    return TrainingRecord(losses.map { (name: $0, value: $1) } + sums.shares)
  }
}
