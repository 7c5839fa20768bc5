import Foundation
import Foundations
import LabelMasks
import Tensors

/// The image-level labels of a batch: for each sample the classes that may occur in its mask, background (0) always
/// among them.
public struct PresentLabels: Sendable, Equatable {
  /// Number of classes with background.
  public let classes: Int
  /// For each sample its class indices, ascending, starting with 0.
  public let samples: [[Int]]

  /// - Parameters:
  ///   - foreground: for each sample its classes in 1..<classes, in any order; repetitions and 0 do no harm.
  ///   - classes: number of classes with background.
  /// - Throws: `Failure(.data)` for a class out of range.
  public init(_ foreground: [[Int]], classes: Int) throws {
    for (index, sample) in foreground.enumerated() {
      if let wrong = sample.first(where: { !(0..<classes).contains($0) }) {
        throw Failure(
          .data, expected: "classes from 0 to \(classes - 1)", found: "\(wrong)", item: "labels of sample \(index)")
      }
    }
    self.init(samples: foreground.map { Set($0 + [0]).sorted() }, classes: classes)
  }

  private init(samples: [[Int]], classes: Int) {
    self.samples = samples
    self.classes = classes
  }

  public var count: Int { samples.count }

  /// Samples `range`. Precondition: within the batch.
  public func batch(_ range: Range<Int>) -> PresentLabels {
    PresentLabels(samples: Array(samples[range]), classes: classes)
  }
}

/// p restricted to present labels: (p + floor) for classes of the sample's labels, 0 for others.
///
/// The floor keeps every present class above every absent one. Not normalised.
///
/// - Parameters:
///   - probabilities: (N, classes, h, w), a softmax.
///   - present: N samples.
public func restricted(
  _ probabilities: Tensor, to present: PresentLabels, floor: Float, kernels: any Kernels
) -> Tensor {
  present.requireClasses(of: probabilities)
  return kernels.adding(floor, to: probabilities, among: present.samples)
}

/// The softmax over the present classes alone, 0 for the others: what the CRF inside training gets.
///
/// - Parameters:
///   - logits: (N, classes, h, w).
///   - present: N samples.
///   - temperature: logits are divided by it first; above 0 (precondition).
public func softmax(
  _ logits: Tensor, among present: PresentLabels, temperature: Float = 1, kernels: any Kernels
) -> Tensor {
  present.requireClasses(of: logits)
  return kernels.softmax(logits, among: present.samples, temperature: temperature)
}

/// p^(1 / temperature), normalised over the maps: what a softmax of the logits divided by the temperature would be.
///
/// - Parameters:
///   - probabilities: (k, h, w), not negative; a pixel where all are 0 stays so.
///   - temperature: above 0 (precondition); 1 gives the probabilities as they are.
public func tempered(_ probabilities: Tensor, temperature: Float) -> Tensor {
  precondition(temperature > 0 && probabilities.shape.rank == 3, "\(probabilities.shape) at temperature \(temperature)")
  if temperature == 1 { return probabilities }
  let (count, area) = (probabilities.shape[0], probabilities.shape[1] * probabilities.shape[2])
  var values = probabilities.values.map { pow($0, 1 / temperature) }
  for i in 0..<area {
    let sum = (0..<count).reduce(Float(0)) { $0 + values[$1 * area + i] }
    if sum > 0 { for k in 0..<count { values[k * area + i] /= sum } }
  }
  return Tensor(probabilities.shape, values)
}

extension PresentLabels {
  /// Precondition: the tensor is (N, classes, h, w) for N samples.
  fileprivate func requireClasses(of tensor: Tensor) {
    let (batch, classes, _) = planes(tensor)
    precondition(batch == count && classes == self.classes, "labels of \(count) samples for \(tensor.shape)")
  }
}

func planes(_ tensor: Tensor) -> (batch: Int, channels: Int, area: Int) {
  precondition(tensor.shape.rank == 4, "expected batch x channels x height x width, found \(tensor.shape)")
  return (tensor.shape[0], tensor.shape[1], tensor.shape[2] * tensor.shape[3])
}
