import LabelMasks
import Networks
import NeuralNet
import Synchronization
import Tensors
import Threads

extension DynamicStep {
  /// The forward pass of a micro-batch, `x` its images.
  func forward(_ x: Variable, _ batch: DynamicBatch, _ terms: DifferenceTerms) throws -> Forward {
    let (seeds, present) = (batch.seeds, batch.present)
    guard let subHead = network.segmentation.sub, let secondDetector = network.second else {
      preconditionFailure("a dynamic network without sub head")
    }
    let (segmentation, kernels) = (network.segmentation, x.context.kernels)
    let features = segmentation.backbone.features(x)
    let lowLevel = segmentation.backbone.lowLevel(features).detached()
    let mainOutput = segmentation.main(features.high)
    let subOutput = subHead(features.high)
    let (main, sub) = (mainOutput.logits, subOutput.logits)

    try main.requireFinite(what: "scores of the main head")  // said here, before the CRF finds bad probabilities

    // Masks of the first step: p^K1 and its CRF p^A1, present labels only. The CRF gets the softmax over the present
    // labels without p^K1's floor, as the reference has it. What the seeds leave void is void in every mask.
    let pK1 = presentProbabilities(main, present)
    let pA1 = try refinedByCRF(
      softmax(main.value, among: present, temperature: parameters.trainingTemperature, kernels: kernels), batch,
      offset: x.context.sampleOffset)
    let mK1 = kernels.argMax(pK1, among: present.samples).voided(by: seeds)
    let mA1 = kernels.argMax(pA1, among: present.samples).voided(by: seeds)
    let mSub = kernels.argMax(presentProbabilities(sub, present), among: present.samples).voided(by: seeds)

    // m^D1 = SSDD(e(x), m^K1, m^A1; theta_d1)
    let firstDifferences = network.first.logits(
      highLevel: mainOutput.hidden.detached().upsampled(by: 2), lowLevel: lowLevel, masks: [mK1, mA1])
    let first = merge(mK1, mA1, firstDifferences, present, terms)
    // m^D2 = SSDD(e(x), m^D0, m^D1; theta_d2)
    let secondDifferences = secondDetector.logits(
      highLevel: subOutput.hidden.detached().upsampled(by: 2), lowLevel: lowLevel, masks: [seeds, first.refined])
    let second = merge(seeds, first.refined, secondDifferences, present, terms)

    return Forward(
      main: main, sub: sub, firstDifferences: firstDifferences, secondDifferences: secondDifferences, knowledge: mK1,
      advice: mA1,
      subMask: mSub, refinedProbabilities: pA1, first: first, second: second)
  }

  /// The masks inside the stage for a batch, as the network stands: no dropout, running statistics, nothing is learned.
  ///
  /// A sample's masks do not depend on the others of the batch.
  public func masks(of batch: DynamicBatch, kernels: any Kernels) throws -> DynamicMasks {
    let context = Context(kernels: kernels, mode: .inference)
    let terms = DifferenceTerms(parameters: parameters, terms: 4)
    let forward = try forward(context.constant(batch.images), batch, terms)
    return DynamicMasks(
      knowledge: forward.knowledge, advice: forward.advice, firstRefinement: forward.first.refined,
      secondRefinement: forward.second.refined, sub: forward.subMask)
  }

  private func presentProbabilities(_ logits: Variable, _ present: PresentLabels) -> Tensor {
    let kernels = logits.context.kernels
    return restricted(kernels.softmax(logits.value), to: present, floor: parameters.scoreFloor, kernels: kernels)
  }

  private func merge(
    _ knowledge: LabelMask, _ advice: LabelMask, _ logits: [Variable], _ present: PresentLabels,
    _ terms: DifferenceTerms
  ) -> MergedMasks {
    let d = logits.map(terms.differenceProbabilities)
    return MergedMasks(
      knowledge: knowledge, advice: advice, knowledgeDifference: d[0], adviceDifference: d[1], present: present,
      bias: parameters.trainingBias, parameters: parameters)
  }

  /// p^A1: the CRF on the present labels of each sample, (N, classes, h, w) with 0 for absent classes.
  ///
  /// - Parameter offset: index of the first sample in the whole batch.
  private func refinedByCRF(_ probabilities: Tensor, _ batch: DynamicBatch, offset: Int) throws -> Tensor {
    let (samples, classes, area) = planes(probabilities)
    let (present, thumbnails, source) = (batch.present, batch.thumbnails, probabilities.values)
    let results = Mutex([Result<Tensor, any Error>?](repeating: nil, count: samples))
    Parallel.forEach(samples, threads: threads) { n in
      let labels = present.samples[n]
      let rows = labels.flatMap { label in
        let start = (n * classes + label) * area
        return source[start..<start + area]
      }
      let map = Tensor([labels.count, probabilities.shape[2], probabilities.shape[3]], rows)
      let result = Result { try crf(offset + n, map, thumbnails[n]) }
      results.withLock { $0[n] = result }
    }
    var values = [Float](repeating: 0, count: source.count)
    for (n, result) in results.withLock({ $0 }).enumerated() {
      guard let rows = try result?.get().values else { continue }
      for (k, label) in present.samples[n].enumerated() {
        let start = (n * classes + label) * area
        values.replaceSubrange(start..<start + area, with: rows[k * area..<(k + 1) * area])
      }
    }
    return Tensor(probabilities.shape, values)
  }
}
