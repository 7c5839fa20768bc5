import Foundations
import StepFiles
import Tensors

/// Scores of an image per class: what CAM, random walk, CRF and segmentation networks hand to each other through files.
public struct ScoreMap: Sendable {
  /// (k, h, w), one channel for each of `labels`.
  public var scores: Tensor
  /// The mask value of each channel (the manifest's, not the class index); 0 is background.
  public var labels: [Int]
  /// Height of the image in pixels.
  public var height: Int
  /// Width of the image in pixels.
  public var width: Int
  /// Pixels of the image that a cell of the map stands for, along each axis; 1 for full size.
  public var stride: Int

  /// `scores` must have one channel per label: precondition.
  public init(scores: Tensor, labels: [Int], height: Int, width: Int, stride: Int = 1) {
    precondition(
      scores.shape.rank == 3 && scores.shape[0] == labels.count, "scores \(scores.shape) for \(labels.count) labels")
    self.scores = scores
    self.labels = labels
    self.height = height
    self.width = width
    self.stride = stride
  }
}

extension Tensor {
  /// The values rounded to half precision, as a file of maps holds them.
  public var inHalfPrecision: Tensor { Tensor(shape, values.map { Float(Float16($0)) }) }
}

/// One shard's maps: `part-I-of-N.h5`, I from 1 to N.
public typealias MapPart = Part

extension Part {
  /// Nil where `fileName` is not `part-I-of-N.h5`.
  public init?(fileName: String) { self.init(fileName: fileName, suffix: ".h5") }

  /// The name of the file of maps.
  public var fileName: String { "\(stem).h5" }
}

/// Writes one part of a step's maps: one HDF5 group per image id, with `scores` and any further maps in it, one image
/// at a time.
///
///     try ScoreMapWriter.write(to: "out/cam", part: MapPart(index: 2, count: 3), provenance: provenance) { part in
///       for id in ids { try part.append(id, map) }
///     }
///
/// The part appears at its final path when `body` has returned, or not at all (see `HDF5Writer`). Root attributes:
/// `shard` I, `shards` N, and the provenance. Group attributes: `labels`, `size` [height, width] of the image,
/// `stride`.
public final class ScoreMapWriter: Sendable {
  private let file: HDF5Writer

  /// Writes `FOLDER/part-I-of-N.h5`.
  @discardableResult
  public static func write<R>(
    to folder: String, part: MapPart = MapPart(), provenance: Provenance = .none, _ body: (ScoreMapWriter) throws -> R
  ) throws -> R {
    try HDF5Writer.write(to: "\(folder)/\(part.fileName)", provenance: provenance) { file in
      try file.setAttribute("shard", AttributeValue(part.index))
      try file.setAttribute("shards", AttributeValue(part.count))
      return try body(ScoreMapWriter(file))
    }
  }

  private init(_ file: HDF5Writer) { self.file = file }

  /// Writes the scores of `id`. Half precision keeps 11 bits, which is 5e-4 relative: below what the maps are accurate
  /// to.
  public func append(_ id: String, _ map: ScoreMap, precision: HDF5Writer.Precision = .half, compression: Int = 4)
    throws
  {
    try append(id, map.scores, named: "scores", precision: precision, compression: compression)
    try file.setAttribute("labels", map.labels, of: id)
    try file.setAttribute("size", [map.height, map.width], of: id)
    try file.setAttribute("stride", AttributeValue(map.stride), of: id)
  }

  /// Writes another map of `id`, of any shape: `ID/knowledge`, `ID/advice`.
  public func append(
    _ id: String, _ tensor: Tensor, named name: String, precision: HDF5Writer.Precision = .half, compression: Int = 4
  ) throws {
    try check(id)
    try file.write(tensor, "\(id)/\(name)", precision: precision, compression: compression)
  }

  /// Writes a mask of `id`, (height, width) labels, losslessly.
  public func append(_ id: String, labels: [UInt8], height: Int, width: Int, named name: String, compression: Int = 4)
    throws
  {
    try check(id)
    try file.write(bytes: labels, shape: [height, width], "\(id)/\(name)", compression: compression)
  }

  /// Sets an attribute of the group of `id`.
  public func setAttribute(_ name: String, _ value: AttributeValue, of id: String) throws {
    try check(id)
    try file.setAttribute(name, value, of: id)
  }

  private func check(_ id: String) throws {
    guard !id.isEmpty, id != ".", id != "..", !id.contains("/") else {
      throw Failure(.data, "is not an image id that a map file can hold", file: file.path, item: id)
    }
  }
}
