import Foundations

/// Everything that made a part of a step's output, as names and values. Two runs with one recipe compute the same.
///
///     stage                      crf
///     algorithm                  1
///     shards                     2
///     seed                       1
///     parameter bilateral-spread 26
///     input scores               the digest of the maps' content
///     manifest images            the digest of ids and images of the part
///
/// Paths, threads and times are in no recipe.
public struct Recipe: Equatable, Sendable {
  public private(set) var entries: [String: String]

  public init(_ entries: [String: String] = [:]) { self.entries = entries }

  public subscript(name: String) -> String? {
    get { entries[name] }
    set { entries[name] = newValue }
  }

  public var isEmpty: Bool { entries.isEmpty }

  /// SHA-256 over names and values, sorted by name.
  public var digest: String {
    SHA256.hexadecimal(of: entries.sorted { $0.key < $1.key }.map { "\($0.key)\t\($0.value)\n" }.joined().utf8)
  }

  /// One entry that is another than before; nil stands for absent.
  public struct Difference: Equatable, Sendable {
    public let name: String
    public let old: String?
    public let new: String?

    public init(name: String, old: String?, new: String?) {
      self.name = name
      self.old = old
      self.new = new
    }
  }

  /// What is other here than in `old`: the stage first, then its parameters, then what it reads.
  public func differences(from old: Recipe) -> [Difference] {
    Set(entries.keys).union(old.entries.keys).filter { entries[$0] != old.entries[$0] }
      .sorted { (Self.rank($0), $0) < (Self.rank($1), $1) }
      .map { Difference(name: $0, old: old.entries[$0], new: entries[$0]) }
  }

  private static func rank(_ name: String) -> Int {
    let order = ["stage", "algorithm", "parameter", "seed", "shards", "manifest", "input"]
    return order.firstIndex { name == $0 || name.hasPrefix("\($0) ") } ?? order.count
  }

  /// The entries that all parts of one step share: without those of the part's own images.
  public var shared: Recipe { Recipe(entries.filter { !Self.isOfPart($0.key) }) }

  static func isOfPart(_ name: String) -> Bool {
    ["manifest images", "manifest labels", "manifest masks"].contains(name)
  }
}
