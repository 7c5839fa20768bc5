/// The sum, modulo 2^256, of SHA-256 digests: a digest of many things that depends neither on their order nor on how
/// they are divided.
///
/// Each digest must be of a thing together with its name (an image id, the name of a file), so that no two are equal.
public struct DigestSum: Sendable, Equatable {
  /// Most significant first.
  private var words: [UInt64] = [0, 0, 0, 0]

  public init() {}

  /// The sum of digests in hexadecimal; what is not 64 hexadecimal digits is passed over.
  public init(_ digests: some Sequence<String>) { for digest in digests { add(digest) } }

  /// Adds 64 hexadecimal digits; false, and nothing added, for any other text.
  @discardableResult
  public mutating func add(_ digest: String) -> Bool {
    let digits = Array(digest.utf8)
    guard digits.count == 64 else { return false }
    let other = (0..<4).map { UInt64(String(decoding: digits[16 * $0..<16 * $0 + 16], as: UTF8.self), radix: 16) }
    var sum = words
    var carry: UInt64 = 0
    for i in (0..<4).reversed() {
      guard let word = other[i] else { return false }
      let (first, overflow) = sum[i].addingReportingOverflow(word)
      let (second, carried) = first.addingReportingOverflow(carry)
      sum[i] = second
      carry = (overflow ? 1 : 0) + (carried ? 1 : 0)
    }
    words = sum
    return true
  }

  /// 64 lower-case hexadecimal digits.
  public var hexadecimal: String {
    words.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
