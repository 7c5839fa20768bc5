import ArgumentParser
import Datasets
import Foundations
import Imaging
import Models
import NeuralNet
import PSA
import StageKit
import TensorStore
import Tensors

@main
struct CAMInfer: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "cam-infer", abstract: "Class activation maps of the image-level labels, fused over sizes and mirror images (PSA, section 3.1).",
    discussion: example("cam-infer --manifest M.yaml --data DIR --weights cam/weights.h5 --out runs/cam"))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var maps: ActivationMapOptions

  @Option(help: "Split of the manifest to work on.")
  var split = "train"
  @Option(help: ArgumentHelp("Classifier (train-cam).", valueName: "FILE"))
  var weights: String
  @Option(name: .customLong("background-power"), help: "Masks: background where (1 - max CAM)^POWER beats every class (alpha; PSA's is 16).")
  var backgroundPower: Float = 16
  @Option(name: .customLong("background-threshold"), help: "Masks: background where no CAM reaches this; -1: by --background-power.")
  var backgroundThreshold: Float = -1

  func execute(_ run: StageRun) throws {
    let data = try run.data(shared, split: split)
    let activations = try ActivationMaps(weights: weights, options: maps, classes: data.classes, kernels: run.inferenceKernels(memory: maps.memory))
    try run.writeMaps(data, hasMaps: true, provenance: try run.provenance(inputs: [("weights", weights)])) { item in
      let image = try item.image()
      let scores = try activations.scores(of: image, labels: item.labels ?? [])
      let background =
        backgroundThreshold < 0
        ? withBackground(scores, alpha: backgroundPower) : withConstantBackground(scores, threshold: backgroundThreshold)
      return MapResult(
        scores: ScoreMap(scores: scores, labels: data.classes.values(of: item.labels ?? []), height: image.height, width: image.width),
        masks: [("masks", LabelMask(ofScores: background, labels: item.presentClasses))])
    }
  }
}
