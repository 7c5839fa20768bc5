/// One of `count` disjoint parts of a stage's items: `--shard 2/3` is the second of three.
///
/// Item k (counted from 0 in the manifest's order) belongs to shard k mod count + 1, so that neighbouring images,
/// often of similar cost, spread over the shards. What is computed for an item does not depend on its shard.
public struct Shard: Sendable, Equatable, CustomStringConvertible {
  /// From 1 to `count`.
  public let index: Int
  public let count: Int

  public init(index: Int = 1, count: Int = 1) {
    precondition(count >= 1 && (1...count).contains(index), "shard \(index)/\(count)")
    self.index = index
    self.count = count
  }

  /// `i/n` with 1 <= i <= n; nil for anything else.
  public init?(argument: String) {
    let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let index = Int(parts[0]), let count = Int(parts[1]), count >= 1,
      (1...count).contains(index)
    else { return nil }
    self.init(index: index, count: count)
  }

  /// The items of this shard, in their order.
  public func select<Item>(_ items: [Item]) -> [Item] {
    stride(from: index - 1, to: items.count, by: count).map { items[$0] }
  }

  public var description: String { "\(index)/\(count)" }

  /// The stem of the files that a shard writes: `part-2-of-3`.
  public var stem: String { "part-\(index)-of-\(count)" }
}
