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
