import Imaging
import Tensors

/// The normalisation of input colours: (value / 255 - mean) / deviation for each channel.
public struct Normalisation: Sendable, Equatable {
  /// Red, green, blue, in 0...1.
  public let mean: [Double]
  public let deviation: [Double]

  public init(mean: [Double], deviation: [Double]) {
    precondition(mean.count == 3 && deviation.count == 3, "three channels")
    self.mean = mean
    self.deviation = deviation
  }

  /// The values of ImageNet that every network here is trained with.
  public static let standard = Normalisation(mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225])

  /// The 8-bit colour that is nearest to zero after normalisation: what stands for padding in an image.
  public var meanColour: RGB {
    let bytes = mean.map { UInt8(($0 * 255).rounded()) }
    return RGB(bytes[0], bytes[1], bytes[2])
  }

  /// The image as (3, height, width), red first. Computed in double precision for each of the 256 values and rounded
  /// once.
  public func tensor(_ image: RGBImage) -> Tensor {
    tensor(image, rows: 0..<image.height, columns: 0..<image.width)
  }

  /// The same with zeros outside the given window.
  func tensor(_ image: RGBImage, rows: Range<Int>, columns: Range<Int>) -> Tensor {
    let (width, height) = (image.width, image.height)
    let tables = zip(mean, deviation).map { mean, deviation in
      (0..<256).map { Float((Double($0) / 255 - mean) / deviation) }
    }
    var values = [Float](repeating: 0, count: 3 * height * width)
    for (channel, table) in tables.enumerated() {
      for y in rows {
        let line = y * width
        let plane = channel * height * width + line
        for x in columns { values[plane + x] = table[Int(image.pixels[(line + x) * 3 + channel])] }
      }
    }
    return Tensor([3, height, width], values)
  }
}

extension RGBImage {
  /// The image as the input of a network: (1, 3, height, width), normalised.
  public var networkInput: Tensor { Normalisation.standard.tensor(self).reshaped([1, 3, height, width]) }
}
