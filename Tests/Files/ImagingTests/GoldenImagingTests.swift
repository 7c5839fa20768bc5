import Imaging
import TestSupport
import Testing

private func image(_ golden: GoldenFile, _ name: String) throws -> RGBImage {
  let shape = try golden.shape(name)
  return RGBImage(width: shape[1], height: shape[0], pixels: try golden.bytes(name))
}

@Suite(.enabled(if: Golden.isAvailable, "\(Golden.absence)")) struct GoldenResampling {
  private let golden: GoldenFile

  init() throws { golden = try Golden.open("resize") }

  private func compare(_ group: String, _ resize: (RGBImage, Int, Int) -> RGBImage) throws {
    let cases = try golden.cases(group)
    #expect(!cases.isEmpty)
    for name in cases {
      let source = try image(golden, "src/\(golden.string("src", of: name))")
      let (width, height) = (try golden.integer("out_w", of: name), try golden.integer("out_h", of: name))
      let result = resize(source, width, height)
      #expect(try golden.mismatch(result.pixels, shape: [height, width, 3], "\(name)/y") == nil)
    }
  }

  @Test func bicubic() throws { try compare("pil_bicubic") { $0.resizedBicubic(width: $1, height: $2) } }
  @Test func bilinear() throws { try compare("cv2_linear_u8") { $0.resizedBilinear(width: $1, height: $2) } }
  @Test func nearest() throws { try compare("cv2_nearest_u8") { $0.resizedNearest(width: $1, height: $2) } }

  @Test func floats() throws {
    let cases = try golden.cases("cv2_linear_f32")
    #expect(!cases.isEmpty)
    for name in cases {
      let x = try golden.tensor("\(name)/x")
      let (height, width, channels) = (x.shape[0], x.shape[1], x.shape[2])
      let (toHeight, toWidth) = (try golden.integer("out_h", of: name), try golden.integer("out_w", of: name))
      let linear = FloatResampling.bilinear(
        interleaved: x.values, height: height, width: width, channels: channels, toHeight: toHeight, toWidth: toWidth)
      #expect(try golden.mismatch(linear.map { Double($0) }, shape: [toHeight, toWidth, channels], "\(name)/y") == nil)
      let nearest = FloatResampling.nearest(
        interleaved: x.values, height: height, width: width, channels: channels, toHeight: toHeight, toWidth: toWidth)
      #expect(
        try golden.mismatch(nearest.map { Double($0) }, shape: [toHeight, toWidth, channels], "\(name)/y_nearest")
          == nil)
    }
  }
}

@Suite(.enabled(if: Golden.isAvailable, "\(Golden.absence)")) struct GoldenColours {
  private let golden: GoldenFile

  init() throws { golden = try Golden.open("jitter") }

  @Test func spaces() throws {
    for group in try golden.cases() {
      let source = try image(golden, "\(group)/src")
      let hsv = source.hsv()
      #expect(try golden.mismatch(source.luma(), "\(group)/gray_L") == nil)
      #expect(try golden.mismatch(hsv, "\(group)/hsv") == nil)
      let back = RGBImage(width: source.width, height: source.height, hsv: hsv)
      #expect(try golden.mismatch(back.pixels, "\(group)/hsv_back") == nil)
    }
  }

  @Test(arguments: ColourJitter.Operation.allCases) func single(operation: ColourJitter.Operation) throws {
    var compared = 0
    for group in try golden.cases() {
      let source = try image(golden, "\(group)/src")
      for name in try golden.file.datasetNames(in: group).filter({ $0.hasPrefix("\(operation)_") }).map({
        "\(group)/\($0)"
      }) {
        let factor = try golden.double("factor", of: name)
        let jitter = ColourJitter(
          order: [operation], brightness: factor, contrast: factor, saturation: factor, hue: factor)
        #expect(try golden.mismatch(jitter.apply(source).pixels, name) == nil)
        compared += 1
      }
    }
    #expect(compared > 0)
  }

  @Test func chains() throws {
    var compared = 0
    for group in try golden.cases() {
      let source = try image(golden, "\(group)/src")
      for name in try golden.file.datasetNames(in: group).filter({ $0.hasPrefix("chain_") }).map({ "\(group)/\($0)" }) {
        let factors = try golden.file.doubles("factors", of: name)
        let order = try golden.file.integers("order", of: name).compactMap(ColourJitter.Operation.init(rawValue:))
        let jitter = ColourJitter(
          order: order, brightness: factors[0], contrast: factors[1], saturation: factors[2], hue: factors[3])
        #expect(try golden.mismatch(jitter.apply(source).pixels, name) == nil)
        compared += 1
      }
    }
    #expect(compared > 0)
  }
}

@Suite(.enabled(if: Golden.isAvailable, "\(Golden.absence)")) struct GoldenPalette {
  @Test func voc() throws {
    let golden = try Golden.open("eval")
    let flat = Palette.voc.colours.flatMap { [$0.red, $0.green, $0.blue] }
    #expect(try golden.mismatch(flat, shape: [256, 3], "voc_palette", tolerance: 0) == nil)
  }
}
