import Foundations
import MethodChoices

/// The numbers of a fully connected CRF with a position-only and a position-and-colour kernel (Krähenbühl & Koltun
/// 2011, Eq. 3).
///
/// The energy of a labelling is sum_i -log p_i(l_i) + sum_{i<j} [l_i != l_j] (w_g k_g(i, j) + w_b k_b(i, j)) with k_g =
/// exp(-|x_i - x_j|^2 / 2 s_g^2) and k_b = exp(-|x_i - x_j|^2 / 2 s_b^2 - |c_i - c_j|^2 / 2 s_c^2); positions in
/// pixels, colours in 0...255. The defaults are those of the seeds (ten iterations); training uses three.
public struct DenseCRFParameters: Sendable, Hashable, Codable {
  /// s_g, in pixels of the full image. > 0.
  public var gaussianSpread: Float
  /// w_g >= 0; 0 leaves the kernel out.
  public var gaussianWeight: Float
  /// s_b, in pixels of the full image. > 0.
  public var bilateralSpread: Float
  /// s_c, in grey levels. > 0.
  public var colourSpread: Float
  /// w_b >= 0; 0 leaves the kernel out.
  public var bilateralWeight: Float
  /// Mean-field updates; 0 only clips and normalises the probabilities.
  public var iterations: Int
  /// The two position spreads are divided by it: image side over the side of the map that the CRF runs on. > 0.
  public var scaleFactor: Float
  /// Probabilities are clipped to clip...1, so that an exact 0 stays reachable. 0 < clip <= 1.
  public var clip: Float

  public init(
    gaussianSpread: Float = Float(CRFDefaults.gaussianSpread),
    gaussianWeight: Float = Float(CRFDefaults.gaussianWeight),
    bilateralSpread: Float = Float(CRFDefaults.bilateralSpread), colourSpread: Float = Float(CRFDefaults.colourSpread),
    bilateralWeight: Float = Float(CRFDefaults.bilateralWeight), iterations: Int = CRFDefaults.iterations,
    scaleFactor: Float = 1, clip: Float = 1e-5
  ) {
    self.gaussianSpread = gaussianSpread
    self.gaussianWeight = gaussianWeight
    self.bilateralSpread = bilateralSpread
    self.colourSpread = colourSpread
    self.bilateralWeight = bilateralWeight
    self.iterations = iterations
    self.scaleFactor = scaleFactor
    self.clip = clip
  }

  /// The largest weight of a kernel. A degree is the square root of at least 1e-20, so a point's factor is at most
  /// sqrt(w) 1e10 and the product of two at most w 1e20. Summed over at most 2^31 points that is 2.2e29 w, which
  /// single precision, up to 3.4e38, holds for w <= 1e9; a thousandth of that is let pass, far more than decides any
  /// pixel: exp(-100) is 0 beside 1 in single precision.
  public static let mostWeight: Float = 1_000_000
  /// The smallest clip. Marginals are divided by their sum, which may be as small as a clipped probability: its
  /// inverse is finite from 2.9e-39 on, and numbers below 1.2e-38 lose bits.
  public static let leastClip: Float = 1e-37

  /// Throws a `Failure` of kind `.usage` that names the first value out of its range.
  public func validate() throws {
    for (name, value) in [
      ("gaussianSpread", gaussianSpread), ("bilateralSpread", bilateralSpread), ("colourSpread", colourSpread),
      ("scaleFactor", scaleFactor),
      ("clip", clip),
    ] where !(value > 0 && value.isFinite) {
      throw Failure(.usage, "CRF parameter \(name) must be positive, found \(value)")
    }
    for (name, value) in [("gaussianWeight", gaussianWeight), ("bilateralWeight", bilateralWeight)]
    where !(value >= 0 && value.isFinite) {
      throw Failure(.usage, "CRF parameter \(name) must not be negative, found \(value)")
    }
    for (name, value) in [("gaussianWeight", gaussianWeight), ("bilateralWeight", bilateralWeight)]
    where value > Self.mostWeight {
      throw Failure(.usage, "CRF parameter \(name) must be at most \(Int(Self.mostWeight)), found \(value)")
    }
    guard clip >= Self.leastClip else {
      throw Failure(.usage, "CRF parameter clip must be at least \(Self.leastClip), found \(clip)")
    }
    guard clip <= 1 else { throw Failure(.usage, "CRF parameter clip must be at most 1, found \(clip)") }
    guard iterations >= 0 else {
      throw Failure(.usage, "CRF parameter iterations must not be negative, found \(iterations)")
    }
  }
}
