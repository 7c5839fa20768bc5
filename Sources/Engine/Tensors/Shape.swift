/// The lengths of a tensor's axes, outermost first: `[batch, channels, height, width]` for images. An empty shape is
/// a scalar (one element).
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// Lengths, each >= 0.
  public let dimensions: [Int]

  /// Precondition: no length is negative.
  public init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "negative length in shape \(dimensions)")
    self.dimensions = dimensions
  }

  public init(arrayLiteral dimensions: Int...) { self.init(dimensions) }

  /// Number of elements: the product of the lengths, 1 for a scalar.
  public var count: Int { dimensions.reduce(1, *) }

  /// Number of axes.
  public var rank: Int { dimensions.count }

  /// Length of one axis. Precondition: 0 <= axis < rank.
  public subscript(axis: Int) -> Int { dimensions[axis] }

  /// `8x3x320x320`; `scalar` without axes.
  public var description: String { dimensions.isEmpty ? "scalar" : dimensions.map(String.init).joined(separator: "x") }
}

extension Shape {
  /// Number of elements of one row of axis 0. Precondition: rank >= 1.
  package var rowCount: Int { dimensions.dropFirst().reduce(1, *) }

  /// Batch, channels, height and width. Precondition: rank 4.
  package var image: (batch: Int, channels: Int, height: Int, width: Int) {
    precondition(rank == 4, "expected batch x channels x height x width, found \(self)")
    return (dimensions[0], dimensions[1], dimensions[2], dimensions[3])
  }

  /// Batch, channels and the product of all further axes. Precondition: rank >= 2.
  package var planes: (batch: Int, channels: Int, area: Int) {
    precondition(rank >= 2, "expected batch x channels x ..., found \(self)")
    return (dimensions[0], dimensions[1], dimensions.dropFirst(2).reduce(1, *))
  }
}
