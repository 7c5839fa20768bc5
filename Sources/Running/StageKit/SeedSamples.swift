import Datasets
import LabelMasks
import Tensors

// What earlier steps left of an image, as a training sample of it asks for it.

extension SeedMasks {
  /// The mask of a sample's image at OUT, void around the image.
  public func mask(following sample: TrainingSample) throws -> LabelMask {
    let drawn = sample.augmentation
    return drawn.labels(try mask(of: sample.item, width: drawn.sourceWidth, height: drawn.sourceHeight))
  }
}

extension SeedScores {
  /// The scores of a sample's image at the size at which the sample was drawn from it.
  public func scores(following sample: TrainingSample) throws -> ClassScores {
    try scores(of: sample.item, width: sample.augmentation.sourceWidth, height: sample.augmentation.sourceHeight)
  }
}
