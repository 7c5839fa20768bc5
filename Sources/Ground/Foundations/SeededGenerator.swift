/// SplitMix64, keyed by a seed and a path of names, so that a draw depends on what it is for and not on the order in
/// which things run.
///
///     var generator = SeededGenerator(seed: 7, "augmentation", "3", "2007_000032")
///
/// The sequence is the same on every machine. Every method documents how many 64-bit words it takes.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64, _ key: String...) {
    state = key.reduce(seed) { Self.mix($0 ^ fnv1a64($1)) }
  }

  /// One word, uniform over all 64-bit values.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  /// Uniform in [0, 1), a multiple of 2^-24: exact in single precision. One word.
  public mutating func unit() -> Float { Float(next() >> 40) / 16_777_216 }

  /// Uniform in [range.lowerBound, range.upperBound]. One word.
  public mutating func uniform(_ range: ClosedRange<Float>) -> Float {
    range.lowerBound + (range.upperBound - range.lowerBound) * unit()
  }

  /// Uniform over the integers of `range`, by multiplication and high word (bias below 2^-32 for ranges under 2^32).
  /// One word.
  public mutating func integer(_ range: ClosedRange<Int>) -> Int {
    let span = UInt64(range.upperBound - range.lowerBound) + 1
    return range.lowerBound + Int(next().multipliedFullWidth(by: span).high)
  }

  /// True with probability `p`. One word.
  public mutating func chance(_ p: Float) -> Bool { unit() < p }

  /// Approximately normal with mean 0 and variance 1: the sum of twelve uniforms less six, which needs no
  /// transcendental function and so has the same bits everywhere. Twelve words; |value| <= 6.
  public mutating func normal() -> Float {
    var sum: Float = 0
    for _ in 0..<12 { sum += unit() }
    return sum - 6
  }

  /// Fisher-Yates from the end. n - 1 words.
  public mutating func shuffle<T>(_ values: inout [T]) {
    for i in stride(from: values.count - 1, to: 0, by: -1) { values.swapAt(i, integer(0...i)) }
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// FNV-1a, 64 bits, over the UTF-8 bytes of `text`.
public func fnv1a64(_ text: String) -> UInt64 {
  text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
