/// A block of floats, given back with its last reference.
///
/// Written only by its single owner (`Tensor` copies it before writing when it is shared), hence unchecked.
package final class Storage: @unchecked Sendable {
  package let base: UnsafeMutablePointer<Float>
  package let count: Int
  private let pool: MemoryPool
  private let block: MemoryPool.Block

  /// Aligned to 64 bytes: uninitialised, or zero with `isDry`.
  package init(count: Int, from pool: MemoryPool = .current) {
    self.count = count
    self.pool = pool
    block = pool.take(bytes: max(count, 1) * MemoryLayout<Float>.stride)
    base = block.base.bindMemory(to: Float.self, capacity: max(count, 1))
  }

  /// Whether a computation only goes through the motions here: the memory is zero, and writing what nobody reads
  /// would make it real.
  var isDry: Bool { pool.isDry }

  deinit { pool.giveBack(block) }
}
