import LabelMasks
import NeuralNet
import Tensors

/// The label of each cell for AffinityNet's training, from two opinions on the background (PSA, section 3.2.1): with
/// the low power the background is large, so what is still a class is one with confidence; with the high power it is
/// small, so what is still background is that with confidence.
///
/// A cell is 0 where the high-power scores say background, else the class of the low-power scores, else, where these
/// say background, void; and void where no score reaches 1e-5 (the padding outside of an image).
///
/// - Parameters:
///   - low, high: (1 + classes, h, w) scores with the background first, of equal shape; see `pooledScores`.
/// - Returns: indices of the channels, 255 for void.
public func affinityLabels(low: Tensor, high: Tensor, kernels: any Kernels) -> LabelMask {
  let shape = low.shape
  precondition(
    shape.rank == 3 && shape[0] >= 1 && high.shape == shape, "scores of the shapes \(shape) and \(high.shape)")
  let area = shape[1] * shape[2]
  let channels = Array(0..<shape[0])
  func decided(_ scores: Tensor) -> (labels: [UInt8], best: [Float]) {
    let labels = kernels.argMax(ClassScores(values: scores, labels: channels)).labels
    let values = scores.values
    return (labels, labels.indices.map { values[Int(labels[$0]) * area + $0] })
  }
  let (low, high) = (decided(low), decided(high))
  let labels = (0..<area).map { cell -> UInt8 in
    if max(low.best[cell], high.best[cell]) < 1e-5 { return LabelMask.void }
    if high.labels[cell] == 0 { return 0 }
    return low.labels[cell] != 0 ? low.labels[cell] : LabelMask.void
  }
  return LabelMask(batch: 1, height: shape[1], width: shape[2], labels: labels)
}

/// What each pair of cells should be, and how many pairs there are of each kind.
public struct AffinityTargets: Sendable {
  /// Pairs a mean is taken over. Of a whole batch: the denominators for its micro-batches.
  public struct Counts: StepCounts, Hashable {
    public var background: Int
    public var foreground: Int
    public var negative: Int

    public init(background: Int, foreground: Int, negative: Int) {
      self.background = background
      self.foreground = foreground
      self.negative = negative
    }

    public init(numbers: [Int]) { self.init(background: numbers[0], foreground: numbers[1], negative: numbers[2]) }
    public var numbers: [Int] { [background, foreground, negative] }
  }

  /// 1 where both cells are background, else 0: (N, offsets, n).
  public let background: Tensor
  /// 1 where both cells are of one class: (N, offsets, n).
  public let foreground: Tensor
  /// 1 where both cells have labels and these differ: (N, offsets, n).
  public let negative: Tensor
  public let counts: Counts

  /// Pairs with a void cell are of no kind.
  public init(_ labels: LabelMask, pairs: AffinityPairs = AffinityPairs()) {
    let (rows, columns) = pairs.starts(height: labels.height, width: labels.width)
    var kinds: [UInt8] = []
    kinds.reserveCapacity(labels.batch * pairs.offsets.count * rows.count * columns.count)
    for n in 0..<labels.batch {
      for offset in pairs.offsets {
        for y in rows {
          for x in columns { kinds.append(Self.kind(labels[n, y, x], labels[n, y + offset.dy, x + offset.dx])) }
        }
      }
    }
    let shape: Shape = [labels.batch, pairs.offsets.count, rows.count * columns.count]
    func indicator(_ kind: UInt8) -> Tensor { Tensor(shape, kinds.map { $0 == kind ? 1 : 0 }) }
    func count(_ kind: UInt8) -> Int { kinds.reduce(0) { $0 + ($1 == kind ? 1 : 0) } }
    (background, foreground, negative) = (indicator(1), indicator(2), indicator(3))
    counts = Counts(background: count(1), foreground: count(2), negative: count(3))
  }

  private static func kind(_ a: UInt8, _ b: UInt8) -> UInt8 {
    if a == LabelMask.void || b == LabelMask.void { return 0 }
    return a != b ? 3 : a == 0 ? 1 : 2
  }
}
