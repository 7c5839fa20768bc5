/// Colours of mask values, 1 to 256 of them.
public struct Palette: Sendable, Equatable {
  public let colours: [RGB]

  /// Precondition: 1 to 256 colours.
  public init(_ colours: [RGB]) {
    precondition((1...256).contains(colours.count), "a palette of \(colours.count) colours")
    self.colours = colours
  }

  /// The colour of `value`, black where the palette ends before it.
  public subscript(value: UInt8) -> RGB { Int(value) < colours.count ? colours[Int(value)] : .black }

  /// This palette with `colour` for `value`; grown with black to hold it.
  public func setting(_ value: UInt8, to colour: RGB) -> Palette {
    var grown = colours
    while grown.count <= Int(value) { grown.append(.black) }
    grown[Int(value)] = colour
    return Palette(grown)
  }

  /// The 256 colours of PASCAL VOC's masks.
  ///
  /// Bits 0, 1, 2 of the value become bit 7 of red, green, blue; bits 3, 4, 5 bit 6; bits 6, 7 bit 5. So 1 is (128, 0,
  /// 0), 8 is (64, 0, 0) and the void value 255 is (224, 224, 192).
  public static let voc = Palette(
    (0..<256).map { value in
      func channel(_ first: Int) -> UInt8 {
        UInt8((0..<8).filter { 3 * $0 + first < 8 && value >> (3 * $0 + first) & 1 == 1 }.reduce(0) { $0 | 0x80 >> $1 })
      }
      return RGB(channel(0), channel(1), channel(2))
    })

  /// 256 steps from black to white.
  public static let grey = Palette((0..<256).map { RGB(UInt8($0), UInt8($0), UInt8($0)) })
}
