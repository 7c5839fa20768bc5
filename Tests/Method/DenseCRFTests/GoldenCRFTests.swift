import DenseCRF
import Foundations
import TensorStore
import Tensors
import TestSupport
import Testing

/// Marginals of the reference's CRF package over images, label counts, widths, weights and iterations: crf.h5.
@Suite("Golden: dense CRF", .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenCRFTests {
  @Test("every case, with one and two threads", arguments: [1, 2])
  func cases(threads: Int) throws {
    let golden = try Golden.open("crf")
    let cases = try golden.cases("cases")
    #expect(!cases.isEmpty)
    let cache = DenseCRFCache()
    for name in cases {
      let image = "images/\(try golden.string("image", of: name))"
      let size = try golden.shape(image)
      let probabilities = try golden.tensor("\(name)/probs")
      for run in try golden.cases(name) {
        guard let iterations = run.split(separator: "/").last.flatMap({ Int($0.dropFirst()) }) else { continue }
        let crf = try DenseCRF(
          width: size[1], height: size[0], rgb: golden.bytes(image),
          parameters: Self.parameters(golden, name, iterations), threads: threads,
          cache: cache)
        try Self.compare(crf.infer(probabilities: probabilities), golden, run)
      }
    }
  }

  private static func parameters(_ golden: GoldenFile, _ name: String, _ iterations: Int) throws -> DenseCRFParameters {
    let factor = try golden.double("scale_factor", of: name)
    // The stored spreads of positions are divided by the scale factor already.
    return DenseCRFParameters(
      gaussianSpread: Float(try golden.double("sxy_gaussian", of: name) * factor),
      gaussianWeight: Float(try golden.double("compat_gaussian", of: name)),
      bilateralSpread: Float(try golden.double("sxy_bilateral", of: name) * factor),
      colourSpread: Float(try golden.double("srgb", of: name)),
      bilateralWeight: Float(try golden.double("compat_bilateral", of: name)), iterations: iterations,
      scaleFactor: Float(factor),
      clip: Float(try golden.double("clip", of: name)))
  }

  private static func compare(_ q: Tensor, _ golden: GoldenFile, _ run: String) throws {
    let (shape, expected) = try golden.file.readDoubles("\(run)/Q")
    #expect(q.shape.dimensions == shape, "\(run)")
    let tolerance = try #require(try golden.tolerance("\(run)/Q"))
    // Where the reference is stored in half precision, its values are multiples of 2^-11 around 1; ours are rounded the
    // same way.
    let isHalf = expected.allSatisfy { Double(Float(halfRounded: Float($0))) == $0 }
    let actual = q.values.map { isHalf ? Double(Float(halfRounded: $0)) : Double($0) }
    let differences = zip(actual, expected).map { abs($0 - $1) }
    let mean = differences.reduce(0, +) / Double(differences.count)
    let usual = isHalf ? 3e-3 : 2e-3
    #expect(mean <= (try golden.double("tol_mean", of: "\(run)/Q")), "\(run): mean difference \(mean)")
    #expect(Double(differences.filter { $0 > usual }.count) <= 0.01 * Double(differences.count), "\(run)")
    #expect(differences.max() ?? 0 <= tolerance, "\(run): largest difference \(differences.max() ?? 0)")

    let (_, map) = try golden.labels("\(run)/MAP")
    let (pixels, values) = (map.count, q.values)
    let other = (0..<pixels).filter { pixel in
      let best = (0..<shape[0]).max { values[$0 * pixels + pixel] < values[$1 * pixels + pixel] }
      return best != Int(map[pixel])
    }
    let allowed = max(pixels / 1000, 2 * (try golden.integer("low_margin_pixels", of: "\(run)/MAP")))
    #expect(other.count <= allowed, "\(run): \(other.count) of \(pixels) labels differ")
  }
}

extension Float {
  /// The nearest half-precision number: eleven significant bits, steps of 2^-24 below 2^-14.
  fileprivate init(halfRounded value: Float) {
    guard value != 0 else {
      self = 0
      return
    }
    let step = Float(sign: .plus, exponent: Swift.max(Int(value.exponent), -14) - 10, significand: 1)
    self = (value / step).rounded(.toNearestOrEven) * step
  }
}
