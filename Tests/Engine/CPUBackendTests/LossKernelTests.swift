import CPUBackend
import Foundation
import Foundations
import LabelMasks
import Tensors
import Testing

/// Losses, balances, candidates, pairs of cells and dropout, each against its definition.
@Suite("Losses and what goes with them, against their definitions")
struct LossKernelTests {
  static let kernels = [CPUKernels(threads: 1), CPUKernels(threads: 3)]

  private let labels = LabelMask(batch: 2, height: 2, width: 3, labels: [0, 3, 255, 1, 2, 0, 255, 255, 1, 1, 3, 2])

  /// softmax of one pixel's channels in double precision.
  private func softmax(_ x: Tensor, _ n: Int, _ y: Int, _ column: Int, among channels: [Int]) -> [Int: Double] {
    let powers = channels.map { exp(Double(x[n, $0, y, column])) }
    return Dictionary(uniqueKeysWithValues: zip(channels, powers.map { $0 / powers.reduce(0, +) }))
  }

  @Test("cross entropy and its gradient")
  func crossEntropy() {
    let logits = noise([2, 4, 2, 3], "logits")
    var sum = 0.0
    var gradient = Tensor(zeros: logits.shape)
    for n in 0..<2 {
      for y in 0..<2 {
        for x in 0..<3 where labels[n, y, x] != LabelMask.void {
          let p = softmax(logits, n, y, x, among: [0, 1, 2, 3]), label = Int(labels[n, y, x])
          sum -= log(p[label] ?? 0)
          for c in 0..<4 { gradient[n, c, y, x] = Float(0.7 * ((p[c] ?? 0) - (c == label ? 1 : 0))) }
        }
      }
    }
    for kernels in Self.kernels {
      #expect(abs(kernels.crossEntropySum(logits, labels: labels, ignoring: 255) - sum) < 1e-5)
      let found = kernels.crossEntropyGradient(logits, labels: labels, ignoring: 255, factor: 0.7)
      expectClose(found, gradient, 1e-6)
    }
  }

  @Test("another index than 255 may be the one that is left out")
  func otherVoid() {
    let logits = noise([1, 2, 1, 2], "logits")
    let some = LabelMask(batch: 1, height: 1, width: 2, labels: [0, 1])
    let kernels = Self.kernels[0]
    let both = kernels.crossEntropySum(logits, labels: some, ignoring: 255)
    let one = kernels.crossEntropySum(logits, labels: some, ignoring: 1)
    #expect(one > 0 && one < both)
    #expect(kernels.crossEntropyGradient(logits, labels: some, ignoring: 1, factor: 1)[0, 0, 0, 1] == 0)
  }

  @Test("binary cross entropy and its gradient, with weights and without, far logits too", arguments: [true, false])
  func binaryCrossEntropy(isWeighted: Bool) {
    let logits = Tensor([6], [0.3, -1.2, 2, 0, 200, -200])
    let targets = Tensor([6], [1, 0, 0.25, 1, 0, 1])
    let weights = isWeighted ? Tensor([6], [1, 0.5, 2, 0, 0.25, 1]) : nil
    let w = weights?.values ?? [Float](repeating: 1, count: 6)
    var sum = 0.0
    let gradient = (0..<6).map { i -> Float in
      let (x, t) = (Double(logits[i]), Double(targets[i]))
      // Where the logistic function rounds to 0 or 1, its logarithm is that of the smaller of the two.
      let far = abs(x) > 100
      let (log1, log0) = far ? (min(x, 0), min(-x, 0)) : (-log(1 + exp(-x)), -log(1 + exp(x)))
      sum -= Double(w[i]) * (t * log1 + (1 - t) * log0)
      return Float(3 * Double(w[i]) * (1 / (1 + exp(-x)) - t))
    }
    for kernels in Self.kernels {
      #expect(abs(kernels.binaryCrossEntropySum(logits, targets: targets, weights: weights) - sum) < 1e-5)
      let found = kernels.binaryCrossEntropyGradient(logits, targets: targets, weights: weights, factor: 3)
      expectClose(found, Tensor([6], gradient), 1e-6)
    }
  }

  @Test("an element of weight 0 counts nothing, even where its logit is not a number")
  func weightlessElements() {
    let (logits, targets) = (Tensor([2], [.nan, 1]), Tensor([2], [1, 1]))
    let weights = Tensor([2], [0, 1])
    let kernels = Self.kernels[0]
    #expect(abs(kernels.binaryCrossEntropySum(logits, targets: targets, weights: weights) - log(1 + exp(-1.0))) < 1e-6)
    let gradient = kernels.binaryCrossEntropyGradient(logits, targets: targets, weights: weights, factor: 1)
    #expect(gradient[0] == 0 && gradient[1].isFinite)
  }

  @Test("logarithms of probabilities or their complements", arguments: [true, false])
  func logLoss(complement: Bool) {
    let probabilities = Tensor([4], [0.1, 0.9, 0, 1])
    let weights = Tensor([4], [1, 2, 0, 0.5])
    func loss(_ p: Tensor) -> Double {
      zip(p.values, weights.values).reduce(0) { sum, item in
        sum - Double(item.1) * log((complement ? 1 - Double(item.0) : Double(item.0)) + 1e-2)
      }
    }
    let kernels = Self.kernels[0]
    let sum = kernels.logLossSum(probabilities, weights: weights, complement: complement, epsilon: 1e-2)
    #expect(abs(sum - loss(probabilities)) < 1e-5)
    let gradient = kernels.logLossGradient(
      probabilities, weights: weights, complement: complement, epsilon: 1e-2, factor: 0.5)
    let expected = zip(probabilities.values, weights.values).map { p, w -> Float in
      complement ? 0.5 * w / (1 - p + 1e-2) : -0.5 * w / (p + 1e-2)
    }
    expectClose(gradient, Tensor([4], expected), 1e-4)
  }

  @Test("zeros and ones of each sample, and their weights")
  func balances() {
    let x = Tensor([2, 4], [0, 1, 1, 0.5, 0, 0, 0, 1])
    let kernels = Self.kernels[0]
    #expect(kernels.zerosAndOnes(x) == [ZerosAndOnes(zeros: 1, ones: 2), ZerosAndOnes(zeros: 3, ones: 1)])
    #expect(
      kernels.weightsOfZerosAndOnes(x, zeros: [2, 3], ones: [5, 7]).values == [2, 5, 5, 0, 3, 3, 3, 7])
  }

  @Test("the first element that is no number")
  func finiteness() {
    let kernels = Self.kernels[0]
    #expect(kernels.firstNonFinite(Tensor([3], [1, -2, 3])) == nil)
    #expect(kernels.firstNonFinite(Tensor([3], [1, -.infinity, .nan])) == -.infinity)
    #expect(kernels.firstNonFinite(Tensor([2], [.nan, 1]))?.isNaN == true)
  }

  @Test("candidates alone win, share the softmax and are added to")
  func candidates() {
    let x = noise([2, 4, 2, 3], "scores")
    let candidates = [[0, 2], [3, 1, 0]]
    let kernels = Self.kernels[0]
    let winners = kernels.argMax(x, among: candidates)
    let shares = kernels.softmax(x, among: candidates, temperature: 0.5)
    let sums = kernels.adding(0.25, to: x, among: candidates)
    for (n, channels) in candidates.enumerated() {
      for y in 0..<2 {
        for column in 0..<3 {
          let best = channels.max { x[n, $0, y, column] < x[n, $1, y, column] }
          #expect(Int(winners[n, y, column]) == best)
          let p = softmax(kernels.scaled(x, by: 2), n, y, column, among: channels)
          for c in 0..<4 {
            #expect(abs(Double(shares[n, c, y, column]) - (p[c] ?? 0)) < 1e-6)
            #expect(sums[n, c, y, column] == (channels.contains(c) ? x[n, c, y, column] + 0.25 : 0))
          }
        }
      }
    }
    #expect(kernels.argMax(Tensor(zeros: [1, 3, 1, 1]), among: [[2, 0]]).labels == [2])
  }

  private let pairs = CellPairs(
    offsets: [CellPairs.Offset(dy: 0, dx: 1), CellPairs.Offset(dy: 1, dx: -1), CellPairs.Offset(dy: 2, dx: 0)],
    rows: 1..<3, columns: 1..<4, height: 5, width: 6)

  private func naiveAffinities(_ x: Tensor) -> Tensor {
    var values: [Float] = []
    for n in 0..<x.shape[0] {
      for offset in pairs.offsets {
        for row in pairs.rows {
          for column in pairs.columns {
            let distance = (0..<x.shape[1]).reduce(0.0) {
              $0 + abs(Double(x[n, $1, row + offset.dy, column + offset.dx]) - Double(x[n, $1, row, column]))
            }
            values.append(Float(exp(-distance / Double(x.shape[1]))))
          }
        }
      }
    }
    return Tensor([x.shape[0], pairs.offsets.count, pairs.startCount], values)
  }

  @Test("affinities of pairs, and their gradient by finite differences")
  func affinities() {
    let x = noise([2, 3, 5, 6], "features")
    let expected = naiveAffinities(x)
    let upstream = noise(expected.shape, "upstream")
    let slopes = numericGradient(x, step: 1e-3) { dot(naiveAffinities($0), upstream) }
    for kernels in Self.kernels {
      let found = kernels.affinities(x, pairs: pairs)
      expectClose(found, expected, 1e-6)
      let gradient = kernels.affinityGradient(x, pairs: pairs, affinities: found, upstream: upstream)
      expectClose(gradient, slopes, 2e-3)
    }
  }

  @Test("equal features have affinity 1 and no gradient")
  func equalFeatures() {
    let x = Tensor(repeating: 0.3, [1, 2, 5, 6])
    let kernels = Self.kernels[0]
    let found = kernels.affinities(x, pairs: pairs)
    #expect(found == Tensor(repeating: 1, found.shape))
    let gradient = kernels.affinityGradient(x, pairs: pairs, affinities: found, upstream: found)
    #expect(gradient == Tensor(zeros: x.shape))
  }

  @Test("a statistic follows those of batches")
  func following() {
    var running = Tensor([2], [1, 4])
    let before = running
    Self.kernels[0].follow(Tensor([2], [3, 2]), with: &running, share: 0.25, correction: 2)
    // 0.75 * 1 + 0.25 * 2 * 3 and 0.75 * 4 + 0.25 * 2 * 2.
    #expect(running.values == [2.25, 4])
    #expect(before.values == [1, 4])
  }

  @Test("each sample's dropout factors come from its own generator")
  func dropout() {
    let generators = (0..<3).map { SeededGenerator(seed: 5, "dropout", "\($0)") }
    let kernels = Self.kernels[0]
    let factors = kernels.dropoutFactors(generators, channels: 200, rate: 0.25)
    #expect(factors.shape == [3, 200] && Set(factors.values) == [0, Float(1) / 0.75])
    let dropped = factors.values.count { $0 == 0 }
    #expect((90...210).contains(dropped), "\(dropped) of 600 at rate 0.25")
    let alone = kernels.dropoutFactors([generators[1]], channels: 200, rate: 0.25)
    #expect(alone == factors.batch(1..<2))
  }
}
