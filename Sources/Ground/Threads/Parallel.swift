import Synchronization

/// Loops over threads.
///
/// `forEach` and `forEachChunk` are for calls that do not depend on each other: a thread that is done takes over from
/// those that are not, so one busy core does not delay the loop. `forEachRange` and
/// `results` have a static partition: which index runs in which part depends on the counts alone, so that sums kept
/// per part and added in order have the same bits in every run.
///
/// All return when every call is done, and may be nested. Calls run concurrently: they must not write the same memory.
public enum Parallel {
  /// Calls `body` once for every index of 0..<count, on at most `threads` threads.
  ///
  /// A thread goes through the share that `forEachRange` would give it, in order, and then through what others have
  /// left, from their end.
  public static func forEach(_ count: Int, threads: Int, _ body: (Int) -> Void) {
    let parts = min(max(threads, 1), count)
    if parts <= 1 {
      for index in 0..<max(count, 0) { body(index) }
      return
    }
    let shares = Shares(count, parts: parts)
    Workers.shared.run(parts, helpers: parts - 1) { part in
      while let range = shares.next(for: part) {
        for index in range { body(index) }
      }
    }
  }

  /// Calls `body` for ranges that together are 0..<count, each but the last of a multiple of `size` indices, on at
  /// most `threads` threads.
  ///
  /// Which ranges they are varies from run to run: results must not depend on where 0..<count is cut at multiples of
  /// `size`.
  public static func forEachChunk(_ count: Int, of size: Int, threads: Int, _ body: (Range<Int>) -> Void) {
    precondition(size >= 1, "chunks of \(size)")
    let units = (count + size - 1) / size
    let parts = min(max(threads, 1), units)
    if parts <= 1 {
      if count > 0 { body(0..<count) }
      return
    }
    let shares = Shares(units, parts: parts)
    Workers.shared.run(parts, helpers: parts - 1) { part in
      while let range = shares.next(for: part) { body(range.lowerBound * size..<min(range.upperBound * size, count)) }
    }
  }

  /// Calls `body(part, range)` once for each of at most `threads` non-empty contiguous shares of 0..<count.
  public static func forEachRange(_ count: Int, threads: Int, _ body: (_ thread: Int, Range<Int>) -> Void) {
    let parts = min(max(threads, 1), count)
    if parts <= 1 {
      if count > 0 { body(0, 0..<count) }
      return
    }
    Workers.shared.run(parts, helpers: parts - 1) { part in body(part, share(part, of: parts, count: count)) }
  }

  /// What `body` returns for each of at most `threads` contiguous shares of 0..<count, in their order.
  ///
  /// - Throws: what the first share that failed threw: which one does not depend on timing.
  @discardableResult
  public static func results<R: Sendable>(_ count: Int, threads: Int, _ body: (Range<Int>) throws -> R) throws -> [R] {
    let results = Mutex<[Int: Result<R, any Error>]>([:])
    forEachRange(count, threads: threads) { part, range in
      let result = Result { try body(range) }
      results.withLock { $0[part] = result }
    }
    return try results.withLock { found in try found.keys.sorted().compactMap { try found[$0]?.get() } }
  }

  /// The `part`-th of `parts` contiguous shares of 0..<count, sizes differing by at most one.
  public static func share(_ part: Int, of parts: Int, count: Int) -> Range<Int> {
    count * part / parts..<count * (part + 1) / parts
  }
}

/// What is left of the shares of a loop, for threads that take from their own share first.
private struct Shares: ~Copyable {
  /// Of each share the indices left: the first in the lower half, the end in the upper half.
  private let left: UnsafeMutablePointer<Atomic<UInt64>>
  private let parts: Int
  /// Indices that are taken at a time, so that taking costs little and what is taken last is small beside a share.
  private let grain: Int

  init(_ count: Int, parts: Int) {
    precondition(count <= UInt32.max, "a loop of \(count) turns")
    self.parts = parts
    grain = max(1, count / parts / 32)
    left = .allocate(capacity: parts)
    for part in 0..<parts {
      (left + part).initialize(to: Atomic(Self.packed(Parallel.share(part, of: parts, count: count))))
    }
  }

  deinit {
    left.deinitialize(count: parts)
    left.deallocate()
  }

  /// The next indices for the thread of `part`: the first of its own share, then the last of others'; nil where none
  /// are left.
  func next(for part: Int) -> Range<Int>? {
    if let range = take(part, fromEnd: false) { return range }
    for step in 1..<parts {
      if let range = take((part + step) % parts, fromEnd: true) { return range }
    }
    return nil
  }

  private func take(_ part: Int, fromEnd: Bool) -> Range<Int>? {
    var packed = left[part].load(ordering: .relaxed)
    while true {
      let (first, end) = (Int(packed & 0xFFFF_FFFF), Int(packed >> 32))
      guard first < end else { return nil }
      let middle = fromEnd ? max(first, end - grain) : min(end, first + grain)
      let rest = fromEnd ? first..<middle : middle..<end
      let result = left[part].weakCompareExchange(expected: packed, desired: Self.packed(rest), ordering: .relaxed)
      if result.exchanged { return fromEnd ? middle..<end : first..<middle }
      packed = result.original
    }
  }

  private static func packed(_ range: Range<Int>) -> UInt64 {
    UInt64(range.lowerBound) | UInt64(range.upperBound) << 32
  }
}
