import Imaging
import LabelMasks
import Testing

@Suite struct FlipsAndCrops {
  private let mask = LabelMask(width: 3, height: 2, labels: [1, 2, 3, 4, 5, 6])

  @Test func flips() {
    #expect(mask.flippedHorizontally().labels == [3, 2, 1, 6, 5, 4])
    #expect(
      RGBImage(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6]).flippedHorizontally().pixels == [4, 5, 6, 1, 2, 3])
    let image = noiseImage(7, 5)
    #expect(image.flippedHorizontally().flippedHorizontally() == image)
  }

  @Test func cropsWithin() { #expect(mask.cropped(x: 1, y: 0, width: 2, height: 2).labels == [2, 3, 5, 6]) }

  @Test func cropsBeyondEverySide() {
    let window = mask.cropped(x: -1, y: -1, width: 5, height: 4, padding: 0)
    #expect(window.labels == [0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0])
    #expect(mask.cropped(x: 2, y: 1, width: 2, height: 2).labels == [6, 255, 255, 255])
  }

  @Test func cropsWhollyOutside() {
    for (x, y) in [(10, 0), (-10, 0), (0, 10), (0, -10)] {
      #expect(mask.cropped(x: x, y: y, width: 2, height: 1, padding: 9).labels == [9, 9])
    }
  }

  @Test func imagesArePaddedWithAColour() {
    let image = RGBImage(width: 1, height: 1, pixels: [7, 8, 9])
    #expect(image.cropped(x: -1, y: 0, width: 2, height: 1, padding: RGB(1, 2, 3)).pixels == [1, 2, 3, 7, 8, 9])
  }

  @Test func labelsAreMappedAndListed() {
    var table = [UInt8](repeating: 255, count: 256)
    table[1] = 0
    table[4] = 8
    #expect(mask.mapped(through: table).labels == [0, 255, 255, 8, 255, 255])
    #expect(mask.mapped(through: table).presentLabels == [0, 8, 255])
  }
}

@Suite struct DrawingTests {
  @Test func overlayMixesAndLeavesTransparentLabels() {
    let image = RGBImage(width: 3, height: 1, colour: RGB(100, 100, 100))
    let mask = LabelMask(width: 3, height: 1, labels: [0, 1, 255])
    let mixed = image.overlaid(with: mask, palette: .voc, opacity: 0.5, transparent: [0])
    #expect(mixed.pixels == [100, 100, 100, 114, 50, 50, 162, 162, 146])
    #expect(image.overlaid(with: mask, palette: .voc, opacity: 1).pixels == [0, 0, 0, 128, 0, 0, 224, 224, 192])
    #expect(image.overlaid(with: mask, palette: .voc, opacity: 0) == image)
  }

  @Test func picturesAndRectanglesAreClipped() {
    var canvas = RGBImage(width: 3, height: 3, colour: .white)
    canvas.draw(RGBImage(width: 2, height: 2, colour: .black), x: 2, y: -1)
    #expect(greys(canvas) == [255, 255, 0, 255, 255, 255, 255, 255, 255])
    canvas.draw(RGBImage(width: 9, height: 9, colour: .black), x: 5, y: 5)
    canvas.fill(x: -5, y: 2, width: 6, height: 9, colour: .black)
    #expect(greys(canvas) == [255, 255, 0, 255, 255, 255, 0, 255, 255])
  }

  @Test func textIsDrawnInDots() {
    var canvas = RGBImage(width: 11, height: 7, colour: .white)
    canvas.draw("iL", x: 0, y: 0)
    let dots = String(greys(canvas).map { $0 == 0 ? Character("#") : Character(".") })
    let middle = String(repeating: "..#...#....", count: 5)
    #expect(dots == ".###..#...." + middle + ".###..#####")
    #expect(RGBImage.textSize("ab", scale: 2) == (22, 14))
  }

  @Test func everyGlyphIsFiveBySeven() {
    for scalar in 32..<127 {
      var canvas = RGBImage(width: 8, height: 9, colour: .white)
      canvas.draw(String(UnicodeScalar(UInt8(scalar))), x: 1, y: 1)
      let isBlank = greys(canvas).allSatisfy { $0 == 255 }
      #expect(isBlank == (scalar == 32))
      canvas.fill(x: 1, y: 1, width: 5, height: 7, colour: .white)
      #expect(canvas == RGBImage(width: 8, height: 9, colour: .white))
    }
  }

  @Test func montageLaysOutRowsAndColumns() {
    var montage = Montage(columns: ["A", ""])
    montage.padding = 2
    montage.add(
      row: "R", [RGBImage(width: 4, height: 3, colour: .black), RGBImage(width: 6, height: 2, colour: .black)])
    montage.add([nil, RGBImage(width: 3, height: 8, colour: .black)])
    let picture = montage.rendered()
    // Left: padding, label 5, padding; columns 5 (title is wider than the picture) and 6. Top: padding, title 7,
    // padding; rows 7 (label) and 8.
    #expect(picture.width == 9 + 5 + 2 + 6 + 2)
    #expect(picture.height == 11 + 7 + 2 + 8 + 2)
    for (x, y) in [(9, 11), (12, 13), (16, 11), (21, 12), (16, 20), (18, 27)] {
      #expect(picture[x, y] == .black, "(\(x), \(y))")
    }
    for (x, y) in [(13, 11), (9, 14), (22, 11), (9, 20)] { #expect(picture[x, y] == .white, "(\(x), \(y))") }
  }
}
