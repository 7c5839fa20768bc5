import NeuralNet
import Tensors

/// AffinityNet's loss, L = bg / 4 + fg / 4 + neg / 2 (PSA, Eq. 5), and its three terms: means over their kind of pairs
/// of -log(a + 1e-5) for pairs that belong together and -log(1 + 1e-5 - a) for the others. A kind without pairs counts
/// 0.
public struct AffinityLoss {
  /// Scalars, each with its gradient.
  public let total: Variable
  public let background: Variable
  public let foreground: Variable
  public let negative: Variable

  /// - Parameters:
  ///   - affinities: (N, offsets, n), of `affinities(_:pairs:)`.
  ///   - targets: of the same shape.
  ///   - counts: denominators, by default those of `targets`. With those of the whole batch the losses of its
  ///     micro-batches add up to its loss.
  public init(_ affinities: Variable, _ targets: AffinityTargets, counts: AffinityTargets.Counts? = nil) {
    precondition(
      affinities.shape == targets.background.shape,
      "affinities are \(affinities.shape), targets \(targets.background.shape)")
    let counts = counts ?? targets.counts
    // The reference adds 1e-5 to each count, which keeps a mean over nothing from being 0 / 0.
    func term(_ weights: Tensor, _ count: Int, complement: Bool) -> Variable {
      meanLogLoss(
        affinities, weights: weights, complement: complement, epsilon: 1e-5, denominator: Double(count) + 1e-5)
    }
    background = term(targets.background, counts.background, complement: false)
    foreground = term(targets.foreground, counts.foreground, complement: false)
    negative = term(targets.negative, counts.negative, complement: true)
    total = background * 0.25 + foreground * 0.25 + negative * 0.5
  }
}
