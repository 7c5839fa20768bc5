import Tensors

/// The pairs of cells whose affinity is looked at: every cell with those ahead of it, in reading order, at a distance
/// below `radius` (PSA, section 3.2).
///
/// Offsets are ordered as the reference orders them: first (0, 1)...(0, r - 1), then for dy = 1...r - 1 and dx = -(r -
/// 1)...r - 1 those with dx^2 + dy^2 < r^2; 34 for r = 5. A pair starts only at cells from which all offsets stay
/// inside: rows 0..<h - (r - 1), columns r - 1..<w - (r - 1). Cells nearer to the other borders take part as ends of
/// pairs alone.
public struct AffinityPairs: Sendable, Hashable {
  /// A step of `dy` rows and `dx` columns.
  public typealias Offset = CellPairs.Offset

  public let radius: Int
  public let offsets: [Offset]

  /// - Parameter radius: >= 1 (precondition); 1 has no pairs.
  public init(radius: Int = 5) {
    precondition(radius >= 1, "a radius of \(radius)")
    self.radius = radius
    var offsets = (1..<max(radius, 1)).map { Offset(dy: 0, dx: $0) }
    for dy in 1..<max(radius, 1) {
      for dx in 1 - radius..<radius where dx * dx + dy * dy < radius * radius { offsets.append(Offset(dy: dy, dx: dx)) }
    }
    self.offsets = offsets
  }

  /// These pairs for a map of `height` x `width` cells: where a side is below 2 radius + 1, the radius is (smaller side
  /// - 1) / 2 instead, at least 1.
  public func fitting(height: Int, width: Int) -> AffinityPairs {
    let side = min(height, width)
    return side < 2 * radius + 1 ? AffinityPairs(radius: max(1, (side - 1) / 2)) : self
  }

  /// The rows and columns at which pairs start; either may be empty.
  public func starts(height: Int, width: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let reach = radius - 1
    return (0..<max(0, height - reach), reach..<max(reach, width - reach))
  }

  /// The number of starting cells, n: the last axis of everything that is kept per pair.
  public func startCount(height: Int, width: Int) -> Int {
    let (rows, columns) = starts(height: height, width: width)
    return rows.count * columns.count
  }
}
