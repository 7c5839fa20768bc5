import CPUBackend
import Evaluation
import Foundation
import Imaging
import LabelMasks
import SSDD
import Tensors

/// Counts over images of what a merge of two masks did; tallies of parts of a split add up.
struct MergeTally: Sendable {
  /// Steps of dd_bias along the curve, the run's own among them.
  static func biases(own: Float) -> [Float] {
    let grid = (-20...20).map { Float($0) / 20 }
    return (grid.contains(own) ? grid : grid + [own]).sorted()
  }

  let classes: Int
  let parameters: SSDDParameters
  let biases: [Float]
  var images = 0
  var badSamples = 0
  var adviceShares = 0.0
  private(set) var choice: [Choice]
  private(set) var adviceTrue: [Int]
  private(set) var adviceFalse: [Int]
  private(set) var knowledgeDifference = PairedHistogram(0...1, bins: 256)
  private(set) var adviceDifference = PairedHistogram(0...1, bins: 256)
  private(set) var confidence = PairedHistogram(-3...3, bins: 480)
  /// Differing pixels by whether the recomputed choice at the run's own bias is the stored mask's.
  private(set) var agreeing = 0
  private(set) var differing = 0
  /// Confusion counts of pixels where the masks are equal, where the right one of the two is taken, and of the refined
  /// masks.
  private var equal: [Int]
  private var oracle: [Int]
  private var refined: [Int]
  /// For each place of the curve at which a pixel turns to the advice (one more for never): counts with the knowledge
  /// and with the advice.
  private var turningKnowledge: [Int]
  private var turningAdvice: [Int]

  init(classes: Int, parameters: SSDDParameters) {
    self.classes = classes
    self.parameters = parameters
    biases = Self.biases(own: parameters.seedBias.difference)
    let zeros = [Int](repeating: 0, count: classes * classes)
    choice = [Choice](repeating: Choice(), count: classes)
    (adviceTrue, adviceFalse) = ([Int](repeating: 0, count: classes), [Int](repeating: 0, count: classes))
    (equal, oracle, refined) = (zeros, zeros, zeros)
    turningKnowledge = [Int](repeating: 0, count: zeros.count * (biases.count + 1))
    turningAdvice = turningKnowledge
  }

  /// The masks of one image, class indices, and its d maps at their stored size.
  struct Image {
    var truth: LabelMask
    var knowledge: LabelMask
    var advice: LabelMask
    var refined: LabelMask
    var knowledgeDifference: Tensor
    var adviceDifference: Tensor
    /// Classes that the image's labels tell, 1...C.
    var labels: [Int]
  }

  /// Counts one image; returns its own share of `choice`. Throws a `Failure` for a label that is no class.
  mutating func add(_ image: Image, kernels: CPUKernels) throws -> Choice {
    images += 1
    let w = try confidence(of: image, kernels: kernels)
    let own = parameters.seedBias.difference
    var sum = Choice()
    for i in image.truth.labels.indices {
      let (k, a, t) = (image.knowledge.labels[i], image.advice.labels[i], image.truth.labels[i])
      guard k != LabelMask.void, a != LabelMask.void else { continue }
      let differs = k != a
      knowledgeDifference.add(w.knowledge[i], differs)
      adviceDifference.add(w.advice[i], differs)
      let d = image.refined.labels[i]
      if differs {
        differing += 1
        if (w.base[i] + own >= 0 ? a : k) == d { agreeing += 1 }
      }
      guard t != LabelMask.void else { continue }
      if d != LabelMask.void { refined[Int(t) * classes + Int(d)] += 1 }
      guard differs else {
        equal[Int(t) * classes + Int(k)] += 1
        continue
      }
      count(t: t, k: k, a: a, d: d, base: w.base[i], &sum)
    }
    return sum
  }

  /// One pixel where the masks differ and the truth is known.
  private mutating func count(t: UInt8, k: UInt8, a: UInt8, d: UInt8, base: Float, _ sum: inout Choice) {
    let row = Int(t) * classes
    if k != t, a != t {
      sum.neither += 1
      choice[Int(t)].neither += 1
    } else {
      if d == t { sum.won += 1 } else { sum.lost += 1 }
      if d == t { choice[Int(t)].won += 1 } else { choice[Int(t)].lost += 1 }
      confidence.add(base + parameters.seedBias.difference, a == t)
    }
    for c in [k, a] { if a == t { adviceTrue[Int(c)] += 1 } else { adviceFalse[Int(c)] += 1 } }
    oracle[row + Int(a == t ? a : k)] += 1
    let turn = (biases.firstIndex { base + $0 >= 0 } ?? biases.count) * classes * classes
    turningKnowledge[turn + row + Int(k)] += 1
    turningAdvice[turn + row + Int(a)] += 1
  }

  /// d^K and d^A at the image's size as the merge reads them, and w without dd_bias.
  private func confidence(of image: Image, kernels: CPUKernels) throws -> (
    knowledge: [Float], advice: [Float], base: [Float]
  ) {
    let (height, width) = (image.truth.height, image.truth.width)
    func enlarged(_ map: Tensor) -> Tensor {
      let planes = map.reshaped([1, 1, map.shape[0], map.shape[1]])
      guard parameters.differenceStorage == .logits else {
        return kernels.resizeBilinear(planes, height: height, width: width)
      }
      // The merge enlarges logits, of which the probabilities were stored.
      let logits = Tensor(planes.shape, planes.values.map { Tensor.logit(of: $0) })
      return kernels.sigmoid(kernels.resizeBilinear(logits, height: height, width: width))
    }
    let (dK, dA) = (enlarged(image.knowledgeDifference), enlarged(image.adviceDifference))
    let isExchanged = parameters.seedDecision == .asCode
    let (knowledge, advice) = (image.knowledge, image.advice)
    var bias = parameters.seedBias
    bias.difference = 0
    let present = try PresentLabels([image.labels], classes: classes)
    let flags = ignoreFlags(
      knowledge: knowledge, advice: advice, present: present, threshold: parameters.shrinkThreshold,
      absentClassIsBad: parameters.absentClassIsBad)
    let base = SSDD.confidence(
      knowledge: knowledge, advice: advice, knowledgeDifference: isExchanged ? dA : dK,
      adviceDifference: isExchanged ? dK : dA, bias: bias, flags: flags)
    return (dK.values, dA.values, base.values)
  }

  mutating func merge(_ other: MergeTally) {
    images += other.images
    badSamples += other.badSamples
    adviceShares += other.adviceShares
    agreeing += other.agreeing
    differing += other.differing
    for c in 0..<classes {
      choice[c] += other.choice[c]
      adviceTrue[c] += other.adviceTrue[c]
      adviceFalse[c] += other.adviceFalse[c]
    }
    knowledgeDifference.merge(other.knowledgeDifference)
    adviceDifference.merge(other.adviceDifference)
    confidence.merge(other.confidence)
    func add(_ sum: inout [Int], _ more: [Int]) { for i in sum.indices { sum[i] += more[i] } }
    add(&equal, other.equal)
    add(&oracle, other.oracle)
    add(&refined, other.refined)
    add(&turningKnowledge, other.turningKnowledge)
    add(&turningAdvice, other.turningAdvice)
  }
}

extension MergeTally {
  /// The confusion of masks that follow the advice from the `place`-th bias of the curve on: 0 takes all advice,
  /// `biases.count + 1` none.
  func matrix(turningUpTo place: Int) -> ConfusionMatrix {
    var counts = equal
    let size = classes * classes
    for turn in 0...biases.count {
      let from = turn <= place ? turningAdvice : turningKnowledge
      for i in 0..<size { counts[i] += from[turn * size + i] }
    }
    return ConfusionMatrix(classes: classes, counts: counts, images: images)
  }

  var knowledgeMatrix: ConfusionMatrix { matrix(turningUpTo: -1) }
  var adviceMatrix: ConfusionMatrix { matrix(turningUpTo: biases.count) }
  var refinedMatrix: ConfusionMatrix { ConfusionMatrix(classes: classes, counts: refined, images: images) }
  var oracleMatrix: ConfusionMatrix {
    ConfusionMatrix(classes: classes, counts: zip(equal, oracle).map { $0 + $1 }, images: images)
  }

  func record(step: String, family: String, cell: [Setting], knowledge: String, advice: String, split: String)
    -> MergeRecord
  {
    let (k, a, d, best) = (knowledgeMatrix, adviceMatrix, refinedMatrix, oracleMatrix)
    let curve = biases.indices.map { matrix(turningUpTo: $0).meanIntersectionOverUnion }
    return MergeRecord(
      step: step, family: family, cell: cell, knowledge: knowledge, advice: advice, split: split, images: images,
      badSamples: badSamples,
      adviceShare: adviceShares / Double(max(images, 1)), choice: choice.reduce(into: Choice()) { $0 += $1 },
      choiceByClass: choice,
      adviceTrue: adviceTrue, adviceFalse: adviceFalse, knowledgeIoU: k.intersectionOverUnion,
      adviceIoU: a.intersectionOverUnion,
      refinedIoU: d.intersectionOverUnion, oracleIoU: best.intersectionOverUnion,
      knowledgeMean: k.meanIntersectionOverUnion,
      adviceMean: a.meanIntersectionOverUnion, refinedMean: d.meanIntersectionOverUnion,
      oracleMean: best.meanIntersectionOverUnion,
      knowledgeDifference: knowledgeDifference.calibration(groups: 10),
      adviceDifference: adviceDifference.calibration(groups: 10),
      confidence: confidence.calibration(groups: 24),
      bias: .init(
        own: Double(parameters.seedBias.difference), biases: biases.map(Double.init), means: curve,
        agreement: differing == 0 ? nil : Double(agreeing) / Double(differing)))
  }
}

extension Tensor {
  /// The logit of a stored probability; 0 and 1, to which half precision rounds, stand for about 17 on either side.
  static func logit(of probability: Float) -> Float {
    let p = min(max(probability, 5e-8), 1 - 5.96e-8)
    return logf(p) - logf(1 - p)
  }
}
