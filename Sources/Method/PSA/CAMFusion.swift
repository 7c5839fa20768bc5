import Foundations
import Tensors

/// Class activation maps of one image, fused over scales and mirror images: each is brought to the size of the image,
/// restricted to the classes that the image has, and added; `normalised` scales each class to 0...1 (PSA, section 3.1).
///
///     var fusion = CAMFusion(width: image.width, height: image.height, present: [7, 14], kernels: kernels)
///     for scale in CAMFusion.scales {
///       fusion.add(maps of the resized image, flipped: false)
///       fusion.add(maps of its mirror image, flipped: true)
///     }
///     let scores = withBackground(fusion.normalised(), power: 16)
public struct CAMFusion {
  /// The sizes that PSA looks at, relative to the image.
  public static let scales: [Double] = [1, 0.5, 1.5, 2]

  public let width: Int
  public let height: Int
  /// The channels of the maps that are kept, in the order of the result.
  public let present: [Int]
  /// The sum so far, (present classes, height, width).
  public private(set) var sum: Tensor
  private let kernels: any Kernels

  /// - Parameters:
  ///   - width, height: size of the image as it is stored.
  ///   - present: channel (class index without background, from 0) of each class that the image has.
  public init(width: Int, height: Int, present: [Int], kernels: any Kernels) {
    precondition(width > 0 && height > 0, "an image of \(width)x\(height)")
    self.width = width
    self.height = height
    self.present = present
    self.kernels = kernels
    sum = Tensor(zeros: [present.count, height, width])
  }

  /// Adds the maps of one resized image, (1, classes, h, w) with values >= 0, as `CAMClassifier.activationMaps` gives
  /// them.
  ///
  /// - Parameter flipped: the maps are those of the mirror image and are turned back.
  public mutating func add(_ maps: Tensor, flipped: Bool) {
    precondition(
      maps.shape.rank == 4 && maps.shape[0] == 1,
      "maps of one image have the shape (1, classes, h, w), not \(maps.shape)")
    precondition(present.allSatisfy { (0..<maps.shape[1]).contains($0) }, "classes \(present) of \(maps.shape[1])")
    guard !present.isEmpty else { return }
    var kept = Tensor.stacked(
      present.map { maps.reshaped([maps.shape[1], 1, maps.shape[2], maps.shape[3]]).batch($0..<$0 + 1) })
    if flipped { kept = kernels.flipHorizontally(kept) }
    let resized = kernels.resizeBilinear(kept, height: height, width: width)
    kernels.accumulate(resized.reshaped(sum.shape), scaledBy: 1, into: &sum)
  }

  /// sum / (max over pixels + 1e-5), class by class: (present classes, height, width) in 0..<1.
  ///
  /// - Throws: `Failure` `.software` where a sum is not finite.
  public func normalised() throws -> Tensor {
    let area = width * height
    var values = sum.values
    for (index, label) in present.enumerated() {
      let map = index * area..<(index + 1) * area
      let largest = values[map].reduce(-Float.infinity) { $1 > $0 || $1.isNaN ? $1 : $0 }
      guard largest.isFinite else {
        throw Failure(.software, expected: "finite activation maps", found: "\(largest) for class \(label)")
      }
      for i in map { values[i] /= largest + 1e-5 }
    }
    return Tensor(sum.shape, values)
  }
}
