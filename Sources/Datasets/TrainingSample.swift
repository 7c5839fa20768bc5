import Foundations
import Imaging
import Tensors

/// What a training step sees of one image: its pixels and its image-level labels, never a truth mask.
public struct TrainingSample: Sendable {
  public let item: Manifest.Item
  /// To be applied to score maps and seed masks of the same image.
  public let augmentation: Augmentation
  /// (3, crop, crop), normalised, 0 around the image.
  public let input: Tensor
  /// The crop at the output size, 8 bits, for a CRF inside the training loop.
  public let small: RGBImage

  /// Reads the image, draws its augmentation and applies it.
  ///
  /// - Throws: the `Failure` of reading, with the id; `Failure(.data)` where the image's size is not the one that the manifest gives.
  public init(_ item: Manifest.Item, policy: AugmentationPolicy, seed: UInt64, epoch: Int) throws {
    let image: RGBImage
    do { image = try RGBImage(contentsOf: item.imagePath) } catch let failure as Failure { throw failure.of(item: item.id) }
    if let size = item.size, size != [image.width, image.height] {
      let found = "\(image.width)x\(image.height)"
      throw Failure(.data, "image is \(found), the manifest says \(size[0])x\(size[1])", file: item.imagePath, item: item.id)
    }
    self.init(item, image: image, policy: policy, seed: seed, epoch: epoch)
  }

  /// The same for an image that is read already.
  public init(_ item: Manifest.Item, image: RGBImage, policy: AugmentationPolicy, seed: UInt64, epoch: Int) {
    let drawn = policy.draw(seed: seed, epoch: epoch, id: item.id, width: image.width, height: image.height)
    let cropped = drawn.cropped(image)
    self.item = item
    augmentation = drawn
    input = drawn.input(ofCropped: cropped)
    small = drawn.small(ofCropped: cropped)
  }
}

/// Samples that are trained on together.
public struct TrainingBatch: Sendable {
  public let samples: [TrainingSample]

  public init(_ samples: [TrainingSample]) { self.samples = samples }

  /// (N, 3, crop, crop).
  public var input: Tensor {
    Tensor.stacked(samples.map { $0.input.reshaped(Shape([1] + $0.input.shape.dimensions)) })
  }

  /// Image-level targets (N, C): 1 where class j + 1 is present, 0 elsewhere. Precondition: labels are known and within 1...objectCount.
  public func targets(objectCount: Int) -> Tensor {
    var values = [Float](repeating: 0, count: samples.count * objectCount)
    for (n, sample) in samples.enumerated() {
      precondition(sample.item.labels != nil, "\(sample.item.id) has no labels")
      for label in sample.item.labels ?? [] { values[n * objectCount + label - 1] = 1 }
    }
    return Tensor([samples.count, objectCount], values)
  }
}
