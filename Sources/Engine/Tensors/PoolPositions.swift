/// Where the maxima of a pooling were: for each output the position, row * width + column, within its input plane.
public struct PoolPositions: Sendable {
  /// Number of positions: that of the outputs.
  public let count: Int
  let storage: Storage

  init(count: Int, storage: Storage) {
    self.count = count
    self.storage = storage
  }

  /// A copy of all positions.
  public var values: [Int32] { read { Array(UnsafeBufferPointer(start: $0, count: count)) } }
}
