import Datasets
import Foundation
import Foundations
import Imaging
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
    let labels = try classes.indices(of: map.labels, item: item.id)
    return Scores(values: kernels.enlarged(map.scores, by: map.stride, height: height, width: width), labels: labels)
  }

  /// Another map of an image as stored: `knowledge`, `advice`.
  public func map(_ item: Manifest.Item, named name: String) throws -> Tensor { try reader.map(item.id, named: name) }
}

extension CPUKernels {
  /// (k, h, w) enlarged `stride` times (half-pixel centres) and cropped to height x width from the top left.
  func enlarged(_ map: Tensor, by stride: Int, height: Int, width: Int) -> Tensor {
    let (count, h, w) = (map.shape[0], map.shape[1], map.shape[2])
    if stride == 1, h == height, w == width { return map }
    let large = resizeBilinear(map.reshaped([1, count, h, w]), height: h * stride, width: w * stride)
    return cropped(large.reshaped([count, h * stride, w * stride]), height: height, width: width)
  }

  /// The top left of each plane of (k, h, w).
  public func cropped(_ planes: Tensor, height: Int, width: Int) -> Tensor {
    let (count, h, w) = (planes.shape[0], planes.shape[1], planes.shape[2])
    precondition(h >= height && w >= width, "cannot crop \(planes.shape) to \(height)x\(width)")
    if h == height, w == width { return planes }
    return planes.withUnsafeBufferPointer { source in
      Tensor([count, height, width]) { target in
        for plane in 0..<count {
          for y in 0..<height {
            let row = source[((plane * h + y) * w)..<((plane * h + y) * w + width)]
            _ = UnsafeMutableBufferPointer(rebasing: target[((plane * height + y) * width)...]).update(fromContentsOf: row)
          }
        }
      }
    }
  }
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
