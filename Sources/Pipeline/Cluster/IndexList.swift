/// Numbers of shards as schedulers write them: `1-3,7`.
public enum IndexList {
  /// Increasing numbers as ranges.
  public static func text(_ numbers: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = ranges.last, last.upperBound + 1 == number {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
      separator: ",")
  }

  /// The numbers of a text that `text` wrote; nil for any other.
  public static func numbers(_ text: String) -> [Int]? {
    var numbers: [Int] = []
    for range in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = range.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first > numbers.last ?? 0,
        last >= first, last < 10_000_000
      else { return nil }
      numbers += first...last
    }
    return numbers
  }

  /// Shards in arrays whose indices stay below a cluster's `MaxArraySize`.
  ///
  /// That is a limit of the index, not of their number. An array of offset K runs shard `K + index`. Up to the limit
  /// the offset is 0, so that the index in the queue and in the log's name is the shard.
  ///
  /// - Parameters:
  ///   - shards: increasing, from 1.
  ///   - largest: `MaxArraySize`, at least 2.
  public static func arrays(_ shards: [Int], largest: Int) -> [(offset: Int, indices: [Int])] {
    var arrays: [(offset: Int, indices: [Int])] = []
    for shard in shards {
      let offset = (shard - 1) / (largest - 1) * (largest - 1)
      if arrays.last?.offset == offset {
        arrays[arrays.count - 1].indices.append(shard - offset)
      } else {
        arrays.append((offset, [shard - offset]))
      }
    }
    return arrays
  }
}
