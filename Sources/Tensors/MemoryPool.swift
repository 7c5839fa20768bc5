import Foundation

/// Memory for tensors, kept for reuse: a training step needs the same sizes as the one before, and the page faults of fresh memory cost
/// several times what a simple kernel does.
///
/// Blocks come in classes of eight to the power of two, so that nearly equal sizes share them. What is kept, together with what is in
/// use, stays within an eighth above the most that ever was in use.
final class MemoryPool: @unchecked Sendable {
  struct Block {
    let base: UnsafeMutableRawPointer
    /// Bytes of the block; blocks below `smallest` are not kept.
    let bytes: Int
  }

  static let shared = MemoryPool()

  /// Smaller blocks are left to malloc, which reuses them without returning pages.
  static let smallest = 1 << 16
  /// Blocks from here on are aligned to huge pages, and ask for them.
  private static let hugePage = 1 << 21

  private let lock = NSLock()
  private var free: [Int: [Block]] = [:]
  private var inUse = 0
  private var kept = 0
  private var peak = 0

  /// Uninitialised memory of at least `bytes`, aligned to 64 bytes.
  func take(bytes: Int) -> Block {
    if bytes < Self.smallest { return Self.allocate(bytes) }
    let size = Self.classSize(bytes)
    lock.lock()
    defer { lock.unlock() }
    let block = reuse(size)
    inUse += block?.bytes ?? size
    peak = max(peak, inUse)
    if let block { return block }
    evict()
    return Self.allocate(size)
  }

  /// A kept block of this class or of one of the next two.
  private func reuse(_ size: Int) -> Block? {
    var candidate = size
    for _ in 0..<3 {
      if let block = free[candidate]?.popLast() {
        kept -= candidate
        return block
      }
      candidate = Self.classSize(candidate + 1)
    }
    return nil
  }

  /// Keeps a block that `take` returned.
  func giveBack(_ block: Block) {
    if block.bytes < Self.smallest { return Self.release(block) }
    lock.lock()
    defer { lock.unlock() }
    inUse -= block.bytes
    kept += block.bytes
    free[block.bytes, default: []].append(block)
    evict()
  }

  /// Releases kept blocks, largest first, until kept and used memory are within the bound.
  private func evict() {
    guard inUse + kept > peak + peak / 8 else { return }
    for size in free.keys.sorted(by: >) {
      while inUse + kept > peak + peak / 8, let block = free[size]?.popLast() {
        kept -= size
        Self.release(block)
      }
    }
  }

  /// `bytes` rounded up to a multiple of an eighth of the power of two below it.
  static func classSize(_ bytes: Int) -> Int {
    let step = 1 << (Int.bitWidth - 1 - bytes.leadingZeroBitCount - 3)
    return (bytes + step - 1) / step * step
  }

  private static func allocate(_ bytes: Int) -> Block {
    let isHuge = bytes >= 2 * hugePage
    let base = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: isHuge ? hugePage : 64)
    #if os(Linux)
      if isHuge { madvise(base, bytes / hugePage * hugePage, MADV_HUGEPAGE) }
    #endif
    return Block(base: base, bytes: bytes)
  }

  private static func release(_ block: Block) { block.base.deallocate() }
}
