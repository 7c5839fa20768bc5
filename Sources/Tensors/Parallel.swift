import Dispatch
import Synchronization

/// Loops over threads with a static partition: which index runs in which part depends on the counts alone, so that sums kept per part
/// and added in order have the same bits in every run.
public enum Parallel {
  /// Calls `body` for every index of 0..<count; part `t` of `threads` runs the t-th contiguous share in order. Returns when all are done.
  ///
  /// Calls of different parts run concurrently: they must not write the same memory. May be nested.
  public static func forEach(_ count: Int, threads: Int, _ body: (Int) -> Void) {
    forEachRange(count, threads: threads) { _, range in
      for index in range { body(index) }
    }
  }

  /// Calls `body(part, range)` once for each of at most `threads` non-empty contiguous shares of 0..<count. Returns when all are done.
  public static func forEachRange(_ count: Int, threads: Int, _ body: (_ thread: Int, Range<Int>) -> Void) {
    let parts = min(max(threads, 1), count)
    if parts <= 1 {
      if count > 0 { body(0, 0..<count) }
      return
    }
    withoutActuallyEscaping(body) { body in
      // The parts run within this call and the caller answers for what they share, which the compiler cannot see.
      nonisolated(unsafe) let body = body
      DispatchQueue.concurrentPerform(iterations: parts) { part in body(part, share(part, of: parts, count: count)) }
    }
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
