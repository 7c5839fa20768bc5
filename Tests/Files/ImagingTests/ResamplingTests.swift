import Imaging
import LabelMasks
import Testing

private let sizes = [(1, 1), (2, 3), (5, 4), (17, 33), (40, 16), (31, 50)]

/// One pass of bicubic interpolation by the definition: the cubic sampled at the source's centres, normalised, in steps
/// of 2^-22.
private func naiveBicubic(_ line: [UInt8], to target: Int) -> [UInt8] {
  if target == line.count { return line }
  func cubic(_ x: Double) -> Double {
    let x = abs(x)
    if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
    if x < 2 { return ((2.5 - 0.5 * x) * x - 4) * x + 2 }
    return 0
  }
  let scale = Double(line.count) / Double(target)
  let widening = max(1, scale)
  return (0..<target).map { i in
    let centre = (Double(i) + 0.5) * scale
    let first = max(0, Int(centre - 2 * widening + 0.5))
    let last = min(line.count, Int(centre + 2 * widening + 0.5))
    let weights: [Double] = (first..<last).map { cubic((Double($0) + 0.5 - centre) / widening) }
    let sum = weights.reduce(0, +)
    var total = 2_097_152
    for k in first..<last {
      let share: Double = weights[k - first] / sum
      total += Int(line[k]) * Int((share * 4_194_304).rounded())
    }
    return UInt8(min(max(total >> 22, 0), 255))
  }
}

private func naiveBicubic(_ image: RGBImage, _ width: Int, _ height: Int) -> RGBImage {
  func columns(_ image: RGBImage) -> RGBImage {
    var result = RGBImage(width: width, height: image.height, colour: .black)
    for y in 0..<image.height {
      for c in 0..<3 {
        let line = naiveBicubic((0..<image.width).map { image.pixels[(y * image.width + $0) * 3 + c] }, to: width)
        for x in 0..<width { result.pixels[(y * width + x) * 3 + c] = line[x] }
      }
    }
    return result
  }
  func rows(_ image: RGBImage) -> RGBImage {
    var result = RGBImage(width: image.width, height: height, colour: .black)
    for x in 0..<image.width {
      for c in 0..<3 {
        let line = naiveBicubic((0..<image.height).map { image.pixels[($0 * image.width + x) * 3 + c] }, to: height)
        for y in 0..<height { result.pixels[(y * image.width + x) * 3 + c] = line[y] }
      }
    }
    return result
  }
  let verticalFirst = height < image.height && image.height - height > 2 * (image.width - width)
  return verticalFirst ? columns(rows(image)) : rows(columns(image))
}

@Suite struct BicubicResampling {
  @Test(arguments: [(500, 0.5, 250), (375, 0.5, 188), (373, 0.5, 186), (1, 0.5, 1), (3, 1.5, 4), (5, 1.5, 8)])
  func scaledSizesAreRoundedHalvesToEvenAndNever0(side: Int, scale: Double, expected: Int) throws {
    let image = RGBImage(width: side, height: 2, colour: .black)
    let size = try image.scaledSize(by: scale)
    #expect(size.width == expected && size.height == Int(2 * scale))
    let scaled = try image.scaledBicubic(by: scale)
    #expect(scaled.width == size.width && scaled.height == size.height)
    #expect(try image.scaledBicubic(by: 1) == image)
  }

  @Test func equalsTheNaiveTwin() {
    for (i, from) in sizes.enumerated() {
      let image = noiseImage(from.0, from.1, seed: UInt64(i))
      for to in sizes {
        #expect(image.resizedBicubic(width: to.0, height: to.1) == naiveBicubic(image, to.0, to.1), "\(from) to \(to)")
      }
    }
  }

  /// Numbers from Pillow 13.
  @Test func oneRowByHand() {
    let image = row([0, 255, 10, 200, 30])
    #expect(greys(image.resizedBicubic(width: 8, height: 1)) == [0, 113, 253, 71, 49, 197, 107, 18])
    #expect(greys(image.resizedBicubic(width: 3, height: 1)) == [108, 117, 99])
  }

  @Test func aFlatImageStaysFlatAndTheSameSizeIsACopy() {
    let flat = RGBImage(width: 9, height: 7, colour: RGB(0, 128, 255))
    #expect(flat.resizedBicubic(width: 23, height: 3) == RGBImage(width: 23, height: 3, colour: RGB(0, 128, 255)))
    let image = noiseImage(9, 7)
    #expect(image.resizedBicubic(width: 9, height: 7) == image)
  }
}

/// Two-channel bilinear interpolation by the definition, in double precision.
private func naiveLinear(_ values: [Float], _ from: (Int, Int), _ to: (Int, Int)) -> [Double] {
  func position(_ i: Int, _ from: Int, _ to: Int) -> (Int, Int, Double) {
    let p: Double = (Double(i) + 0.5) * Double(from) / Double(to) - 0.5
    let limited = min(max(p, 0), Double(from - 1))
    return (Int(limited), min(Int(limited) + 1, from - 1), limited - limited.rounded(.down))
  }
  var result: [Double] = []
  for y in 0..<to.1 {
    let (top, bottom, fy) = position(y, from.1, to.1)
    for x in 0..<to.0 {
      let (left, right, fx) = position(x, from.0, to.0)
      for c in 0..<2 {
        func mixed(_ row: Int) -> Double {
          let near = Double(values[(row * from.0 + left) * 2 + c])
          let far = Double(values[(row * from.0 + right) * 2 + c])
          return near * (1 - fx) + far * fx
        }
        result.append(mixed(top) * (1 - fy) + mixed(bottom) * fy)
      }
    }
  }
  return result
}

@Suite struct BilinearResampling {
  @Test func halfIsTheMeanOfFour() {
    let image = RGBImage(width: 4, height: 2, pixels: row([1, 2, 10, 20]).pixels + row([3, 5, 30, 41]).pixels)
    #expect(greys(image.resizedBilinear(width: 2, height: 1)) == [3, 25])
  }

  /// Weights 1/4 and 3/4 by hand, the edge repeated.
  @Test func doublingByHand() {
    #expect(greys(row([0, 100, 20]).resizedBilinear(width: 6, height: 1)) == [0, 25, 75, 80, 40, 20])
  }

  /// Within one grey level of exact arithmetic (fixed point of 11 bits).
  @Test func closeToExactInterpolation() {
    for (i, from) in sizes.enumerated() {
      let image = noiseImage(from.0, from.1, seed: UInt64(i))
      let exact = image.pixels.map { Float($0) }
      for to in sizes {
        let expected = FloatResampling.bilinear(
          interleaved: exact, height: from.1, width: from.0, channels: 3, toHeight: to.1, toWidth: to.0)
        let found = image.resizedBilinear(width: to.0, height: to.1).pixels
        let worst = zip(found, expected).reduce(Float(0)) { max($0, abs(Float($1.0) - $1.1)) }
        #expect(worst <= 1, "\(from) to \(to)")
      }
    }
  }

  @Test func floatByDefinition() {
    var generator = SeededNoise()
    for from in sizes {
      for to in sizes {
        let values = (0..<from.0 * from.1 * 2).map { _ in generator.next() }
        let found = FloatResampling.bilinear(
          interleaved: values, height: from.1, width: from.0, channels: 2, toHeight: to.1, toWidth: to.0)
        let expected = naiveLinear(values, from, to)
        let worst = zip(found, expected).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
        // Positions are single precision: at 40 cells their last bit times a step of 20 is 5e-5.
        #expect(worst < 6e-5, "\(from) to \(to)")
      }
    }
  }

  @Test func planesEqualInterleaved() {
    var generator = SeededNoise()
    let planes = (0..<3 * 7 * 5).map { _ in generator.next() }
    let interleaved = (0..<35).flatMap { i in (0..<3).map { planes[$0 * 35 + i] } }
    let a = FloatResampling.bilinear(planes: planes, count: 3, height: 7, width: 5, toHeight: 4, toWidth: 12)
    let b = FloatResampling.bilinear(
      interleaved: interleaved, height: 7, width: 5, channels: 3, toHeight: 4, toWidth: 12)
    #expect(a == (0..<3).flatMap { c in (0..<48).map { b[$0 * 3 + c] } })
  }
}

@Suite struct NearestResampling {
  @Test func sourceIsTheFloor() {
    #expect(
      LabelMask(width: 5, height: 1, labels: [0, 1, 2, 3, 4]).resizedNearest(width: 3, height: 1).labels == [0, 1, 3])
    #expect(
      LabelMask(width: 2, height: 2, labels: [1, 2, 3, 4]).resizedNearest(width: 4, height: 3).labels == [
        1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4,
      ])
    #expect(greys(row([9, 8, 7]).resizedNearest(width: 6, height: 1)) == [9, 9, 8, 8, 7, 7])
    #expect(
      FloatResampling.nearest(interleaved: [1, 2, 3, 4], height: 2, width: 1, channels: 2, toHeight: 3, toWidth: 1) == [
        1, 2, 1, 2, 3, 4,
      ])
  }
}

/// Values in [-10, 10).
private struct SeededNoise {
  private var state: UInt64 = 1
  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) / 16_777_216 * 20 - 10
  }
}
