/// A time made of several, and how sure it is.
public struct TimeLeft: Codable, Equatable, Sendable {
  /// Where a time is from, from the surest on.
  public enum Source: String, Codable, Comparable, Sendable, CaseIterable {
    /// The last run.
    case measured
    /// `CostEstimate`.
    case estimated
    /// Nothing tells it: it counts as none.
    case open

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    public static func < (left: Source, right: Source) -> Bool { left.rank < right.rank }
  }

  public private(set) var seconds = 0.0
  /// The least sure of its parts.
  public private(set) var source = Source.measured

  public init() {}

  mutating func add(_ seconds: Double, _ source: Source) {
    self.seconds += seconds
    self.source = max(self.source, source)
  }

  /// `about `, `very roughly `, `more than `: what to say in front of the time.
  public var words: String {
    switch source {
    case .measured: "about "
    case .estimated: "very roughly "
    case .open: "more than "
    }
  }

  /// For tables and lines of progress: nothing in front of a time that the last run took, `~` in front of an
  /// estimate, `>` where something is missing.
  public var sign: String {
    switch source {
    case .measured: ""
    case .estimated: "~"
    case .open: ">"
    }
  }
}
