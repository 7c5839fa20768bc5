import CPUBackend
import Datasets
import DenseCRF
import Foundations
import Imaging
import LabelMasks
import PSA
import Tensors

/// Parameters of the kernels: any number that an option can be given, on small inputs. A kernel refuses it with a
/// `Failure(.usage)`, or computes numbers that are what they should be: finite and within their range.
struct KernelTarget: FuzzTarget {
  static let name = "kernels"
  static let about = "parameters of the CRF, the random walk, resampling, augmentation and affinities"
  static let refusals: Set<Failure.Kind> = [.usage, .data]

  init(_ setting: FuzzSetting) throws {}

  func run(_ index: Int) throws {
    var draw = Draw(index)
    switch index % 5 {
    case 0: try crf(&draw)
    case 1: try walk(&draw)
    case 2: try resampling(&draw)
    case 3: try augmentation(&draw)
    default: try affinity(&draw)
    }
  }

  // MARK: The CRF

  private func crf(_ draw: inout Draw) throws {
    let (width, height, labels) = (draw.count(1...24), draw.count(1...24), draw.count(1...26))
    let parameters = DenseCRFParameters(
      gaussianSpread: draw.number(usual: 3), gaussianWeight: draw.number(usual: 3),
      bilateralSpread: draw.number(usual: 80),
      colourSpread: draw.number(usual: 13), bilateralWeight: draw.number(usual: 10), iterations: draw.count(0...3),
      scaleFactor: draw.number(usual: 1),
      clip: draw.number(usual: 1e-5))
    let field = try DenseCRF(
      width: width, height: height, rgb: draw.bytes(3 * width * height), parameters: parameters,
      threads: draw.count(1...3))
    let result = try field.infer(probabilities: draw.tensor([labels, height, width]))
    for pixel in 0..<width * height {
      var sum: Float = 0
      for label in 0..<labels {
        let q = result.values[label * width * height + pixel]
        guard q >= 0, q <= 1.001 else { throw Self.wrong("a marginal of \(q)", parameters) }
        sum += q
      }
      guard abs(sum - 1) < 1e-3 else { throw Self.wrong("marginals with the sum \(sum)", parameters) }
    }
  }

  // MARK: The random walk

  private func walk(_ draw: inout Draw) throws {
    let (width, height) = (draw.count(1...80), draw.count(1...80))
    var parameters = SeedParameters(
      backgroundPower: draw.number(usual: 16), beta: draw.number(usual: 8), logt: draw.whole(usual: 3),
      radius: draw.whole(usual: 5), stride: draw.whole(usual: 8))
    parameters.stride = min(max(parameters.stride, 0), 1000)
    // A long walk is no other than a short one.
    if parameters.logt > 4, parameters.logt <= 30 { parameters.logt = 4 }
    try parameters.validate()
    // Scores of files are checked when they are read.
    let maps = withBackground(draw.tensor([2, height, width], isFinite: true), power: parameters.backgroundPower)
    let (rows, columns) = (
      (height + parameters.stride - 1) / parameters.stride, (width + parameters.stride - 1) / parameters.stride
    )
    let features = draw.tensor([1, 3, rows, columns])
    let kernels = CPUKernels(threads: draw.count(1...3))
    let cells = try walkedCells(
      maps, features: features, parameters: parameters, kernels: kernels, threads: draw.count(1...3))
    // Columns of the transition have the sum 1: no score grows beyond the largest, apart from rounding over 2^4 steps.
    try Self.require(cells, within: 0...1.01 * max(1, maps.values.max() ?? 1), parameters)
    try Self.require(
      upsampledScores(cells, height: height, width: width, stride: parameters.stride, kernels: kernels),
      within: 0...1.02 * max(1, maps.values.max() ?? 1),
      parameters)
  }

  // MARK: Resampling

  private func resampling(_ draw: inout Draw) throws {
    let image = draw.image(draw.count(1...60), draw.count(1...60))
    let scale = Double(draw.number(usual: 1))
    let size = try image.scaledSize(by: scale)
    guard size.width >= 1, size.height >= 1, size.width * size.height <= RGBImage.mostPixels else {
      throw Self.wrong("a size of \(size)", scale)
    }
    // What is within the limit and still large takes its time.
    guard size.width * size.height <= 1 << 18 else { return }
    let resized = try image.scaledBicubic(by: scale)
    guard resized.width == size.width, resized.height == size.height else {
      throw Self.wrong("\(resized.width)x\(resized.height)", scale)
    }
    _ = image.resizedBilinear(width: size.width, height: size.height)
    let mask = LabelMask(width: image.width, height: image.height, labels: draw.bytes(image.width * image.height))
    _ = mask.cropped(x: draw.count(-100...100), y: draw.count(-100...100), width: size.width, height: size.height)
    let kernels = CPUKernels(threads: draw.count(1...3))
    let planes = kernels.resizeBilinear(
      draw.tensor([1, 2, image.height, image.width], isFinite: true), height: size.height, width: size.width)
    try Self.require(planes, within: 0...1.0001, scale)
  }

  // MARK: Augmentation

  private func augmentation(_ draw: inout Draw) throws {
    let image = draw.image(draw.count(1...90), draw.count(1...90))
    let sides = [draw.count(1...300), draw.count(1...300)].sorted()
    let outputStride = [1, 2, 4, 8][draw.count(0...3)]
    let resizes: [AugmentationPolicy.Resize] = [.longSide(sides[0]...sides[1]), .square(sides[0]...sides[1]), .none]
    let policy = AugmentationPolicy(
      resize: resizes[draw.count(0...2)], interpolation: draw.count(0...1) == 0 ? .bicubic : .bilinear,
      jitter: draw.count(0...1) == 0 ? nil : AugmentationPolicy.Jitter(), crop: outputStride * draw.count(1...40),
      placement: draw.count(0...1) == 0 ? .random : .centre, outputStride: outputStride)
    let drawn = policy.draw(
      seed: draw.seed, epoch: draw.count(0...9), id: "x", width: image.width, height: image.height)
    let cropped = drawn.cropped(image)
    guard cropped.width == policy.crop, cropped.height == policy.crop else {
      throw Self.wrong("a crop of \(cropped.width)x\(cropped.height)", policy)
    }
    try Self.require(drawn.input(ofCropped: cropped), within: -4...4, policy)
    _ = drawn.thumbnail(ofCropped: cropped)
    try Self.require(
      drawn.scores(draw.tensor([2, draw.count(1...30), draw.count(1...30)], isFinite: true)), within: 0...1.0001, policy
    )
    _ = drawn.labels(
      LabelMask(width: image.width, height: image.height, labels: draw.bytes(image.width * image.height)))
  }

  // MARK: Affinities

  private func affinity(_ draw: inout Draw) throws {
    let (height, width) = (draw.count(1...24), draw.count(1...24))
    var parameters = SeedParameters()
    parameters.radius = draw.whole(usual: 5)
    try parameters.validate()
    let pairs = AffinityPairs(radius: parameters.radius).fitting(height: height, width: width)
    let values = affinities(
      draw.tensor([1, draw.count(1...5), height, width]), pairs: pairs,
      kernels: CPUKernels(threads: draw.count(1...3)))
    parameters.beta = abs(draw.number(usual: 8))
    try parameters.validate()
    let walk = try RandomWalk(affinities: values, height: height, width: width, pairs: pairs, beta: parameters.beta)
    try Self.require(values, within: 0...1, parameters)
    let scores = draw.tensor([draw.count(1...6), height, width], isFinite: true)
    try Self.require(walk.walk(scores, logt: 2), within: 0...1.01, parameters)
  }

  private static func require(_ tensor: Tensor, within range: ClosedRange<Float>, _ parameters: Any) throws {
    guard let bad = tensor.values.first(where: { !range.contains($0) }) else { return }
    throw wrong("a value of \(bad) outside of \(range)", parameters)
  }

  private static func wrong(_ what: String, _ parameters: Any) -> Failure {
    Failure(.software, "\(what) by \(parameters)")
  }
}

/// Draws of one input: numbers mostly as users give them, sometimes any that there are.
private struct Draw {
  private var generator: SeededGenerator
  let seed: UInt64

  init(_ index: Int) {
    generator = SeededGenerator(seed: 23, "kernels", String(index))
    seed = UInt64(index)
  }

  mutating func count(_ range: ClosedRange<Int>) -> Int { generator.integer(range) }

  private static let extremes: [Float] = [
    0, -0.0, 1, -1, .leastNonzeroMagnitude, 1e-38, 1e-30, 1e-5, 1e5, 1e20, 1e38, .greatestFiniteMagnitude,
    .leastNormalMagnitude,
    .infinity, -.infinity, .nan,
  ]

  /// Near `usual`, of any magnitude, or an extreme.
  mutating func number(usual: Float) -> Float {
    switch generator.integer(0...9) {
    case 0...5: usual * generator.uniform(0.5...2)
    case 6, 7: Float(sign: .plus, exponent: generator.integer(-149...127), significand: generator.uniform(1...2))
    case 8: usual * Float(sign: .plus, exponent: generator.integer(-20...20), significand: 1)
    default: Self.extremes[generator.integer(0...Self.extremes.count - 1)]
    }
  }

  /// The same of whole numbers.
  mutating func whole(usual: Int) -> Int {
    let extremes = [0, 1, -1, 2, 30, 31, 32, 63, 64, 65, 1000, Int(Int32.max), .max, .min]
    return generator.integer(0...3) == 0
      ? extremes[generator.integer(0...extremes.count - 1)] : generator.integer(0...2 * usual)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    // Even pictures have far fewer cells than noisy ones.
    let level = generator.integer(0...255)
    return (0..<count).map { _ in
      UInt8(level) &+ UInt8(truncatingIfNeeded: generator.next() & (level % 2 == 0 ? 255 : 3))
    }
  }

  mutating func image(_ width: Int, _ height: Int) -> RGBImage {
    RGBImage(width: width, height: height, pixels: bytes(3 * width * height))
  }

  /// Values in 0...1, many of them 0 or 1; now and then one that is no number.
  mutating func tensor(_ shape: Shape, isFinite: Bool = false) -> Tensor {
    let kind = generator.integer(0...3)
    var values = (0..<shape.count).map { _ in kind == 0 ? Float(generator.integer(0...1)) : generator.unit() }
    if !isFinite, kind == 1, generator.integer(0...9) == 0, !values.isEmpty {
      values[generator.integer(0...values.count - 1)] = [.nan, .infinity, -1][generator.integer(0...2)]
    }
    return Tensor(shape, values)
  }
}
