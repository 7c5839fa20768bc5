/// Packed lattice coordinates to consecutive numbers, in the order in which they first came: open addressing with
/// linear probing.
struct VertexTable {
  private struct Slot: BitwiseCopyable {
    var key: UInt64
    var number: Int32
  }
  private static let empty = UInt64.max

  private var slots: AlignedBuffer<Slot>
  private var shift: UInt64
  private var mask: Int
  /// The keys by number.
  private(set) var keys: [UInt64] = []

  /// `expected`: how many keys it holds before it has to grow. No key may be `UInt64.max`.
  init(expected: Int) {
    var bits = 8
    while 1 << bits < 2 * expected { bits += 1 }
    (slots, shift, mask) = Self.emptySlots(bits: bits)
    keys.reserveCapacity(expected)
  }

  private static func emptySlots(bits: Int) -> (AlignedBuffer<Slot>, UInt64, Int) {
    (AlignedBuffer(repeating: Slot(key: empty, number: -1), count: 1 << bits), UInt64(64 - bits), (1 << bits) - 1)
  }

  @inline(__always) private func start(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> shift)
  }

  /// The number of `key`, or -1.
  @inline(__always) func find(_ key: UInt64) -> Int32 {
    var position = start(key)
    while true {
      let slot = slots.base[position]
      if slot.key == key { return slot.number }
      if slot.key == Self.empty { return -1 }
      position = (position &+ 1) & mask
    }
  }

  /// The number of `key`, which becomes the next free one where the key is new.
  @inline(__always) mutating func insert(_ key: UInt64) -> Int32 {
    var position = start(key)
    while true {
      let slot = slots.base[position]
      if slot.key == key { return slot.number }
      if slot.key == Self.empty { break }
      position = (position &+ 1) & mask
    }
    return append(key, at: position)
  }

  @inline(never) private mutating func append(_ key: UInt64, at position: Int) -> Int32 {
    let number = Int32(keys.count)
    slots.base[position] = Slot(key: key, number: number)
    keys.append(key)
    if 2 * keys.count > mask { grow() }
    return number
  }

  private mutating func grow() {
    (slots, shift, mask) = Self.emptySlots(bits: 64 - Int(shift) + 1)
    for (number, key) in keys.enumerated() {
      var position = start(key)
      while slots.base[position].key != Self.empty { position = (position &+ 1) & mask }
      slots.base[position] = Slot(key: key, number: Int32(number))
    }
  }
}
