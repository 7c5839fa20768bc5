import Foundation

/// Keeps the position-only lattices of the image sizes met last: they depend on nothing in the image. May be shared by
/// threads.
public final class DenseCRFCache: @unchecked Sendable {
  struct Key: Hashable {
    let width: Int
    let height: Int
    let spread: Float
    let weight: Float
    /// Sums of the normalisation are formed per thread, and bits must not depend on who came first.
    let threads: Int
  }

  private let capacity: Int
  private let lock = NSLock()
  /// Oldest use first.
  private var entries: [(key: Key, filter: Filter)] = []

  /// - Parameter capacity: how many sizes to keep; about 24 bytes per pixel each. 0 keeps none.
  public init(capacity: Int = 8) { self.capacity = max(0, capacity) }

  /// How many lattices it holds.
  public var count: Int { lock.withLock { entries.count } }

  func positionFilter(_ key: Key) throws -> Filter {
    if let found = lock.withLock({ take(key) }) { return found }
    // Built outside of the lock: two threads may build the same lattice, and either is right.
    let filter = try Filter.position(
      width: key.width, height: key.height, spread: key.spread, weight: key.weight, threads: key.threads)
    lock.withLock {
      guard capacity > 0, take(key) == nil else { return }
      entries.append((key, filter))
      if entries.count > capacity { entries.removeFirst() }
    }
    return filter
  }

  /// The lattice of `key`, moved to the end as the one used last.
  private func take(_ key: Key) -> Filter? {
    guard let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
    let entry = entries.remove(at: index)
    entries.append(entry)
    return entry.filter
  }
}
