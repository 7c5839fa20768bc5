import Imaging
import Testing

@Suite struct ColourSpaces {
  @Test func lumaByHand() {
    #expect(RGBImage(width: 1, height: 1, pixels: [255, 255, 255]).luma() == [255])
    #expect(RGBImage(width: 3, height: 1, pixels: [255, 0, 0, 0, 255, 0, 0, 0, 255]).luma() == [76, 150, 29])
  }

  /// Hue in units of 1/255 turn, cut: green is a third of 255.
  @Test func hsvByHand() {
    let image = RGBImage(width: 5, height: 1, pixels: [255, 0, 0, 0, 255, 0, 0, 0, 255, 7, 7, 7, 100, 50, 0])
    #expect(image.hsv() == [0, 255, 255, 85, 255, 255, 170, 255, 255, 0, 0, 7, 21, 255, 100])
  }

  @Test func hsvAndBackIsClose() {
    let image = noiseImage(64, 64)
    let back = RGBImage(width: 64, height: 64, hsv: image.hsv())
    #expect(largestDifference(image, back) <= 6)
  }
}

@Suite struct ColourJitters {
  private let image = RGBImage(width: 2, height: 1, pixels: [100, 151, 200, 0, 255, 33])

  @Test func brightnessCutsAndLimits() {
    #expect(image.withBrightness(0.5).pixels == [50, 75, 100, 0, 127, 16])
    #expect(image.withBrightness(1.5).pixels == [150, 226, 255, 0, 255, 49])
    #expect(image.withBrightness(0) == RGBImage(width: 2, height: 1, colour: .black))
    #expect(image.withBrightness(1) == image)
  }

  /// The mean of 7 and 8 rounds to 8: a factor of 0 shows it.
  @Test func contrastTurnsAroundTheRoundedMean() {
    let image = row([7, 8])
    #expect(greys(image.withContrast(0)) == [8, 8])
    #expect(greys(row([0, 100]).withContrast(2)) == [0, 150])
    #expect(image.withContrast(1) == image)
  }

  @Test func saturationTurnsAroundLuma() {
    let red = RGBImage(width: 1, height: 1, pixels: [255, 0, 0])
    #expect(red.withSaturation(0).pixels == [76, 76, 76])
    #expect(red.withSaturation(0.5).pixels == [165, 38, 38])
    #expect(red.withSaturation(2).pixels == [255, 0, 0])
  }

  /// 0.1 turns are 25 units of 255, and a third of a turn less 25 units is the hue 60. Hues wrap at 256: red less 25
  /// units is 231.
  @Test func hueTurnsAndWraps() {
    let green = RGBImage(width: 1, height: 1, pixels: [0, 255, 0])
    #expect(green.withHueShift(-0.1).hsv()[0] == 60)
    #expect(RGBImage(width: 1, height: 1, pixels: [255, 0, 0]).withHueShift(-0.1).pixels == [255, 0, 144])
    #expect(row([5, 200]).withHueShift(0.3) == row([5, 200]))
  }

  @Test func orderMatters() {
    let image = noiseImage(8, 8)
    let forward = ColourJitter(
      order: [.brightness, .contrast, .saturation, .hue], brightness: 1.3, contrast: 0.7, saturation: 1.2, hue: 0.05)
    var backward = forward
    backward.order.reverse()
    let byHand = image.withBrightness(1.3).withContrast(0.7).withSaturation(1.2).withHueShift(0.05)
    #expect(forward.apply(image) == byHand)
    #expect(backward.apply(image) == image.withHueShift(0.05).withSaturation(1.2).withContrast(0.7).withBrightness(1.3))
    #expect(backward.apply(image) != byHand)
    #expect(ColourJitter(order: []).apply(image) == image)
  }
}
