import Foundation
import Foundations
import Tensors
import TensorStore

/// The folder of reference numbers: `SSDD_GOLDEN`, else `../shared/golden` beside the package. Suites that need it have
/// `Golden` in their names and are skipped, visibly, where it is absent: `@Suite(.enabled(if: Golden.isAvailable,
/// "\(Golden.absence)"))`.
public enum Golden {
  /// Path of the folder, whether it exists or not.
  public static let folder: String =
    ProcessInfo.processInfo.environment["SSDD_GOLDEN"].flatMap { $0.isEmpty ? nil : $0 }
    ?? URL(fileURLWithPath: packageRoot).deletingLastPathComponent().appendingPathComponent("shared/golden").path

  /// The root of this package, from the path of this source file.
  public static let packageRoot: String =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .path

  public static let isAvailable = FileManager.default.fileExists(atPath: folder)

  /// Why golden suites are skipped.
  public static let absence = "needs the reference numbers: set SSDD_GOLDEN to their folder"

  /// Opens `NAME.h5` of the folder; `name` may leave the suffix out and may have folders (`weights/expected`).
  public static func open(_ name: String) throws -> GoldenFile {
    try GoldenFile(HDF5File(path(name.hasSuffix(".h5") ? name : name + ".h5")))
  }

  /// The path of any file of the folder.
  public static func path(_ name: String) -> String { "\(folder)/\(name)" }
}

/// One file of reference numbers: reading, the generator with the file's seed, and comparison that knows the attributes
/// of its data sets.
///
///     let golden = try Golden.open("ops")
///     for name in try golden.cases("conv") {             // "conv/case00", ...
///       let x = try golden.tensor("\(name)/x")
///       #expect(try golden.mismatch(y, "\(name)/y") == nil)
///     }
public struct GoldenFile: Sendable {
  public let file: HDF5File
  /// The attribute `seed`, S of the generator; 0 where the file has none.
  public let seed: UInt64

  init(_ file: HDF5File) throws {
    self.file = file
    seed = UInt64(bitPattern: Int64(try file.attribute("seed")?.asInteger ?? 0))
  }

  public var generator: GoldenGenerator { GoldenGenerator(seed: seed) }

  /// The full paths of the groups directly within `group`, by name: `conv/case00`, `conv/case01`, ...
  public func cases(_ group: String = "/") throws -> [String] {
    guard try group == "/" || file.contains(group) else { return [] }
    return try file.groupNames(in: group).map { group == "/" ? $0 : "\(group)/\($0)" }
  }

  public func contains(_ name: String) -> Bool { (try? file.contains(name)) == true }

  /// A data set as float32. Sampled data sets (stride > 1) cannot be read whole: precondition.
  public func tensor(_ name: String) throws -> Tensor {
    let stride = try sampling(name)
    precondition(stride == 1, "\(name) is sampled, only `mismatch` understands it")
    return try file.readTensor(name)
  }

  public func doubles(_ name: String) throws -> [Double] { try file.readDoubles(name).values }
  public func integers(_ name: String) throws -> [Int] { try file.readIntegers(name).values.map { Int($0) } }
  public func bytes(_ name: String) throws -> [UInt8] { try file.readBytes(name).values }
  public func shape(_ name: String) throws -> [Int] {
    try file.attribute("full_shape", of: name)?.asIntegers ?? file.shape(of: name)
  }

  /// A label mask stored as bytes or as integers; values must fit in a byte.
  public func labels(_ name: String) throws -> (shape: [Int], labels: [UInt8]) {
    let (shape, values) = try file.readIntegers(name)
    return (
      shape,
      try values.map { value in
        guard let byte = UInt8(exactly: value) else {
          throw Failure(.data, "\(value) is not a label", file: file.path, item: name)
        }
        return byte
      }
    )
  }

  /// The lines of a `*_utf8` data set.
  public func lines(_ name: String) throws -> [String] {
    String(decoding: try bytes(name), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  public func integer(_ attribute: String, of name: String = "/") throws -> Int {
    try file.integer(attribute, of: name)
  }
  public func double(_ attribute: String, of name: String = "/") throws -> Double {
    try file.double(attribute, of: name)
  }
  public func string(_ attribute: String, of name: String = "/") throws -> String {
    try file.string(attribute, of: name)
  }

  /// The recommended limit of the difference of an element; nil where the data set has none.
  public func tolerance(_ name: String) throws -> Double? { try file.attribute("tol", of: name)?.asDouble }

  private func sampling(_ name: String) throws -> Int { try file.attribute("stride", of: name)?.asInteger ?? 1 }

  // MARK: Comparison

  /// What differs between `actual` and the data set beyond the tolerance, worst element first; nil where all is well.
  ///
  /// - Compares shapes (`full_shape`; a single number may have any axes), then the stored elements (all, or every
  ///   `stride`-th), then, for sampled data sets, the sum and the sum of squares of the whole.
  /// - `tolerance`: instead of the attribute `tol` (0 where there is neither).
  /// - `relativeL2`: also accept a vector whose difference has at most this relative Euclidean norm (gradients near
  ///   ReLU thresholds).
  public func mismatch(_ actual: Tensor, _ name: String, tolerance: Double? = nil, relativeL2: Double? = nil) throws
    -> String?
  {
    let full = try shape(name)
    guard actual.shape.dimensions == full || (actual.count == 1 && full.reduce(1, *) == 1) else {
      return "\(name): expected the shape \(full), found \(actual.shape.dimensions)"
    }
    let stride = try sampling(name)
    let expected = try file.readDoubles(name).values
    let values = actual.values
    let picked =
      stride == 1
      ? values.map(Double.init) : Swift.stride(from: 0, to: values.count, by: stride).map { Double(values[$0]) }
    let limit = try tolerance ?? self.tolerance(name) ?? 0
    let differences = Difference(picked, expected, tolerance: limit)
    if let relativeL2, differences.relativeL2 <= relativeL2 { return nil }
    if let report = differences.report(name, shape: full, stride: stride) { return report }
    return stride == 1 ? nil : try sumMismatch(values, name, tolerance: limit)
  }

  /// `mismatch` for the first elements of `actual` at 0, s, 2s, ... where s is the attribute `index_stride`
  /// (`params/grad_sample/NAME`).
  public func sampleMismatch(_ actual: Tensor, _ name: String, tolerance: Double? = nil, relativeL2: Double? = 5e-3)
    throws -> String?
  {
    let step = try file.integer("index_stride", of: name)
    let expected = try file.readDoubles(name).values
    let values = actual.values
    guard (expected.count - 1) * step < values.count else {
      return "\(name): \(expected.count) samples, every \(step), of \(values.count) elements"
    }
    let picked = expected.indices.map { Double(values[$0 * step]) }
    let differences = Difference(picked, expected, tolerance: try tolerance ?? self.tolerance(name) ?? 0)
    if let relativeL2, differences.relativeL2 <= relativeL2 { return nil }
    return differences.report(name, shape: [expected.count], stride: 1)
  }

  /// What differs between bytes in C order (images, masks) and the data set; `tolerance` in grey levels instead of
  /// `tol`.
  public func mismatch(_ actual: [UInt8], shape: [Int]? = nil, _ name: String, tolerance: Double? = nil) throws
    -> String?
  {
    try mismatch(actual.map(Double.init), shape: shape, name, tolerance: tolerance)
  }

  /// What differs between doubles or integers in C order and the data set; `shape` is compared where given.
  public func mismatch(_ actual: [Double], shape: [Int]? = nil, _ name: String, tolerance: Double? = nil) throws
    -> String?
  {
    let (stored, expected) = try file.readDoubles(name)
    if let shape, shape != stored { return "\(name): expected the shape \(stored), found \(shape)" }
    let limit = try tolerance ?? self.tolerance(name) ?? 0
    return Difference(actual, expected, tolerance: limit).report(name, shape: stored, stride: 1)
  }

  private func sumMismatch(_ values: [Float], _ name: String, tolerance: Double) throws -> String? {
    let sum = values.reduce(0.0) { $0 + Double($1) }
    let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
    let expectedSum = try file.double("sum", of: name)
    let expectedSquares = try file.double("sumsq", of: name)
    if abs(squares - expectedSquares) > 1e-4 * expectedSquares {
      return "\(name): expected the sum of squares \(expectedSquares), found \(squares)"
    }
    // |sum| <= sqrt(n sumsq), so that is the scale that an error of the sum is relative to.
    let limit = 1e-4 * (Double(values.count) * expectedSquares).squareRoot()
    return abs(sum - expectedSum) > limit ? "\(name): expected the sum \(expectedSum), found \(sum)" : nil
  }
}
