import Foundation
import Tensors

/// Reusable uninitialised memory for kernels, at most one block a concurrent user.
final class Scratch: @unchecked Sendable {
  private let lock = NSLock()
  private var free: [Storage] = []

  /// Lends `count` floats, aligned to 64 bytes, contents undefined, valid only within `body`.
  func with<R>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> R) rethrows -> R {
    let block = take(count)
    defer { lock.withLock { free.append(block) } }
    return try body(block.base)
  }

  private func take(_ count: Int) -> Storage {
    let block: Storage? = lock.withLock {
      guard let index = free.lastIndex(where: { $0.count >= count }) else {
        // Their memory becomes one gap again, of which the larger block takes a part.
        free.removeAll()
        return nil
      }
      return free.remove(at: index)
    }
    return block ?? Storage(count: count, from: .scratch)
  }
}
