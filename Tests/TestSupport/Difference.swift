import Foundation
import Tensors

/// Two vectors compared element by element. NaN equals NaN, and an infinity itself.
public struct Difference: Sendable {
  private let actual: [Double]
  private let expected: [Double]
  private let tolerance: Double

  public init(_ actual: [Double], _ expected: [Double], tolerance: Double) {
    self.actual = actual
    self.expected = expected
    self.tolerance = tolerance
  }

  private func distance(_ i: Int) -> Double {
    if actual[i] == expected[i] || (actual[i].isNaN && expected[i].isNaN) { return 0 }
    let difference = abs(actual[i] - expected[i])
    return difference.isNaN ? .infinity : difference
  }

  /// The largest difference of an element; infinite where one of the two is not a number or the counts differ.
  public var maximum: Double { actual.count == expected.count ? actual.indices.map(distance).max() ?? 0 : .infinity }

  /// |actual - expected| / |expected| in the Euclidean norm; infinite where the counts differ, 0 for two zero vectors.
  public var relativeL2: Double {
    guard actual.count == expected.count else { return .infinity }
    let difference = actual.indices.map { distance($0) * distance($0) }.reduce(0, +).squareRoot()
    let norm = expected.map { $0 * $0 }.reduce(0, +).squareRoot()
    return difference == 0 ? 0 : difference / norm
  }

  /// A line with the worst element, how many are beyond the tolerance, and the relative L2 error; nil where none is.
  public func report(_ name: String, shape: [Int], stride: Int) -> String? {
    guard actual.count == expected.count else {
      return "\(name): expected \(expected.count) elements, found \(actual.count)"
    }
    let beyond = actual.indices.filter { !(distance($0) <= tolerance) }
    guard let worst = beyond.max(by: { distance($0) < distance($1) }) else { return nil }
    let position = Self.position(worst * stride, shape)
    return
      "\(name): worst at \(position): expected \(expected[worst]), found \(actual[worst]), difference "
      + "\(distance(worst)) > \(tolerance);"
      + " \(beyond.count) of \(actual.count) elements beyond; relative L2 error \(relativeL2)"
  }

  private static func position(_ index: Int, _ shape: [Int]) -> [Int] {
    var rest = index
    var position: [Int] = []
    for extent in shape.reversed() where extent > 0 {
      position.insert(rest % extent, at: 0)
      rest /= extent
    }
    return position
  }
}

/// What differs between two tensors (for a fast kernel and its naive twin): shapes, then elements beyond `tolerance`,
/// absolute, or relative to the largest magnitude of `expected` with `relative: true`; nil where all is well.
public func mismatch(
  _ actual: Tensor, _ expected: Tensor, tolerance: Double, relative: Bool = false, _ name: String = "tensor"
) -> String? {
  guard actual.shape == expected.shape else {
    return "\(name): expected the shape \(expected.shape), found \(actual.shape)"
  }
  let values = expected.values.map(Double.init)
  let scale = relative ? values.map(abs).max() ?? 1 : 1
  return Difference(actual.values.map(Double.init), values, tolerance: tolerance * scale)
    .report(name, shape: expected.shape.dimensions, stride: 1)
}

/// A folder for one test's files, removed when the value goes.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("ssdd-test-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file within.
  public func file(_ name: String) -> String { "\(path)/\(name)" }
}
