import LabelMasks

extension RGBImage {
  /// The mask's colours over the image: `opacity` of colour and the rest of image, rounded. Pixels whose label is in
  /// `transparent` keep the image. Precondition: equal sizes and an opacity in 0...1.
  public func overlaid(with mask: LabelMask, palette: Palette, opacity: Float = 0.6, transparent: Set<UInt8> = [])
    -> RGBImage
  {
    precondition(
      mask.width == width && mask.height == height,
      "a mask of \(mask.width) x \(mask.height) over an image of \(width) x \(height)")
    precondition((0...1).contains(opacity), "an opacity of \(opacity)")
    let share = Int32((opacity * 256).rounded())
    let rest = 256 - share
    let clear = (0...255).map { transparent.contains(UInt8($0)) }
    let colours = (0...255).map { value in
      let colour = palette[UInt8(value)]
      return SIMD3<Int32>(Int32(colour.red), Int32(colour.green), Int32(colour.blue)) &* share
    }
    var result = self
    for (i, label) in mask.labels.enumerated() where !clear[Int(label)] {
      for c in 0..<3 {
        result.pixels[3 * i + c] = UInt8((colours[Int(label)][c] + rest * Int32(pixels[3 * i + c]) + 128) >> 8)
      }
    }
    return result
  }

  /// Copies `image` so that its top left corner is at (x, y); what falls outside is left out.
  public mutating func draw(_ image: RGBImage, x: Int, y: Int) {
    let columns = max(0, -x)..<max(max(0, -x), min(image.width, width - x))
    for row in 0..<image.height where y + row >= 0 && y + row < height {
      let from = (row * image.width + columns.lowerBound) * 3
      let to = ((y + row) * width + x + columns.lowerBound) * 3
      let count = columns.count * 3
      pixels.replaceSubrange(to..<to + count, with: image.pixels[from..<from + count])
    }
  }

  /// Fills the part of a rectangle that lies inside the image.
  public mutating func fill(x: Int, y: Int, width: Int, height: Int, colour: RGB) {
    for row in max(0, y)..<max(max(0, y), min(self.height, y + height)) {
      for column in max(0, x)..<max(max(0, x), min(self.width, x + width)) { self[column, row] = colour }
    }
  }

  /// Writes one line of text with its top left corner at (x, y), in dots of `scale` pixels; letters are 5 x 7 dots with
  /// one between.
  public mutating func draw(_ text: String, x: Int, y: Int, colour: RGB = .black, scale: Int = 1) {
    precondition(scale >= 1, "text of scale \(scale)")
    for (position, character) in text.enumerated() {
      let left = x + position * (BitmapFont.width + 1) * scale
      for (row, bits) in BitmapFont.rows(of: character).enumerated() {
        for column in 0..<BitmapFont.width where bits >> UInt8(BitmapFont.width - 1 - column) & 1 == 1 {
          fill(x: left + column * scale, y: y + row * scale, width: scale, height: scale, colour: colour)
        }
      }
    }
  }

  /// Width and height in pixels that `draw(_:x:y:colour:scale:)` covers.
  public static func textSize(_ text: String, scale: Int = 1) -> (width: Int, height: Int) {
    (max(0, text.count * (BitmapFont.width + 1) - 1) * scale, BitmapFont.height * scale)
  }
}

/// Pictures in rows and columns with a line of text over each column and beside each row, for result figures.
///
///     var montage = Montage(columns: ["image", "seed", "refined", "truth"])
///     montage.add(row: "2007_000032", [image, seed, refined, truth])
///     try montage.rendered().writePNG(to: path)
public struct Montage: Sendable {
  public var padding = 4
  public var background = RGB.white
  public var textColour = RGB.black
  public var textScale = 1
  private let columns: [String]
  private var rows: [(label: String, cells: [RGBImage?])] = []

  /// - Parameter columns: a title a column; all empty leaves the title line out.
  public init(columns: [String]) {
    precondition(!columns.isEmpty, "a montage without columns")
    self.columns = columns
  }

  /// Adds a row; nil leaves a cell empty. Precondition: one cell a column.
  public mutating func add(row label: String = "", _ cells: [RGBImage?]) {
    precondition(cells.count == columns.count, "\(cells.count) cells in a montage of \(columns.count) columns")
    rows.append((label, cells))
  }

  /// The whole as one image. A column is as wide as its widest picture or its title, a row as high as its highest
  /// picture; pictures stand at the top left of their cells.
  public func rendered() -> RGBImage {
    let line = RGBImage.textSize("X", scale: textScale).height
    let labelWidth = rows.map { RGBImage.textSize($0.label, scale: textScale).width }.max() ?? 0
    let widths = columns.indices.map { c in
      max(rows.compactMap { $0.cells[c]?.width }.max() ?? 0, RGBImage.textSize(columns[c], scale: textScale).width)
    }
    let heights = rows.map { row in max(row.cells.compactMap { $0?.height }.max() ?? 0, row.label.isEmpty ? 0 : line) }
    let top = padding + (columns.allSatisfy(\.isEmpty) ? 0 : line + padding)
    let left = padding + (labelWidth == 0 ? 0 : labelWidth + padding)
    var result = RGBImage(
      width: max(1, left + widths.reduce(0) { $0 + $1 + padding }),
      height: max(1, top + heights.reduce(0) { $0 + $1 + padding }),
      colour: background)
    var x = left
    for (c, title) in columns.enumerated() {
      result.draw(title, x: x, y: padding, colour: textColour, scale: textScale)
      var y = top
      for (r, row) in rows.enumerated() {
        if c == 0 { result.draw(row.label, x: padding, y: y, colour: textColour, scale: textScale) }
        if let cell = row.cells[c] { result.draw(cell, x: x, y: y) }
        y += heights[r] + padding
      }
      x += widths[c] + padding
    }
    return result
  }
}
