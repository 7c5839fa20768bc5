import Foundation
import Foundations

/// Memory for tensors, kept for reuse: a training step needs the same sizes as the one before, and the page faults of
/// fresh memory cost several times what a simple kernel does.
///
/// One range of address space, of which the lowest part is real. A block comes from the lowest gap that it fits into,
/// or from above all others; gaps that touch are one. So memory is what once was in use at a time and little more,
/// and a step that was gone through twice finds room for everything. Nothing goes back to the system before the pool
/// does. Tensors take theirs from the pool that is `current` where they are made.
package final class MemoryPool: @unchecked Sendable {
  struct Block {
    let base: UnsafeMutableRawPointer
    let bytes: Int
  }

  /// What a pool has done.
  package struct Statistics: Sendable, Equatable {
    /// Bytes lent, and the most that ever were.
    package var inUse = 0
    package var mostInUse = 0
    /// Bytes that the pool has had from the system: the most that blocks reached up to.
    package var resident = 0
    /// Blocks taken, and those of them for which memory had to come from the system.
    package var taken = 0
    package var fresh = 0
  }

  /// The pool of a computation that goes through the motions: its blocks read as zero and cost no memory until they
  /// are written, but they are lent, kept and counted as any others.
  let isDry: Bool

  @TaskLocal package static var current = MemoryPool()
  /// Scratch memory of kernels lives apart: blocks of it between those of tensors would leave gaps that no tensor
  /// fits into.
  @TaskLocal package static var scratch = MemoryPool()

  /// Smaller blocks are left to malloc, which reuses them without returning pages; they are not counted.
  static let smallest = 1 << 16
  /// Blocks are multiples of this.
  static let grain = 1 << 12

  private let lock = NSLock()
  private let space: AddressSpace
  /// Unused ranges of offsets below `counts.resident`, in order, none touching another.
  private var gaps: [Range<Int>] = []
  private var counts = Statistics()

  package init(isDry: Bool = false) {
    self.isDry = isDry
    space = AddressSpace(isHuge: !isDry)
  }

  package var statistics: Statistics { lock.withLock { counts } }

  /// Memory of at least `bytes`, aligned to 64 bytes: uninitialised, zero in a dry pool.
  func take(bytes: Int) -> Block {
    if bytes < Self.smallest { return Self.small(bytes, isZero: isDry) }
    let size = (bytes + Self.grain - 1) / Self.grain * Self.grain
    lock.lock()
    defer { lock.unlock() }
    counts.taken += 1
    counts.inUse += size
    counts.mostInUse = max(counts.mostInUse, counts.inUse)
    return Block(base: space.base + place(size), bytes: size)
  }

  /// The offset of an unused range, which is used from now on.
  private func place(_ size: Int) -> Int {
    if let index = gaps.firstIndex(where: { $0.count >= size }) {
      let gap = gaps[index]
      if gap.count == size { gaps.remove(at: index) } else { gaps[index] = gap.lowerBound + size..<gap.upperBound }
      return gap.lowerBound
    }
    counts.fresh += 1
    // What is free at the end is the start of it.
    let start =
      gaps.last.flatMap { $0.upperBound == counts.resident ? gaps.removeLast().lowerBound : nil } ?? counts.resident
    counts.resident = start + size
    space.grow(to: counts.resident)
    return start
  }

  /// Keeps a block that `take` returned.
  func giveBack(_ block: Block) {
    if block.bytes < Self.smallest { return block.base.deallocate() }
    if isDry { space.clear(block) }
    let start = space.base.distance(to: block.base)
    lock.lock()
    defer { lock.unlock() }
    counts.inUse -= block.bytes
    var gap = start..<start + block.bytes
    // The first gap above.
    var (low, high) = (0, gaps.count)
    while low < high {
      let middle = (low + high) / 2
      if gaps[middle].lowerBound < start { low = middle + 1 } else { high = middle }
    }
    if low < gaps.count, gaps[low].lowerBound == gap.upperBound { gap = start..<gaps.remove(at: low).upperBound }
    if low > 0, gaps[low - 1].upperBound == start {
      gaps[low - 1] = gaps[low - 1].lowerBound..<gap.upperBound
    } else {
      gaps.insert(gap, at: low)
    }
  }

  private static func small(_ bytes: Int, isZero: Bool) -> Block {
    let base = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    if isZero { base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes) }
    return Block(base: base, bytes: bytes)
  }
}

/// A range of addresses that holds memory up to where it was grown.
private final class AddressSpace {
  let base: UnsafeMutableRawPointer
  private let limit: Int
  private let isHuge: Bool
  private var end = 0

  /// Memory is asked for in steps of this, many huge pages.
  private static let step = 1 << 25

  /// As much as the system gives, up to half a terabyte, of addresses alone.
  ///
  /// - Parameter isHuge: memory in huge pages where the system has them.
  init(isHuge: Bool) {
    self.isHuge = isHuge
    var bytes = 1 << 39
    while true {
      if let area = mmap(nil, bytes, PROT_NONE, Self.flags, -1, 0), area != MAP_FAILED {
        (base, limit) = (area, bytes)
        return
      }
      bytes /= 2
      if bytes < Self.step { endOutOfMemory(bytes: bytes, held: 0, for: "tensors") }
    }
  }

  deinit { munmap(base, limit) }

  private static var flags: Int32 {
    #if os(Linux)
      MAP_PRIVATE | MAP_NORESERVE | MAP_ANONYMOUS
    #else
      MAP_PRIVATE | MAP_NORESERVE | MAP_ANON
    #endif
  }

  /// Makes the first `bytes` readable and writable; they are zero and cost nothing until written.
  func grow(to bytes: Int) {
    guard bytes > end else { return }
    let next = min((bytes + Self.step - 1) / Self.step * Self.step, limit)
    guard bytes <= next, mprotect(base + end, next - end, PROT_READ | PROT_WRITE) == 0 else {
      endOutOfMemory(bytes: bytes - end, held: end, for: "tensors")
    }
    #if os(Linux)
      if isHuge { madvise(base + end, next - end, MADV_HUGEPAGE) }
    #endif
    end = next
  }

  /// Gives the memory of a block back; it reads as zero again.
  func clear(_ block: MemoryPool.Block) {
    guard let area = mmap(block.base, block.bytes, PROT_READ | PROT_WRITE, Self.flags | MAP_FIXED, -1, 0),
      area != MAP_FAILED
    else {
      endOutOfMemory(bytes: block.bytes, held: end, for: "tensors")
    }
  }
}
