import Foundation
import Foundations
import LabelMasks

/// Which colour stands for which label in masks that were saved as RGB.
public struct ColourTable: Sendable {
  /// The colours at their labels; black for labels that the table does not name.
  public let palette: Palette
  private let labels: [RGB: UInt8]

  /// PASCAL VOC's 256 colours.
  public static let voc = ColourTable(
    palette: .voc, labels: Dictionary(zip(Palette.voc.colours, 0...255)) { first, _ in first })

  private init(palette: Palette, labels: [RGB: UInt8]) {
    self.palette = palette
    self.labels = labels
  }

  /// Reads a text table: columns separated by tabs, their names in the first line: `value`, `red`, `green`, `blue`, and
  /// others that do not count.
  ///
  /// - Throws: `Failure` `.noInput` for a file that cannot be read; `.data`, with the line, for a missing column, a
  ///   cell that is not 0 to 255, and for a colour or a value that is there twice.
  public init(contentsOf path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.noInput, "no such colour table, or it cannot be read", file: path)
    }
    guard let text = String(data: data, encoding: .utf8) else { throw Failure(.data, "not UTF-8 text", file: path) }
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { line in
      line.split(separator: "\t", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
    }
    func failure(_ message: String, _ line: Int) -> Failure {
      Failure(.data, message, file: path, item: "line \(line)")
    }
    let names = lines.first ?? []
    let columns = try ["value", "red", "green", "blue"].map { name in
      guard let column = names.firstIndex(of: name) else {
        throw failure("expected the columns value, red, green and blue, separated by tabs; found no column \(name)", 1)
      }
      return column
    }
    var (palette, labels, values) = (Palette([.black]), [RGB: UInt8](), Set<UInt8>())
    for (index, cells) in lines.enumerated().dropFirst() where cells != [""] && !cells.isEmpty {
      let numbers = columns.map { $0 < cells.count ? UInt8(cells[$0]) : nil }
      guard let value = numbers[0], let red = numbers[1], let green = numbers[2], let blue = numbers[3] else {
        throw failure("expected four numbers of 0 to 255, found \"\(cells.joined(separator: " "))\"", index + 1)
      }
      let colour = RGB(red, green, blue)
      guard values.insert(value).inserted else { throw failure("the value \(value) is there twice", index + 1) }
      guard labels.updateValue(value, forKey: colour) == nil else {
        throw failure("the colour \(colour.list) is there twice", index + 1)
      }
      palette = palette.setting(value, to: colour)
    }
    guard !labels.isEmpty else { throw Failure(.data, "the colour table holds no colour", file: path) }
    self.init(palette: palette, labels: labels)
  }

  /// The labels that the colours of an image stand for.
  ///
  /// - Throws: `Failure(.data)` with the first pixel whose colour is not in the table.
  public func mask(of image: RGBImage, file: String? = nil) throws -> LabelMask {
    var mask = LabelMask(width: image.width, height: image.height)
    // Masks are areas of one colour: most pixels are as the one before.
    var last: (colour: RGB, label: UInt8)?
    for i in mask.labels.indices {
      let colour = RGB(image.pixels[3 * i], image.pixels[3 * i + 1], image.pixels[3 * i + 2])
      if last?.colour != colour {
        guard let label = labels[colour] else {
          let place = "x \(i % image.width), y \(i / image.width)"
          throw Failure(.data, expected: "colours of the colour table", found: "\(colour.list) at \(place)", file: file)
        }
        last = (colour, label)
      }
      if let last { mask.labels[i] = last.label }
    }
    return mask
  }
}

extension RGB {
  /// `(128, 0, 64)`.
  fileprivate var list: String { "(\(red), \(green), \(blue))" }
}

/// A mask of whatever kind, and the palette that a mask made from it should have.
public struct ForeignMask: Sendable {
  public let mask: LabelMask
  /// The file's own, or the colour table's for an RGB mask; nil for a grey one.
  public let palette: Palette?

  /// Reads a palette PNG, a grey PNG of at most 8 bits, or, with a colour table, an RGB image.
  ///
  /// - Throws: `Failure` as `LabelMask(contentsOf:)`; for an RGB image without a table it says what to do.
  public init(contentsOf path: String, colours: ColourTable? = nil) throws {
    if try ImageHeader(contentsOf: path).kind.hasPrefix("RGB") {
      guard let colours else {
        throw Failure(.data, "is an RGB image: a colour table must say which colour is which label", file: path)
      }
      mask = try colours.mask(of: try RGBImage(contentsOf: path), file: path)
      palette = colours.palette
    } else {
      (mask, palette, _) = try LabelMask.readAll(contentsOf: path)
    }
  }
}
