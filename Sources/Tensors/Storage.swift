/// A block of floats, given back with its last reference.
///
/// Written only by its single owner (`Tensor` copies it before writing when it is shared), hence unchecked.
package final class Storage: @unchecked Sendable {
  package let base: UnsafeMutablePointer<Float>
  package let count: Int
  private let block: MemoryPool.Block

  /// Uninitialised, aligned to 64 bytes.
  package init(count: Int) {
    self.count = count
    block = MemoryPool.shared.take(bytes: max(count, 1) * MemoryLayout<Float>.stride)
    base = block.base.bindMemory(to: Float.self, capacity: max(count, 1))
  }

  deinit { MemoryPool.shared.giveBack(block) }
}
