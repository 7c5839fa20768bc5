import Foundations
import Imaging
import LabelMasks

extension ClassTable {
  /// Refuses a mask whose palette says that a value means another class than the manifest says.
  ///
  /// A mask that was saved by way of its colours (an adaptive palette, an optimizer, another tool's order) still looks
  /// right, but its values mean other
  /// classes, and every number made from it would be wrong. Colours that belong to no class say nothing, nor does
  /// black where the background is
  /// black too: many tools fill the rest of a palette with it.
  ///
  /// - Parameter palette: of the mask's file; nil, of a grey file, says nothing.
  /// - Throws: `Failure(.data)` for the first value that occurs and has the colour of another class or of void.
  public func checkPalette(_ palette: Palette?, of mask: LabelMask) throws {
    guard let palette else { return }
    for value in mask.presentLabels where Int(value) < palette.colours.count {
      let colour = palette[value]
      guard let other = owner(of: colour), other.value != value, colour != ownColour(of: value) else { continue }
      if other.value == 0, palette[0] == colour { continue }
      if other.value == void, index(ofValue: value) == Self.voidIndex { continue }
      let code = "(\(colour.red), \(colour.green), \(colour.blue))"
      throw Failure(
        .data,
        "index \(value) has the colour of \(other.name) \(code), but the manifest has \(meaning(of: value)): "
          + "values and palette contradict each other; save the mask with the manifest's values, "
          + "or insist on the values with --ignore-palette")
    }
  }

  /// The class or void that a colour of the manifest stands for.
  private func owner(of colour: RGB) -> (name: String, value: UInt8)? {
    if let entry = entries.first(where: { $0.colour == colour }) { return ("class \(entry.name)", entry.value) }
    return colour == Palette.voc[255] ? ("void", void) : nil
  }

  private func ownColour(of value: UInt8) -> RGB? {
    value == void ? Palette.voc[255] : entries.first { $0.value == value }?.colour
  }

  private func meaning(of value: UInt8) -> String {
    if value == void { return "\(value) as void" }
    return entries.first { $0.value == value }.map { "\(value) as class \($0.name)" } ?? "no class \(value)"
  }
}
