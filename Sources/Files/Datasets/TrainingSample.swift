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
  public let thumbnail: RGBImage

  /// Reads the image, draws its augmentation and applies it.
  ///
  /// - Throws: the `Failure` of reading, with the id; `Failure(.data)` where the image's size is not the one that the
  ///   manifest gives.
  public init(_ item: Manifest.Item, policy: AugmentationPolicy, seed: UInt64, epoch: Int) throws {
    self.init(item, image: try item.image(), policy: policy, seed: seed, epoch: epoch)
  }

  /// The same for an image that is read already.
  public init(_ item: Manifest.Item, image: RGBImage, policy: AugmentationPolicy, seed: UInt64, epoch: Int) {
    let drawn = policy.draw(seed: seed, epoch: epoch, id: item.id, width: image.width, height: image.height)
    let cropped = drawn.cropped(image)
    self.item = item
    augmentation = drawn
    input = drawn.input(ofCropped: cropped)
    thumbnail = drawn.thumbnail(ofCropped: cropped)
  }
}

/// The images of a training, as its epochs see them.
public struct TrainingImages: Sendable {
  private let items: [Manifest.Item]
  private let policy: AugmentationPolicy
  private let seed: UInt64

  public init(_ items: [Manifest.Item], policy: AugmentationPolicy, seed: UInt64) {
    self.items = items
    self.policy = policy
    self.seed = seed
  }

  /// Image `index` as `epoch` augments it. Throws what `TrainingSample.init` does.
  public func sample(_ index: Int, epoch: Int) throws -> TrainingSample {
    try TrainingSample(items[index], policy: policy, seed: seed, epoch: epoch)
  }
}
