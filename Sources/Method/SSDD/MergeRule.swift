import LabelMasks
import Tensors

/// M^{K,A}: 1 where two masks differ, 0 where they are equal, void where either is void (the complement of Eq. 1 as
/// printed).
public func differenceMask(_ first: LabelMask, _ second: LabelMask) -> LabelMask {
  requireSameSize(first, second)
  var result = first
  for i in first.labels.indices {
    let (a, b) = (first.labels[i], second.labels[i])
    result.labels[i] = a == LabelMask.void || b == LabelMask.void ? LabelMask.void : a == b ? 0 : 1
  }
  return result
}

/// For each sample and class, whether the class guard holds the knowledge against the advice.
public struct ClassFlags: Sendable, Equatable {
  public let batch: Int
  /// Number of classes with background.
  public let classes: Int
  /// batch * classes values in C order.
  public let flags: [Bool]

  /// Precondition: `flags.count == batch * classes`.
  public init(batch: Int, classes: Int, flags: [Bool]) {
    precondition(flags.count == batch * classes, "\(flags.count) flags for \(batch)x\(classes)")
    self.batch = batch
    self.classes = classes
    self.flags = flags
  }

  /// Nothing flagged.
  public init(none batch: Int, classes: Int) {
    self.init(batch: batch, classes: classes, flags: [Bool](repeating: false, count: batch * classes))
  }

  public subscript(n: Int, c: Int) -> Bool { flags[n * classes + c] }

  /// A bad sample has any flagged foreground class; no DD loss is taken from it.
  public func isBad(_ n: Int) -> Bool { (1..<classes).contains { self[n, $0] } }

  /// `isBad` of each sample.
  public var badSamples: [Bool] { (0..<batch).map(isBad) }
}

/// The class guard (paper, end of section 4.1): a present foreground class is flagged where its pixels shrink from
/// knowledge to advice below `threshold`, |m^A = c| / max(1, |m^K = c|) < threshold. Exactly `threshold` is not
/// flagged; background never is.
///
/// - Parameters:
///   - present: the classes that can be flagged.
///   - absentClassIsBad: whether a class that neither mask contains (0 / 1) is flagged.
public func ignoreFlags(
  knowledge: LabelMask, advice: LabelMask, present: PresentLabels, threshold: Float = 0.5,
  absentClassIsBad: Bool = true
) -> ClassFlags {
  requireSameSize(knowledge, advice)
  precondition(present.count == knowledge.batch, "labels of \(present.count) samples for \(knowledge.batch) masks")
  let before = pixelCounts(knowledge, classes: present.classes)
  let after = pixelCounts(advice, classes: present.classes)
  var flags = [Bool](repeating: false, count: before.count)
  for (n, labels) in present.samples.enumerated() {
    for label in labels where label > 0 {
      let i = n * present.classes + label
      let isAbsent = before[i] == 0 && after[i] == 0
      let ratio = Float(after[i]) / Float(max(1, before[i]))
      flags[i] = ratio < threshold && (absentClassIsBad || !isAbsent)
    }
  }
  return ClassFlags(batch: present.count, classes: present.classes, flags: flags)
}

/// Adds the class dependent part of bias_u to w: the background bias and the class guard.
///
/// `bias.background` is subtracted where the knowledge is background and added where the advice is; `bias.flaggedClass`
/// likewise where they are a flagged class.
///
/// - Parameter confidence: (N, 1, h, w).
public func addClassWeights(
  _ confidence: Tensor, knowledge: LabelMask, advice: LabelMask, flags: ClassFlags, bias: MergeBias
) -> Tensor {
  requireSameSize(knowledge, advice)
  precondition(flags.batch == knowledge.batch, "flags of \(flags.batch) samples for \(knowledge.batch) masks")
  let area = knowledge.height * knowledge.width
  func isFlagged(_ label: UInt8, _ i: Int) -> Bool { label != LabelMask.void && flags[i / area, Int(label)] }
  var w = confidence.values
  for i in w.indices {
    let (k, a) = (knowledge.labels[i], advice.labels[i])
    if k == 0 { w[i] -= bias.background }
    if a == 0 { w[i] += bias.background }
    if isFlagged(k, i) { w[i] -= bias.flaggedClass }
    if isFlagged(a, i) { w[i] += bias.flaggedClass }
  }
  return Tensor(confidence.shape, w)
}

/// w of Eq. 3: d^K - d^A + bias_u. Where it is at least 0 the advice is taken.
///
/// - Parameters:
///   - knowledge, advice: the masks, (N, h, w).
///   - knowledgeDifference: d^K, the probability given the knowledge that it differs from the advice, (N, 1, h, w).
///   - adviceDifference: d^A, given the advice.
///   - flags: of the class guard.
/// - Returns: (N, 1, h, w).
public func confidence(
  knowledge: LabelMask, advice: LabelMask, knowledgeDifference: Tensor, adviceDifference: Tensor, bias: MergeBias,
  flags: ClassFlags
) -> Tensor {
  let (dK, dA) = (knowledgeDifference.values, adviceDifference.values)
  precondition(
    dK.count == knowledge.labels.count && dA.count == dK.count,
    "d maps \(knowledgeDifference.shape) for the masks' size")
  let raw = zip(dK, dA).map { $0 - $1 + bias.difference }
  return addClassWeights(
    Tensor(knowledgeDifference.shape, raw), knowledge: knowledge, advice: advice, flags: flags, bias: bias)
}

/// m^D of Eq. 4: the advice where w >= 0, else the knowledge; void where either is void.
public func refine(knowledge: LabelMask, advice: LabelMask, confidence: Tensor) -> LabelMask {
  requireSameSize(knowledge, advice)
  let w = confidence.values
  var result = knowledge
  for i in w.indices {
    if advice.labels[i] == LabelMask.void {
      result.labels[i] = LabelMask.void
    } else if w[i] >= 0, knowledge.labels[i] != LabelMask.void {
      result.labels[i] = advice.labels[i]
    }
  }
  return result
}

/// The SSDD module on given d maps (Eqs. 3 to 5): flags, w and m^D at once.
public struct MergedMasks: Sendable {
  public let flags: ClassFlags
  /// w, (N, 1, h, w).
  public let confidence: Tensor
  /// m^D.
  public let refined: LabelMask

  /// d maps as in `confidence(knowledge:advice:...)`.
  public init(
    knowledge: LabelMask, advice: LabelMask, knowledgeDifference: Tensor, adviceDifference: Tensor,
    present: PresentLabels,
    bias: MergeBias, parameters: SSDDParameters
  ) {
    flags = ignoreFlags(
      knowledge: knowledge, advice: advice, present: present, threshold: parameters.shrinkThreshold,
      absentClassIsBad: parameters.absentClassIsBad)
    confidence = SSDD.confidence(
      knowledge: knowledge, advice: advice, knowledgeDifference: knowledgeDifference,
      adviceDifference: adviceDifference, bias: bias,
      flags: flags)
    refined = refine(knowledge: knowledge, advice: advice, confidence: confidence)
  }

  /// m^D0 from stored d maps, decided as `parameters.seedDecision` says, with `parameters.seedBias`.
  public init(
    seedsFrom knowledge: LabelMask, advice: LabelMask, knowledgeDifference: Tensor, adviceDifference: Tensor,
    present: PresentLabels,
    parameters: SSDDParameters
  ) {
    let isExchanged = parameters.seedDecision == .asCode
    self.init(
      knowledge: knowledge, advice: advice, knowledgeDifference: isExchanged ? adviceDifference : knowledgeDifference,
      adviceDifference: isExchanged ? knowledgeDifference : adviceDifference, present: present,
      bias: parameters.seedBias,
      parameters: parameters)
  }
}

/// Share of pixels with a foreground class among those that are not void; 0 if all are.
package func foregroundShare(_ masks: LabelMask) -> Double {
  let (foreground, valid) = foregroundCounts(masks)
  return Double(foreground) / Double(max(1, valid))
}

func foregroundCounts(_ masks: LabelMask) -> (foreground: Int, valid: Int) {
  masks.labels.reduce(into: (foreground: 0, valid: 0)) { counts, label in
    guard label != LabelMask.void else { return }
    counts.valid += 1
    if label > 0 { counts.foreground += 1 }
  }
}

/// Pixels of each class in each sample, batch * classes numbers.
private func pixelCounts(_ masks: LabelMask, classes: Int) -> [Int] {
  var counts = [Int](repeating: 0, count: masks.batch * classes)
  let area = masks.height * masks.width
  for (i, label) in masks.labels.enumerated() where label != LabelMask.void {
    precondition(label < classes, "label \(label) with \(classes) classes")
    counts[i / area * classes + Int(label)] += 1
  }
  return counts
}

private func requireSameSize(_ first: LabelMask, _ second: LabelMask) {
  precondition(
    first.batch == second.batch && first.height == second.height && first.width == second.width,
    "masks of \(first.batch)x\(first.height)x\(first.width) and \(second.batch)x\(second.height)x\(second.width)")
}
