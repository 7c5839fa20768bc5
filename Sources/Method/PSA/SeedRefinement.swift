import Foundations
import MethodChoices
import Tensors

/// The numbers of the walk from class activation maps to p^K0 (PSA, section 3.3).
public struct SeedParameters: Sendable, Hashable, Codable {
  /// Exponent of the background score; PSA calls it alpha.
  public var backgroundPower: Float
  /// Exponent of the affinities.
  public var beta: Float
  /// 2^logt steps of the walk.
  public var logt: Int
  /// Radius of the pairs, in cells.
  public var radius: Int
  /// Pixels per cell, along each axis.
  public var stride: Int

  public init(
    backgroundPower: Float = Float(SeedDefaults.backgroundPower), beta: Float = Float(SeedDefaults.affinityPower),
    logt: Int = SeedDefaults.logSteps, radius: Int = SeedDefaults.radius, stride: Int = 8
  ) {
    self.backgroundPower = backgroundPower
    self.beta = beta
    self.logt = logt
    self.radius = radius
    self.stride = stride
  }
}

extension SeedParameters {
  /// Fails with `.usage`, naming the first value out of its range.
  ///
  /// `RandomWalk.walk` counts 2^logt steps, up to 2^30. A cell has about pi r^2 neighbours and a coefficient of 4
  /// bytes for each: at a radius of 64 cells that is 51 KB per cell, 180 MB for the 3,500 cells of a photograph of 500
  /// x 448.
  public func validate() throws {
    guard backgroundPower > 0, backgroundPower.isFinite else {
      throw Failure(
        .usage, expected: "a finite exponent above 0", found: "\(backgroundPower)", item: "background power")
    }
    guard beta >= 0, beta.isFinite else {
      throw Failure(.usage, expected: "a finite exponent, 0 or more", found: "\(beta)", item: "beta")
    }
    guard (0...30).contains(logt) else { throw Failure(.usage, expected: "0 to 30", found: "\(logt)", item: "logt") }
    guard (1...64).contains(radius) else {
      throw Failure(.usage, expected: "1 to 64 cells", found: "\(radius)", item: "radius")
    }
    guard stride >= 1 else { throw Failure(.usage, expected: "at least 1 pixel", found: "\(stride)", item: "stride") }
  }
}

/// The random walk over an image: scores of pixels to scores of cells.
///
/// - Parameters:
///   - scores: (1 + present classes, height, width), background first, of `withBackground`.
///   - features: (1, C, h, w) of AffinityNet for the image padded on the right and below to a multiple of the stride.
///   - threads: of the walk, which runs beside the kernels.
/// - Returns: (1 + present classes, h, w), h and w being the image's sides over the stride, rounded up.
/// - Throws: `Failure` `.data` where features are not finite.
public func walkedCells(
  _ scores: Tensor, features: Tensor, parameters: SeedParameters = SeedParameters(), kernels: any Kernels, threads: Int
) throws -> Tensor {
  try parameters.validate()
  let cells = pooledScores(scores, stride: parameters.stride, kernels: kernels)
  precondition(
    features.shape.rank == 4 && features.shape[0] == 1 && features.shape[2] == cells.shape[1]
      && features.shape[3] == cells.shape[2],
    "features \(features.shape) for cells \(cells.shape)")
  // An image of few cells has fewer neighbours.
  let pairs = AffinityPairs(radius: parameters.radius).fitting(height: cells.shape[1], width: cells.shape[2])
  let walk = try RandomWalk(
    affinities: affinities(features, pairs: pairs, kernels: kernels), height: cells.shape[1], width: cells.shape[2],
    pairs: pairs,
    beta: parameters.beta)
  return walk.walk(cells, logt: parameters.logt, threads: threads)
}

/// p^K0: the scores of background and present classes after the random walk over an image.
///
/// - Parameters:
///   - maps: (present classes, height, width) in 0...1, of `CAMFusion.normalised`.
///   - features, threads: as for `walkedCells`.
/// - Returns: (1 + present classes, height, width), background first. They are scores, not probabilities: their sum is
///   not 1.
/// - Throws: `Failure` `.data` where features are not finite.
package func refinedSeeds(
  _ maps: Tensor, features: Tensor, parameters: SeedParameters = SeedParameters(), kernels: any Kernels, threads: Int
) throws -> Tensor {
  let cells = try walkedCells(
    withBackground(maps, power: parameters.backgroundPower), features: features, parameters: parameters,
    kernels: kernels,
    threads: threads)
  return upsampledScores(
    cells, height: maps.shape[1], width: maps.shape[2], stride: parameters.stride, kernels: kernels)
}
