import Foundations

/// Copies of a file's bytes with bits flipped, bytes changed, inserted or left out, numbers replaced by extreme ones,
/// or cut short; always the same for one name and index, so that each can be made again alone.
package struct Mutations {
  private var generator: SeededGenerator

  package init(_ name: String, _ index: Int = 0) { generator = SeededGenerator(seed: 11, name, String(index)) }

  /// One to six changes.
  package mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
    var changed = bytes
    for _ in 0..<generator.integer(1...6) where !changed.isEmpty {
      let at = generator.integer(0...changed.count - 1)
      switch generator.integer(0...7) {
      case 0: changed[at] = UInt8(generator.integer(0...255))
      case 1: changed[at] = [0, 1, 0x7F, 0x80, 0xFF][generator.integer(0...4)]
      case 2, 3: changed[at] ^= 1 << UInt8(generator.integer(0...7))
      case 4: changed.insert(UInt8(generator.integer(0...255)), at: at)
      case 5: if generator.integer(0...4) == 0 { changed.removeLast(changed.count - at) }
      case 6: setNumber(&changed, at)
      default: changed.remove(at: at)
      }
    }
    return changed
  }

  /// Up to four changes of a text's words and lines: left out, doubled, exchanged, nested, or replaced by what its
  /// grammar has signs for; now and then bytes are changed too.
  package mutating func mutatedText(_ bytes: [UInt8], words: [String]) -> [UInt8] {
    var lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    for _ in 0..<generator.integer(1...4) where !lines.isEmpty {
      let (at, other) = (generator.integer(0...lines.count - 1), generator.integer(0...lines.count - 1))
      switch generator.integer(0...9) {
      case 0: lines.remove(at: at)
      case 1: lines.insert(lines[other], at: at)
      case 2: lines.swapAt(at, other)
      case 3: lines[at] = String(repeating: " ", count: generator.integer(0...8)) + lines[at].drop { $0 == " " }
      case 4: lines[at] = lines[at] + lines[other]
      default: lines[at] = withWordReplaced(lines[at], words)
      }
    }
    let changed = Array(lines.joined(separator: "\n").utf8)
    return generator.integer(0...3) == 0 ? mutated(changed) : changed
  }

  /// A word is what stands between blanks and signs.
  private mutating func withWordReplaced(_ line: String, _ words: [String]) -> String {
    let signs: Set<Character> = [" ", "\t", ",", ":", "[", "]", "{", "}", "\"", "=", "<", ">"]
    var parts: [String] = []
    for character in line {
      if signs.contains(character) || parts.last.map({ signs.contains($0.first ?? " ") }) ?? true {
        parts.append(String(character))
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    guard !parts.isEmpty else { return pick(words) }
    let at = generator.integer(0...parts.count - 1)
    switch generator.integer(0...4) {
    case 0: parts.remove(at: at)
    case 1: parts.insert(pick(words), at: at)
    case 2: parts[at] = String(repeating: parts[at], count: [2, 9, 300, 70_000][generator.integer(0...3)])
    default: parts[at] = pick(words)
    }
    return parts.joined()
  }

  /// One of the words, or one that any reader of numbers and names should be ready for.
  package mutating func pick(_ words: [String]) -> String {
    let all = words + Self.extremes
    return all[generator.integer(0...all.count - 1)]
  }

  package mutating func integer(_ range: ClosedRange<Int>) -> Int { generator.integer(range) }

  private static let extremes = [
    "0", "-1", "1", "-0", "0.0", "1e-320", "1e400", "-1e400", "nan", "inf", "0x10", "007", "1_000",
    "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "18446744073709551616", "1.5", "255", "256", "65536", "", " ", "~", "null", "true", "no",
    "..", "../x", "/etc/passwd",
    "a/b", "a b", "é", "\u{0}", "\u{202E}", "$HOME", "${X}", "$", "%", "'", "\"", "\\", "*", "*a", "&a", "? ", "- ",
    "!!binary", "!!int", "<<: *a", "{}",
    "[]", "[[", "}", "|", ">", "#", "---", "...", "{id}", "{id}{id}",
  ]

  /// True for half of the inputs: those whose checksums are made anew.
  package var isRenewing: Bool {
    var copy = generator
    return copy.chance(0.5)
  }

  /// One to three bits flipped among the first `count` bytes.
  package mutating func withBitsFlipped(_ bytes: [UInt8], within count: Int) -> [UInt8] {
    var changed = bytes
    for _ in 0..<generator.integer(1...3) where !changed.isEmpty {
      changed[generator.integer(0...min(count, changed.count) - 1)] ^= 1 << UInt8(generator.integer(0...7))
    }
    return changed
  }

  /// A length, count, offset or shape that cannot be, or nearly can: 1, 2, 4 or 8 bytes, little-endian.
  private mutating func setNumber(_ bytes: inout [UInt8], _ at: Int) {
    let size = UInt64(bytes.count)
    let values: [UInt64] = [
      0, 1, size, size + 1, size &- UInt64(at), 1 << 16, 1 << 24, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32,
      1 << 40, 1 << 61, 1 << 62, 1 << 63,
      .max, .max - 1, UInt64(Int64.max),
    ]
    let value = values[generator.integer(0...values.count - 1)]
    let width = 1 << generator.integer(0...3)
    for index in 0..<width where at + index < bytes.count {
      bytes[at + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }
}
