import CPUBackend
import Networks
import NeuralNet
import PSA
import Tensors
import TestSupport
import Testing

private let kernels = CPUKernels(threads: 2)

/// AffinityNet, its labels and loss, and the random walk of the reference: affinity.h5.
@Suite("Golden: affinity", .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenAffinityTests {
  private static func cases(_ golden: GoldenFile) throws -> [String] {
    try golden.cases().filter { $0.hasPrefix("case") }
  }

  @Test("the order of the pairs")
  func offsets() throws {
    let golden = try Golden.open("affinity")
    let offsets = AffinityPairs(radius: try golden.integer("radius")).offsets.flatMap {
      [Double($0.dy), Double($0.dx)]
    }
    #expect(try golden.mismatch(offsets, "pair_offsets_dy_dx") == nil)
  }

  @Test("affinities of the reference's features")
  func fromFeatures() throws {
    let golden = try Golden.open("affinity")
    for name in try Self.cases(golden) {
      // The features are rounded to single precision, which the affinities' own tolerance leaves room for.
      #expect(try golden.mismatch(affinities(golden.tensor("\(name)/feature"), kernels: kernels), "\(name)/aff") == nil)
    }
  }

  @Test("pooling, the walk, enlarging, and the mask")
  func walk() throws {
    let golden = try Golden.open("affinity")
    let (beta, logt) = (Float(try golden.double("beta")), try golden.integer("logt"))
    for name in try Self.cases(golden) {
      let (rows, columns) = (try golden.integer("feat_h", of: name), try golden.integer("feat_w", of: name))
      let channels = try [0] + golden.integers("\(name)/labels_present").map { $0 + 1 }
      let scores = try golden.tensor("\(name)/cam")
      let cells = pooledScores(scores, kernels: kernels)
      #expect(
        try golden.mismatch(Self.spread(cells, channels, golden.shape("\(name)/cam_vec")), "\(name)/cam_vec") == nil)
      let walk = try RandomWalk(affinities: golden.tensor("\(name)/aff"), height: rows, width: columns, beta: beta)
      try Self.compareMatrices(walk, golden, name, cells: rows * columns, logt: logt)
      let walked = walk.walk(cells, logt: logt, threads: 2)
      #expect(
        try golden.mismatch(Self.spread(walked, channels, golden.shape("\(name)/cam_rw")), "\(name)/cam_rw") == nil)
      let seeds = upsampledScores(walked, height: scores.shape[1], width: scores.shape[2], kernels: kernels)
      #expect(try golden.mismatch(seeds, "\(name)/cam_rw_crop") == nil)
      try Self.compareMask(seeds, channels, golden, name)
    }
  }

  @Test("from maps and features to seeds in one call")
  func seeds() throws {
    let golden = try Golden.open("affinity")
    let parameters = SeedParameters(
      backgroundPower: Float(try golden.double("alpha")), beta: Float(try golden.double("beta")),
      logt: try golden.integer("logt"),
      radius: try golden.integer("radius"))
    for name in try Self.cases(golden) {
      let cam = try golden.tensor("\(name)/cam")
      let maps = cam.batch(1..<cam.shape[0])
      #expect(mismatch(withBackground(maps, power: parameters.backgroundPower), cam, tolerance: 1e-6, name) == nil)
      let seeds = try refinedSeeds(
        maps, features: golden.tensor("\(name)/feature"), parameters: parameters, kernels: kernels, threads: 2)
      #expect(try golden.mismatch(seeds, "\(name)/cam_rw_crop") == nil)
    }
  }

  @Test("the whole network: features from images")
  func network() throws {
    let golden = try Golden.open("affinity")
    let network = AffinityNet(backbone: ResNet38())
    for parameter in network.parameters {
      parameter.value = golden.generator.parameter(parameter.name, parameter.value.shape)
    }
    for name in try Self.cases(golden) {
      let context = Context(kernels: kernels)
      let features = network.features(context.constant(try golden.tensor("\(name)/x_padded")))
      // One element of a deep network may lie at the edge of the tolerance of another summation order.
      #expect(try golden.mismatch(features.value, "\(name)/feature", relativeL2: 2e-6) == nil)
      #expect(try golden.mismatch(affinities(features).value, "\(name)/aff", relativeL2: 2e-6) == nil)
    }
  }

  @Test("labels, pairs, loss and gradient of training")
  func training() throws {
    let golden = try Golden.open("affinity")
    for name in try golden.cases("train") {
      let stacked = try golden.tensor("\(name)/label_scores_hwc")
      let half = stacked.shape[2] / 2
      let labels = affinityLabels(
        low: Self.planes(stacked, 0..<half), high: Self.planes(stacked, half..<2 * half), kernels: kernels)
      #expect(try golden.mismatch(labels.labels, "\(name)/label") == nil)
      let targets = AffinityTargets(labels)
      let shape = targets.background.shape
      for (kind, found) in [("bg_pos", targets.background), ("fg_pos", targets.foreground), ("neg", targets.negative)] {
        #expect(try golden.mismatch(found.reshaped([shape[1], shape[2]]), "\(name)/\(kind)") == nil)
      }
      let context = Context(kernels: kernels, mode: .training)
      let features = context.input(try golden.tensor("\(name)/feature"))
      let affinity = affinities(features)
      #expect(try golden.mismatch(affinity.value, "\(name)/aff") == nil)
      let loss = AffinityLoss(affinity, targets)
      for (term, found) in [
        ("bg_loss", loss.background), ("fg_loss", loss.foreground), ("neg_loss", loss.negative), ("loss", loss.total),
      ] {
        #expect(try golden.mismatch(found.value, "\(name)/\(term)") == nil)
      }
      loss.total.backward()
      #expect(try golden.mismatch(try #require(features.gradient), "\(name)/dfeature") == nil)
    }
  }

  /// The transition matrix and its power, read off walks from single cells.
  private static func compareMatrices(_ walk: RandomWalk, _ golden: GoldenFile, _ name: String, cells: Int, logt: Int)
    throws
  {
    let diagonal = (0..<cells * cells).map { Float($0 % (cells + 1) == 0 ? 1 : 0) }
    let identity = Tensor([cells, walk.height, walk.width], diagonal)
    for (steps, dataset) in [(0, "trans0"), (logt, "trans_pow")] where golden.contains("\(name)/\(dataset)") {
      let matrix = walk.walk(identity, logt: steps, threads: 2).reshaped([cells, cells])
      #expect(try golden.mismatch(matrix, "\(name)/\(dataset)") == nil)
    }
  }

  private static func compareMask(_ seeds: Tensor, _ channels: [Int], _ golden: GoldenFile, _ name: String) throws {
    let area = seeds.shape[1] * seeds.shape[2]
    let values = seeds.values
    let (_, expected) = try golden.labels("\(name)/mask")
    let wrong = (0..<area).filter { pixel in
      var best = 0
      for c in channels.indices where values[c * area + pixel] > values[best * area + pixel] { best = c }
      // Two scores closer than the tolerance may change places.
      let stored = channels.firstIndex(of: Int(expected[pixel])) ?? 0
      return best != stored && values[best * area + pixel] - values[stored * area + pixel] > 3e-4
    }
    #expect(wrong.isEmpty, "\(name): \(wrong.count) labels differ")
  }

  /// Channels at their places among all classes, the others 0.
  private static func spread(_ tensor: Tensor, _ channels: [Int], _ shape: [Int]) -> Tensor {
    let (values, area) = (tensor.values, Shape(shape).count / shape[0])
    var result = [Float](repeating: 0, count: shape[0] * area)
    for (index, channel) in channels.enumerated() {
      for i in 0..<area { result[channel * area + i] = values[index * area + i] }
    }
    return Tensor(Shape(shape), result)
  }

  private static func planes(_ interleaved: Tensor, _ channels: Range<Int>) -> Tensor {
    let (height, width, count) = (interleaved.shape[0], interleaved.shape[1], interleaved.shape[2])
    let values = interleaved.values
    return Tensor(
      [channels.count, height, width], channels.flatMap { c in (0..<height * width).map { values[$0 * count + c] } })
  }
}
