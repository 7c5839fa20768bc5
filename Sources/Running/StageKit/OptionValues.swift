import Datasets
import DenseCRF
import Networks
import NeuralNet
import SSDD
import StageInterface

// From options, which know no numeric module, to the values of the method.

extension HeadOptions {
  /// The segmentation network on a trunk, for `classes` classes with background.
  ///
  /// - Throws: `Failure(.usage)` naming a value out of range.
  public func specification(backbone: BackboneSpecification, classes: Int) throws -> NetworkSpecification {
    let specification = NetworkSpecification(
      backbone: backbone, classes: classes, headChannels: headChannels == 0 ? nil : headChannels,
      headDilation: headDilation,
      differenceChannels: differenceChannels == 0 ? nil : differenceChannels, headStatistics: headStatistics)
    try specification.validate()
    return specification
  }
}

extension BackboneOptions {
  public var specification: BackboneSpecification {
    BackboneSpecification(kind: backbone, width: width, depth: depth, normalisedTaps: normalisedTaps)
  }
}

extension CRFOptions {
  /// - Throws: `Failure(.usage)` naming a value out of range.
  public func parameters() throws -> DenseCRFParameters {
    let parameters = DenseCRFParameters(
      gaussianSpread: Float(gaussianSpread), gaussianWeight: Float(gaussianWeight),
      bilateralSpread: Float(bilateralSpread),
      colourSpread: Float(colourSpread), bilateralWeight: Float(bilateralWeight), iterations: iterations)
    try parameters.validate()
    return parameters
  }
}

extension DifferenceOptions {
  /// The preset's values with the biases of the options, for training or, where `merging`, for the merge of seeds.
  public func parameters(merging: Bool) -> SSDDParameters {
    var parameters = SSDDParameters(preset)
    let path = merging ? \SSDDParameters.seedBias : \SSDDParameters.trainingBias
    parameters[keyPath: path].difference = Float(differenceBias)
    parameters[keyPath: path].background = Float(backgroundBias)
    parameters.shrinkThreshold = Float(shrinkThreshold)
    parameters.absentClassIsBad = absentClassIsBad
    return parameters
  }
}

extension DetectorOptions {
  /// Puts the options into a preset's values.
  public func apply(to parameters: inout SSDDParameters) {
    parameters.lossForm = lossForm
    parameters.termAveraging = termAveraging
    parameters.differenceTarget = differenceTarget
    parameters.scheduleStretch = scheduleStretch
  }
}

extension TrainingPlan {
  /// The plan of a stage's options for `items` images.
  public init<Stage>(items: Int, training: TrainingOptions<Stage>) {
    self.init(
      items: items, epochs: training.epochs, batch: training.batch, microBatch: training.microBatch,
      steps: training.steps,
      checkpointEvery: training.checkpointEvery)
  }
}

extension TrainingOptions {
  /// The optimizer of a stage's groups.
  public func optimizer(_ groups: [ParameterGroup]) -> SGD {
    SGD(groups, momentum: Float(momentum), clipNorm: clipNorm)
  }

  /// How images are resized, cropped and changed in colour.
  ///
  /// - Parameter square: resize to a square, as the SSDD reference does, instead of keeping the ratio of the sides.
  public func policy(square: Bool = false, jitter: Bool = true, outputStride: Int = 4) -> AugmentationPolicy {
    if augmentation == .none { return .none(crop: crop, outputStride: outputStride) }
    let range = resizeMinimum...resizeMaximum
    let resize = resizeMaximum == 0 ? AugmentationPolicy.Resize.none : square ? .square(range) : .longSide(range)
    return AugmentationPolicy(
      resize: resize, jitter: jitter ? AugmentationPolicy.Jitter() : nil, crop: crop, outputStride: outputStride)
  }
}
