import ArgumentParser
import Datasets
import Foundations
import Imaging
import Models
import NeuralNet
import PSA
import StageInterface
import StageKit
import TensorStore
import Tensors

@main
struct CAMInfer: Stage {
  @OptionGroup var options: CAMInferOptions

  func execute(_ run: StageRun) throws {
    let data = try run.data(options.data, split: options.split)
    let (weights, maps) = (options.inputs.weights, options.maps)
    let activations = try ActivationMaps(
      weights: weights, options: maps, classes: data.classes, kernels: run.inferenceKernels(memory: maps.memory))
    let provenance = try run.provenance(inputs: [("weights", weights)])
    try run.writeMaps(data, hasMaps: true, writesNumpy: options.writesNumpy ?? false, provenance: provenance) { item in
      let image = try item.image()
      guard item.labels?.isEmpty != true else {
        return .backgroundAlone(width: image.width, height: image.height, classes: data.classes)
      }
      let scores = try activations.scores(of: image, labels: item.labels ?? [])
      let background =
        options.backgroundPower.map { withBackground(scores, alpha: Float($0)) }
        ?? withConstantBackground(scores, threshold: Float(options.backgroundThreshold))
      return MapResult(
        scores: ScoreMap(
          scores: scores, labels: data.classes.values(of: item.labels ?? []), height: image.height, width: image.width),
        masks: [("masks", LabelMask(ofScores: background, labels: item.presentClasses))])
    }
  }
}
