/// An amount of memory: `12G`, `800M`, `1.5G`; K, M and G are powers of 1024, no letter means bytes. Positive.
public struct MemorySize: Sendable, Hashable, CustomStringConvertible {
  public let bytes: Int

  public init(bytes: Int) { self.bytes = bytes }

  public init?(argument: String) {
    let units: [Character: Double] = ["K": 0x1p10, "M": 0x1p20, "G": 0x1p30]
    let unit = argument.last.flatMap { units[Character($0.uppercased())] }
    guard let number = Double(unit == nil ? argument : String(argument.dropLast())), number > 0 else { return nil }
    let bytes = number * (unit ?? 1)
    guard bytes >= 1, bytes < 0x1p60 else { return nil }
    self.bytes = Int(bytes)
  }

  /// In G, M or K, to three figures; below 1 K in bytes.
  public var description: String {
    if bytes < 1 << 10 { return "\(bytes) bytes" }
    let (value, unit) =
      switch bytes {
      case ..<(1 << 20): (Double(bytes) / 0x1p10, "K")
      case ..<(1 << 30): (Double(bytes) / 0x1p20, "M")
      default: (Double(bytes) / 0x1p30, "G")
      }
    let digits = value < 9.995 ? 100.0 : value < 99.95 ? 10 : 1
    let rounded = (value * digits).rounded() / digits
    return (digits == 1 ? "\(Int(rounded))" : "\(rounded)") + unit
  }
}
