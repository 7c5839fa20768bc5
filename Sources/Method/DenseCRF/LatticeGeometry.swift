import Foundations

/// Where feature vectors lie in the permutohedral lattice of `dimension` + 1 coordinates (Adams, Baek & Davis 2010,
/// Sections 3 and 4), and how a lattice vertex is written as one 64-bit key.
///
/// The lattice lies in the hyperplane of coordinate sum 0. A feature f (in units of the kernel's standard deviation) is
/// embedded as e_j = sum_{i > j} c_i - j c_j, where c_i = f_i s_i (i = 1...d) and s_i = (d + 1) sqrt(2 / 3) / sqrt(i (i
/// + 1)): orthogonal axes of a length such that splatting, blurring once along each axis and slicing together have the
/// variance 1.
///
/// One step along axis j adds 1 to every coordinate and takes d + 1 from coordinate j, so on packed keys it is the
/// addition of `steps[j]`. A walk over all axes in some order comes back to where it began; the vertices that it passes
/// are those of a simplex.
struct LatticeGeometry: Sendable {
  let dimension: Int
  let scales: [Float]
  /// The packed key of the origin, and the packed weight of each stored coordinate (the last coordinate follows from
  /// the sum).
  let origin: UInt64
  let units: [UInt64]
  let steps: [UInt64]

  /// `largest[i]`: features lie in 0...largest[i]. Throws where keys would not fit in 63 bits.
  init(largest: [Float]) throws {
    let d = largest.count
    dimension = d
    let deviation = Float((2.0 / 3.0).squareRoot() * Double(d + 1))
    let scales = (1...d).map { i in Float(1 / (Double(i) * Double(i + 1)).squareRoot() * Double(deviation)) }
    var units: [UInt64] = []
    var origin: UInt64 = 0
    var bits = 0
    let margin = 3 * Double(d + 1)
    // A bound that is infinite or not a number is refused too.
    let reach = (0..<d).reduce(0.0) { $0 + Double($1 + 1) * Double(largest[$1]) * Double(scales[$1]) }
    guard reach <= Self.mostReach else { throw Self.tooFine }
    for j in 0..<d {
      let upper = (j..<d).reduce(margin) { $0 + Double(largest[$1]) * Double(scales[$1]) }
      let lower = (j == 0 ? 0 : Double(j) * Double(largest[j - 1]) * Double(scales[j - 1])) + margin
      guard upper + lower < 1e9, bits < 63 else { throw Self.tooFine }
      let offset = Int(lower.rounded(.up))
      units.append(1 << UInt64(bits))
      origin &+= UInt64(offset) &<< UInt64(bits)
      bits += Int.bitWidth - (offset + Int(upper.rounded(.up))).leadingZeroBitCount
    }
    guard bits <= 63 else { throw Self.tooFine }
    let all = units.reduce(0, &+)
    steps = units.map { all &- $0 &* UInt64(d + 1) } + [all]
    self.scales = scales
    self.units = units
    self.origin = origin
  }

  /// The largest |e_j| for which `SimplexFinder`, which computes in single precision, finds a simplex.
  ///
  /// Let E bound |e_j| and all sums and products that e_j is made of. Single precision has 24 significant bits, so an
  /// operation on such numbers errs by at most 2^-24 E; e_j takes at most 2 (d + 1) of them, so it errs by at most u
  /// = 2 (d + 1) 2^-24 E.
  /// 1. Rounding e_j / (d + 1) by adding 1.5 * 2^23 and taking it away is right for quotients up to 2^22: E <= 2^22
  ///    (d + 1).
  /// 2. One turn makes the ranks a permutation of 0...d where the excess, the sum of the d + 1 rounded quotients, is
  ///    at most d. The exact e_j have the sum 0
  ///    and rounding moves a quotient by at most 1/2, so |excess| <= u + (d + 1) / 2, which is below d + 1 for u < (d
  ///    + 1) / 2: E < 2^22. Beyond that a rank
  ///    may be outside of the arrays that it is an index into.
  /// 3. Weights are remainders over d + 1. They are to be known to an eighth: u <= (d + 1) / 8, so E <= 2^20.
  ///
  /// The third holds the others. A kernel that it refuses is narrower than 2^-19 of the image's side, far narrower
  /// than a pixel of any image.
  static let mostReach = Double(1 << 20)

  private static let tooFine = Failure(
    .usage, "the spreads of the CRF are too small for an image of this size: the lattice has too many cells")
}

/// The simplices around points, for eight points at a time. One a thread.
///
/// `locate` follows the paper's Section 4.2: round each coordinate to the nearest multiple of d + 1, repair the sum by
/// the ranks of the remainders, and read the barycentric weights off the sorted remainders.
struct SimplexFinder {
  /// Input: coordinate i of the eight features. At least `dimension` elements.
  let features: AlignedBuffer<SIMD8<Float>>
  private let embedded: AlignedBuffer<SIMD8<Float>>
  private let nearest: AlignedBuffer<SIMD8<Int32>>
  private let ranks: AlignedBuffer<SIMD8<Int32>>

  init(dimension: Int) {
    features = AlignedBuffer(repeating: .zero, count: dimension + 1)
    embedded = AlignedBuffer(count: dimension + 1)
    nearest = AlignedBuffer(count: dimension + 1)
    ranks = AlignedBuffer(count: dimension + 1)
  }

  /// Embeds the eight features and finds for each the remainder-0 vertex of its simplex and the rank of every axis.
  @inline(__always) func locate(dimension d: Int, scales: UnsafePointer<Float>) {
    let embedded = embedded.base, nearest = nearest.base, ranks = ranks.base
    var sum = SIMD8<Float>.zero
    for j in stride(from: d, to: 0, by: -1) {
      let c = features.base[j - 1] * scales[j - 1]
      embedded[j] = sum - c * Float(j)
      sum += c
    }
    embedded[0] = sum
    let shifter = SIMD8<Float>(repeating: 12_582_912)
    var excess = SIMD8<Int32>.zero
    for j in 0...d {
      let shifted = embedded[j] * (1 / Float(d + 1)) + shifter
      let multiple = unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- unsafeBitCast(shifter, to: SIMD8<Int32>.self)
      excess = excess &+ multiple
      nearest[j] = multiple &* Int32(d + 1)
      embedded[j] -= (shifted - shifter) * Float(d + 1)
      ranks[j] = .zero
    }
    for i in 0..<d {
      for j in i + 1...d {
        let less = unsafeBitCast(embedded[i] - embedded[j], to: SIMD8<Int32>.self) &>> 31
        ranks[i] = ranks[i] &- less
        ranks[j] = ranks[j] &+ less &+ 1
      }
    }
    for j in 0...d {
      let rank = ranks[j] &+ excess
      let turn = ((rank &>> 31) &- ((Int32(d) &- rank) &>> 31)) &* Int32(d + 1)
      ranks[j] = rank &- turn
      nearest[j] = nearest[j] &- turn
      embedded[j] += SIMD8<Float>(turn)
    }
  }

  /// For point `lane` of the eight: the key of its remainder-0 vertex, the axes of the walk (4 bits each, first lowest)
  /// and the d + 1 weights, the k-th belonging to the vertex after k steps.
  @inline(__always)
  func simplex(
    lane: Int, dimension d: Int, geometry: (origin: UInt64, units: UnsafePointer<UInt64>),
    weights: UnsafeMutablePointer<Float>
  )
    -> (key: UInt64, walk: UInt64)
  {
    let remainders = UnsafeRawPointer(embedded.base).assumingMemoryBound(to: Float.self)
    let corner = UnsafeRawPointer(nearest.base).assumingMemoryBound(to: Int32.self)
    let order = UnsafeRawPointer(ranks.base).assumingMemoryBound(to: Int32.self)
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: 16) { sorted in
      var key = geometry.origin
      var walk: UInt64 = 0
      for j in 0...d {
        let rank = Int(order[8 &* j &+ lane])
        sorted[rank] = remainders[8 &* j &+ lane] * (1 / Float(d + 1))
        walk |= UInt64(j) &<< UInt64(4 &* (d &- rank))
        if j < d { key = key &+ UInt64(bitPattern: Int64(corner[8 &* j &+ lane])) &* geometry.units[j] }
      }
      weights[0] = sorted[d] + (1 - sorted[0])
      for k in 1...d { weights[k] = sorted[d - k] - sorted[d - k + 1] }
      return (key, walk)
    }
  }
}
