import Foundation

/// A learning rate that depends on how far training has come.
public protocol Schedule: Sendable {
  /// The rate of step `step`, 0 <= step < total, of a training of `total` steps.
  func rate(step: Int, of total: Int) -> Double
}

/// base (1 - step / total)^power: the CAM classifier's and AffinityNet's, power 0.9.
public struct PolySchedule: Schedule, Hashable {
  public var base: Double
  public var power: Double

  public init(base: Double, power: Double = 0.9) {
    self.base = base
    self.power = power
  }

  /// 0 from `total` on.
  public func rate(step: Int, of total: Int) -> Double {
    total > 0 ? base * pow(max(0, 1 - Double(step) / Double(total)), power) : base
  }
}

/// Half a cosine that falls from `base` to 0 over `rampDown` epochs, more than are trained, so that the last steps
/// still move: base/2 (cos(pi (epoch + step / steps) / rampDown) + 1). The static and dynamic stages' schedule.
public struct CosineSchedule: Schedule, Hashable {
  public var base: Double
  /// Number of epochs that are trained.
  public var epochs: Int
  /// Number of epochs after which the rate would be 0.
  public var rampDown: Int

  /// `rampDown` = floor(stretch epochs). Precondition: at least 1.
  public init(base: Double, epochs: Int, stretch: Double = 1.2) {
    self.init(base: base, epochs: epochs, rampDown: Int(stretch * Double(epochs)))
  }

  public init(base: Double, epochs: Int, rampDown: Int) {
    precondition(rampDown >= 1, "a ramp over \(rampDown) epochs")
    self.base = base
    self.epochs = epochs
    self.rampDown = rampDown
  }

  /// The rate of step `step` of `steps` in epoch `epoch`, all counted from 0; 0 once `rampDown` epochs are over.
  public func rate(epoch: Int, step: Int, of steps: Int) -> Double {
    rate(position: Double(epoch) + Double(step) / Double(steps))
  }

  public func rate(step: Int, of total: Int) -> Double {
    rate(position: total > 0 ? Double(step) / Double(total) * Double(epochs) : 0)
  }

  private func rate(position: Double) -> Double {
    base * 0.5 * (cos(.pi * min(position / Double(rampDown), 1)) + 1)
  }
}
