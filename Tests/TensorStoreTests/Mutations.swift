import Foundations

/// Copies of a file's bytes with some changed, inserted or left out, always the same for one seed.
struct Mutations {
  private var generator: SeededGenerator

  init(_ name: String) { generator = SeededGenerator(seed: 11, name) }

  mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
    var changed = bytes
    for _ in 0..<generator.integer(1...6) {
      let at = generator.integer(0...changed.count - 1)
      switch generator.integer(0...5) {
      case 0: changed[at] = UInt8(generator.integer(0...255))
      case 1: changed[at] = [0, 1, 0x7F, 0x80, 0xFF][generator.integer(0...4)]
      case 2: changed[at] ^= 1 << UInt8(generator.integer(0...7))
      case 3: changed.insert(UInt8(generator.integer(0...255)), at: at)
      case 4: if generator.integer(0...9) == 0 { changed.removeLast(changed.count - max(1, at)) }
      default: if changed.count > 20 { changed.remove(at: at) }
      }
    }
    return changed
  }
}
