import Foundation
import Tensors

/// The score of the background, (1 - max over classes)^power, put before the scores of the classes (PSA, Eq. 3; power =
/// 16 for seeds, 4 and 32 for the two label maps of AffinityNet: the larger, the less background).
///
/// - Parameters:
///   - scores: (classes, height, width), each in 0...1; larger ones count as 1.
///   - power: > 0; PSA calls it alpha.
/// - Returns: (1 + classes, height, width). Without any class the background is 1 everywhere.
public func withBackground(_ scores: Tensor, power: Float) -> Tensor {
  precondition(scores.shape.rank == 3, "scores have the shape (classes, height, width), not \(scores.shape)")
  precondition(power > 0, "the power must be positive, is \(power)")
  let (classes, height, width) = (scores.shape[0], scores.shape[1], scores.shape[2])
  let area = height * width
  let values = scores.values
  let background = (0..<area).map { i in
    let largest = (0..<classes).reduce(Float(0)) { max($0, values[$1 * area + i]) }
    return pow(max(0, 1 - largest), power)
  }
  return Tensor([classes + 1, height, width], background + values)
}

/// Scores with a constant background in front: background wins where no class reaches `threshold`.
///
/// (k, H, W) to (1 + k, H, W).
public func withConstantBackground(_ scores: Tensor, threshold: Float) -> Tensor {
  let (height, width) = (scores.shape[1], scores.shape[2])
  return Tensor.stacked([Tensor(repeating: threshold, [1, height, width]), scores])
}
