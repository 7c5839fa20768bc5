/// Pairs of cells of a feature map: every start cell with the cells at some steps from it.
///
/// For example, `offsets` [(0, 1), (1, 0)] pair each start with its right and its lower neighbour.
public struct CellPairs: Sendable, Hashable {
  /// A step of `dy` rows and `dx` columns.
  public struct Offset: Sendable, Hashable {
    public let dy: Int
    public let dx: Int

    public init(dy: Int, dx: Int) {
      self.dy = dy
      self.dx = dx
    }
  }

  public let offsets: [Offset]
  /// Rows and columns of the start cells. A start and all steps from it lie inside the map.
  public let rows: Range<Int>
  public let columns: Range<Int>

  /// Precondition: all ends of pairs lie in a map of height x width cells.
  public init(offsets: [Offset], rows: Range<Int>, columns: Range<Int>, height: Int, width: Int) {
    if !rows.isEmpty, !columns.isEmpty {
      for offset in offsets + [Offset(dy: 0, dx: 0)] {
        let (ends, across) = (
          rows.lowerBound + offset.dy..<rows.upperBound + offset.dy,
          columns.lowerBound + offset.dx..<columns.upperBound + offset.dx
        )
        precondition(
          ends.lowerBound >= 0 && ends.upperBound <= height && across.lowerBound >= 0 && across.upperBound <= width,
          "pairs from rows \(rows), columns \(columns) by \(offset) leave a map of \(height)x\(width)")
      }
    }
    (self.offsets, self.rows, self.columns) = (offsets, rows, columns)
  }

  /// Number of start cells.
  public var startCount: Int { rows.count * columns.count }
}
