import CPUBackend
import Datasets
import Foundation
import Foundations
import Imaging
import PSA
import TensorStore
import Tensors

/// Score maps of an earlier step, read image by image as class indices at the image's size.
public struct SeedScores: Sendable {
  /// Scores of an image: (k, H, W) and the class index of each channel.
  public struct Scores: Sendable {
    public var values: Tensor
    public var labels: [Int]

    public init(values: Tensor, labels: [Int]) {
      self.values = values
      self.labels = labels
    }
  }

  private let reader: ScoreMapReader
  private let classes: ClassTable
  private let kernels: CPUKernels

  /// - Throws: `Failure` where the folder has no complete set of parts, or where an item has no scores in it.
  public init(_ path: String, for items: [Manifest.Item], classes: ClassTable, kernels: CPUKernels) throws {
    reader = try ScoreMapReader(path)
    self.classes = classes
    self.kernels = kernels
    if let item = items.first(where: { !reader.contains($0.id) }) {
      throw Failure(.data, "has no scores of this image of the manifest; was it made from another split?", file: path, item: item.id)
    }
  }

  /// The scores of an image at its full size: a coarse map is enlarged by its stride (bilinear) and cropped.
  public func scores(of item: Manifest.Item, width: Int, height: Int) throws -> Scores {
    let map = try reader.scores(item.id)
    guard map.width == width, map.height == height else {
      throw Failure(.data, "probability map is \(map.width)x\(map.height), image is \(width)x\(height)", file: reader.path, item: item.id)
    }
    func cells(_ side: Int) -> Int { side / map.stride + (side % map.stride == 0 ? 0 : 1) }
    guard map.stride <= max(width, height), map.scores.shape[1] == cells(height), map.scores.shape[2] == cells(width) else {
      throw Failure(.data, "scores of shape \(map.scores.shape) do not go with stride \(map.stride) and \(width)x\(height)", file: reader.path, item: item.id)
    }
    let labels = try classes.indices(of: map.labels, item: item.id)
    return Scores(values: upsampledScores(map.scores, height: height, width: width, stride: map.stride, kernels: kernels), labels: labels)
  }

  /// Another map of an image as stored: `knowledge`, `advice`.
  public func map(_ item: Manifest.Item, named name: String) throws -> Tensor { try reader.map(item.id, named: name) }
}

/// Masks of an earlier step as class indices.
public struct SeedMasks: Sendable {
  private let folder: String
  private let classes: ClassTable

  /// - Parameters:
  ///   - path: a step's folder, or a folder of PNG masks.
  ///   - variant: `masks` or `masks-crf` within a step's folder.
  /// - Throws: `Failure(.noInput)` for the first item without a mask.
  public init(_ path: String, variant: String = "masks", for items: [Manifest.Item], classes: ClassTable) throws {
    let inner = "\(path)/\(variant)"
    folder = FileManager.default.fileExists(atPath: inner) ? inner : path
    self.classes = classes
    for item in items where !FileManager.default.fileExists(atPath: "\(folder)/\(item.id).png") {
      throw Failure(.noInput, "there is no mask of this image", file: "\(folder)/\(item.id).png", item: item.id)
    }
  }

  /// The mask of an image: class indices, 255 void. A `Failure` where it has another size than the image or a value outside the class table.
  public func mask(of item: Manifest.Item, width: Int, height: Int) throws -> LabelMask {
    let path = "\(folder)/\(item.id).png"
    let mask = try LabelMask(contentsOf: path)
    try mask.requireSize(width: width, height: height, of: "image", file: path, item: item.id)
    do { return try classes.indices(ofValues: mask) } catch let failure as Failure { throw failure.of(file: path).of(item: item.id) }
  }
}
