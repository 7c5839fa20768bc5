import Foundation
import Foundations
import Imaging

/// The bytes that a base64 fixture stands for.
func bytes(_ base64: String) -> [UInt8] { Data(base64Encoded: base64).map { Array($0) } ?? [] }

/// Noise with a seed: every byte uniform.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var generator = SeededGenerator(seed: seed, "noise")
  return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 32) }
}

func noiseImage(_ width: Int, _ height: Int, seed: UInt64 = 1) -> RGBImage {
  RGBImage(width: width, height: height, pixels: noise(width * height * 3, seed: seed))
}

/// A grey row as an image of height 1, and back.
func row(_ values: [UInt8]) -> RGBImage {
  RGBImage(width: values.count, height: 1, pixels: values.flatMap { [$0, $0, $0] })
}
func greys(_ image: RGBImage) -> [UInt8] { stride(from: 0, to: image.pixels.count, by: 3).map { image.pixels[$0] } }

/// The description of the failure that `body` throws; nil where it throws none.
func failure(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch let failure as Failure {
    return failure.description
  } catch {
    return "not a Failure: \(error)"
  }
}

/// The largest difference of a channel in grey levels.
func largestDifference(_ a: RGBImage, _ b: RGBImage) -> Int {
  zip(a.pixels, b.pixels).reduce(0) { max($0, abs(Int($1.0) - Int($1.1))) }
}
