import DenseCRF
import Foundations
import Tensors
import TestSupport
import Testing

/// A small image of two noisy regions with a border between them, and a map that knows the border badly.
private struct Scene {
  let width: Int, height: Int, labels: Int
  let rgb: [UInt8]
  let probabilities: Tensor

  init(width: Int, height: Int, labels: Int, seed: UInt64 = 1) {
    (self.width, self.height, self.labels) = (width, height, labels)
    var generator = SeededGenerator(seed: seed, "crf", "\(width)x\(height)x\(labels)")
    rgb = (0..<width * height).flatMap { pixel -> [UInt8] in
      let base = pixel % width < width / 2 ? 60 : 170
      return (0..<3).map { _ in UInt8(base + generator.integer(0...20)) }
    }
    probabilities = Tensor([labels, height, width], (0..<labels * height * width).map { _ in generator.unit() })
  }

  var planes: [[Float]] {
    let values = probabilities.values
    return (0..<labels).map { Array(values[$0 * width * height..<($0 + 1) * width * height]) }
  }

  func infer(_ p: DenseCRFParameters, threads: Int = 1, cache: DenseCRFCache? = nil) throws -> Tensor {
    try DenseCRF(width: width, height: height, rgb: rgb, parameters: p, threads: threads, cache: cache).infer(
      probabilities: probabilities)
  }

  func tensor(_ q: [[Double]]) -> Tensor { Tensor([labels, height, width], q.joined().map { Float($0) }) }
}

@Suite("Dense CRF") struct DenseCRFTests {
  @Test(
    "agrees with a lattice kept in a dictionary",
    arguments: [
      (7, 5, 2), (9, 8, 3), (6, 11, 4), (5, 4, 7), (8, 3, 8), (5, 6, 9), (4, 4, 21), (3, 4, 17), (3, 3, 40), (1, 9, 2),
    ])
  func latticeTwin(width: Int, height: Int, labels: Int) throws {
    let scene = Scene(width: width, height: height, labels: labels)
    for p in [
      DenseCRFParameters(iterations: 3),
      DenseCRFParameters(gaussianSpread: 1.7, bilateralSpread: 5, colourSpread: 4, iterations: 10),
      DenseCRFParameters(gaussianWeight: 0, iterations: 2),
      DenseCRFParameters(bilateralWeight: 0, iterations: 2, scaleFactor: 3),
      DenseCRFParameters(gaussianWeight: 300, bilateralWeight: 900, iterations: 2), DenseCRFParameters(iterations: 0),
    ] {
      let twin = NaiveCRF.lattice(width: width, height: height, rgb: scene.rgb, p).infer(scene.planes)
      for threads in [1, 3] {
        let difference = mismatch(
          try scene.infer(p, threads: threads), scene.tensor(twin), tolerance: 3e-5, "\(threads) threads")
        #expect(difference == nil, "\(p)")
      }
    }
  }

  @Test("comes near to exact Gaussian kernels", arguments: [2, 3, 5])
  func exactTwin(labels: Int) throws {
    // The lattice's kernel is not a Gaussian, only close: weak weights keep the difference from deciding pixels.
    let scene = Scene(width: 14, height: 12, labels: labels)
    let p = DenseCRFParameters(
      gaussianWeight: 0.5, bilateralSpread: 30, colourSpread: 20, bilateralWeight: 1, iterations: 5)
    let twin = NaiveCRF.exact(width: 14, height: 12, rgb: scene.rgb, p).infer(scene.planes)
    let q = try scene.infer(p)
    #expect(mismatch(q, scene.tensor(twin), tolerance: 0.05) == nil)
  }

  @Test("a map that is constant within regions of one colour moves to their border")
  func sharpens() throws {
    let (width, height) = (40, 20)
    let rgb = (0..<width * height).flatMap { pixel in [UInt8](repeating: pixel % width < 24 ? 30 : 220, count: 3) }
    // The map puts the border at column 20, four columns too early, and is unsure.
    let first = (0..<width * height).map { pixel in pixel % width < 20 ? Float(0.6) : 0.4 }
    let q = try DenseCRF(width: width, height: height, rgb: rgb)
      .infer(probabilities: Tensor([2, height, width], first + first.map { 1 - $0 }))
    for y in 0..<height {
      for x in 0..<width { #expect((q[0, y, x] > 0.5) == (x < 24), "column \(x), row \(y)") }
    }
  }

  @Test("probabilities of exactly 0 and 1, and sums of 1 in the result")
  func exactProbabilities() throws {
    let certain = Tensor([3, 2, 2], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1])
    let rgb = [UInt8](repeating: 100, count: 12)
    for iterations in [0, 1, 10] {
      let q = try DenseCRF(width: 2, height: 2, rgb: rgb, parameters: DenseCRFParameters(iterations: iterations)).infer(
        probabilities: certain)
      for y in 0..<2 {
        for x in 0..<2 {
          let values = (0..<3).map { q[$0, y, x] }
          #expect(values.allSatisfy { $0 >= 0 && $0 <= 1 })
          #expect(abs(values.reduce(0, +) - 1) < 1e-6)
        }
      }
    }
  }

  @Test("no iteration clips and normalises")
  func zeroIterations() throws {
    let q = try DenseCRF(width: 1, height: 1, rgb: [1, 2, 3], parameters: DenseCRFParameters(iterations: 0, clip: 0.1))
      .infer(probabilities: Tensor([3, 1, 1], [0, 0.3, 7]))
    #expect(mismatch(q, Tensor([3, 1, 1], [0.1 / 1.4, 0.3 / 1.4, 1 / 1.4]), tolerance: 1e-6) == nil)
  }

  @Test("one label is certain everywhere")
  func oneLabel() throws {
    let scene = Scene(width: 5, height: 3, labels: 1)
    #expect(mismatch(try scene.infer(DenseCRFParameters()), Tensor(repeating: 1, [1, 3, 5]), tolerance: 1e-6) == nil)
  }

  @Test("one pixel keeps its order of labels", arguments: 1...9)
  func onePixel(labels: Int) throws {
    let p = Tensor([labels, 1, 1], (0..<labels).map { Float($0 + 1) / 100 })
    let q = try DenseCRF(width: 1, height: 1, rgb: [0, 255, 0], threads: 4).infer(probabilities: p).values
    #expect(q == q.sorted())
    #expect(abs(q.reduce(0, +) - 1) < 1e-6)
  }

  @Test("same threads, same bits; other threads, rounding only")
  func threads() throws {
    let scene = Scene(width: 61, height: 47, labels: 3)
    let p = DenseCRFParameters(iterations: 5)
    let one = try scene.infer(p, threads: 1)
    for threads in [1, 2, 3, 8, 40] {
      let first = try scene.infer(p, threads: threads)
      #expect(first == (try scene.infer(p, threads: threads)), "\(threads) threads")
      #expect(mismatch(first, one, tolerance: 2e-4, "\(threads) threads") == nil)
    }
  }

  @Test("a cache changes no bit and holds no more than its capacity")
  func cache() throws {
    let cache = DenseCRFCache(capacity: 2)
    for width in [9, 10, 9, 11, 12, 9] {
      let scene = Scene(width: width, height: 6, labels: 2)
      #expect(try scene.infer(DenseCRFParameters(), cache: cache) == scene.infer(DenseCRFParameters()))
      #expect(cache.count <= 2)
    }
  }

  @Test("maps that are not numbers, or not of the image's size, are refused by name")
  func refusals() throws {
    let crf = try DenseCRF(width: 3, height: 2, rgb: [UInt8](repeating: 0, count: 18))
    let wrongSize = #expect(throws: Failure.self) { try crf.infer(probabilities: Tensor(zeros: [2, 3, 2])) }
    #expect(wrongSize?.message == "probability map is 2x3, image is 3x2")
    for value in [Float.nan, .infinity, -.infinity] {
      var map = Tensor(zeros: [2, 2, 3])
      map[1, 1, 0] = value
      let refused = #expect(throws: Failure.self) { try crf.infer(probabilities: map) }
      #expect(refused?.message == "probability of label 1 at column 0, row 1 is not finite")
    }
    #expect(throws: Failure.self) { try crf.infer(probabilities: Tensor(zeros: [0, 2, 3])) }
    #expect(throws: Failure.self) { try crf.infer(probabilities: Tensor(zeros: [2, 3])) }
    #expect(throws: Failure.self) { try DenseCRF(width: 3, height: 2, rgb: [0]) }
    #expect(throws: Failure.self) { try DenseCRF(width: 0, height: 2, rgb: []) }
  }

  @Test("parameters out of range are refused")
  func parameterRange() {
    for p in [
      DenseCRFParameters(gaussianSpread: 0), DenseCRFParameters(bilateralSpread: -1),
      DenseCRFParameters(colourSpread: .nan),
      DenseCRFParameters(bilateralWeight: -1), DenseCRFParameters(iterations: -1),
      DenseCRFParameters(scaleFactor: .infinity),
      DenseCRFParameters(clip: 0), DenseCRFParameters(clip: 2),
    ] {
      #expect(throws: Failure.self) { try p.validate() }
    }
    // A lattice too fine to be numbered is an error, not a wrong result.
    #expect(throws: Failure.self) {
      try DenseCRF(
        width: 40, height: 2, rgb: [UInt8](repeating: 0, count: 240),
        parameters: DenseCRFParameters(bilateralSpread: 1e-5, colourSpread: 1e-4))
    }
  }
}
