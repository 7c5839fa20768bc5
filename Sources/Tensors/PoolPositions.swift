/// Where the maxima of a pooling were: for each output the position, row * width + column, within its input plane.
public struct PoolPositions: Sendable {
  /// Number of positions: that of the outputs.
  public let count: Int
  private let storage: Storage

  /// The memory that `body` gets is uninitialised; it must write `count` positions.
  init(count: Int, filling body: (UnsafeMutablePointer<Int32>) -> Void) {
    self.count = count
    storage = Storage(count: count)
    storage.base.withMemoryRebound(to: Int32.self, capacity: max(count, 1), body)
  }

  /// A copy of all positions.
  public var values: [Int32] { read { Array(UnsafeBufferPointer(start: $0, count: count)) } }

  /// The first position, valid only within `body`.
  func read<R>(_ body: (UnsafePointer<Int32>) -> R) -> R {
    withExtendedLifetime(storage) {
      storage.base.withMemoryRebound(to: Int32.self, capacity: max(count, 1)) { body(UnsafePointer($0)) }
    }
  }
}
