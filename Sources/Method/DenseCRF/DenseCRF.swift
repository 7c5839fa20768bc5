import Foundations
import Tensors

/// A fully connected CRF over the pixels of one image: sharpens a probability map along the image's edges.
///
/// Mean field (Krähenbühl & Koltun 2011) on two permutohedral lattices (Adams, Baek & Davis 2010), Potts compatibility,
/// symmetric normalisation. The lattices are built once; `infer` may then be called any number of times, from several
/// threads too. Memory: about 88 bytes per pixel, and 4 more for each label rounded up to 2, 4 or a multiple of 8. The
/// same thread count gives the same bits; another one differs by float rounding.
public struct DenseCRF: Sendable {
  public let width: Int
  public let height: Int
  public let parameters: DenseCRFParameters
  private let threads: Int
  private let position: Filter
  private let bilateral: Filter

  /// - Parameters:
  ///   - rgb: width * height * 3 bytes, interleaved, row after row.
  ///   - cache: where the position-only lattice is kept between images of one size.
  /// - Throws: `Failure` `.usage` for parameters out of range, or so small that the lattice cannot be numbered; `.data`
  ///   where `rgb` does not have the size of the image, or the image is empty.
  public init(
    width: Int, height: Int, rgb: [UInt8], parameters: DenseCRFParameters = DenseCRFParameters(), threads: Int = 1,
    cache: DenseCRFCache? = nil
  ) throws {
    try parameters.validate()
    guard width > 0, height > 0 else { throw Failure(.data, "image is \(width)x\(height)") }
    guard rgb.count == 3 * width * height else {
      throw Failure(.data, expected: "\(3 * width * height) bytes of RGB for \(width)x\(height)", found: "\(rgb.count)")
    }
    self.width = width
    self.height = height
    self.parameters = parameters
    self.threads = max(1, threads)
    position = try (cache ?? DenseCRFCache(capacity: 0)).positionFilter(
      DenseCRFCache.Key(
        width: width, height: height, spread: parameters.gaussianSpread / parameters.scaleFactor,
        weight: parameters.gaussianWeight,
        threads: self.threads))
    bilateral = try Filter.bilateral(
      width: width, height: height, rgb: rgb, spread: parameters.bilateralSpread / parameters.scaleFactor,
      colourSpread: parameters.colourSpread, weight: parameters.bilateralWeight, threads: self.threads)
  }

  /// The marginals Q (labels, height, width) after `parameters.iterations` updates: non-negative, sum 1 at each pixel.
  ///
  /// - Parameter probabilities: (labels, height, width), at least one label. They are clipped and need not sum to 1.
  /// - Throws: `Failure` `.data` where the map has another size than the image, no label, or a value that is not
  ///   finite.
  public func infer(probabilities: Tensor) throws -> Tensor {
    let shape = probabilities.shape
    guard shape.rank == 3, shape[0] > 0 else {
      throw Failure(.data, expected: "a probability map (labels, height, width)", found: "shape \(shape)")
    }
    guard shape[1] == height, shape[2] == width else {
      throw Failure(.data, "probability map is \(shape[2])x\(shape[1]), image is \(width)x\(height)")
    }
    switch shape[0] {
    case 1...2: return try infer(probabilities, SIMD2<Float>.self)
    case 3...4: return try infer(probabilities, SIMD4<Float>.self)
    case 5...8: return try infer(probabilities, SIMD8<Float>.self)
    case 9...16: return try infer(probabilities, Lanes16.self)
    case 17...24: return try infer(probabilities, Lanes24.self)
    default: return try infer(probabilities, SIMD8<Float>.self)
    }
  }

  private func infer<V: Lanes>(_ probabilities: Tensor, _: V.Type) throws -> Tensor {
    let labels = probabilities.shape[0]
    let field = try probabilities.values.withUnsafeBufferPointer { source in
      guard let source = source.baseAddress else { throw Failure(.data, "empty probability map") }
      return try MeanField<V>(
        probabilities: source, labels: labels, width: width, height: height, clip: parameters.clip,
        filters: (position, bilateral), threads: threads)
    }
    let marginals = [Float](unsafeUninitializedCapacity: probabilities.count) { target, count in
      if let target = target.baseAddress { field.run(iterations: parameters.iterations, result: target) }
      count = probabilities.count
    }
    return Tensor(probabilities.shape, marginals)
  }
}
