import CPUBackend
import Foundations
import NeuralNet
import Tensors

/// Ends a training that learns nothing: one in which a whole epoch goes by without a single target.
///
/// Not thread-safe: the training's own thread reports.
public final class TargetWatch {
  private let what: String
  /// Whether the epoch at hand was watched from its first update on: a training that is resumed may begin in its
  /// middle.
  private var isWhole = false
  private var hasTarget = false

  /// - Parameter what: what counts as a target, in the plural: "labelled cells".
  public init(_ what: String) { self.what = what }

  /// Takes note of an update.
  ///
  /// - Parameters:
  ///   - kernels: a rehearsal, which computes with others than `CPUKernels`, does not count.
  ///   - isTarget: whether the batch has a target.
  /// - Throws: `Failure(.data)` after the last update of an epoch that had none.
  public func note(_ position: TrainingPosition, kernels: any Kernels, isTarget: @autoclosure () -> Bool) throws {
    guard kernels is CPUKernels else { return }
    if position.stepInEpoch == 0 { (isWhole, hasTarget) = (true, false) }
    if !hasTarget { hasTarget = isTarget() }
    let isLast = position.stepInEpoch == position.plan.stepsPerEpoch - 1 || position.step == position.plan.steps - 1
    if isLast, isWhole, !hasTarget {
      throw Failure(.data, "there is nothing to train on: no \(what) in epoch \(position.epoch + 1)")
    }
  }
}
