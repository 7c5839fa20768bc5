import ArgumentParser
import Datasets
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
    let activations = try ActivationMaps(weights: weights, options: maps, classes: data.classes)
    let memory = InferenceMemory(limit: maps.memory, modules: [activations.network], threads: run.threads)
    let kernels = run.inferenceKernels(memory: maps.memory)
    let provenance = try run.provenance(inputs: [("weights", weights)])
    try run.writeMaps(data, hasMaps: true, writesNumpy: options.writesNumpy ?? false, provenance: provenance) { item in
      let image = try item.image()
      guard item.labels?.isEmpty != true else {
        return .backgroundAlone(width: image.width, height: image.height)
      }
      let labels = item.labels ?? []
      let scores = try memory.scores(by: activations, of: image, labels: labels, kernels: kernels)
      let decided =
        options.backgroundPower.map { withBackground(scores, power: Float($0)) }
        ?? withConstantBackground(scores, threshold: Float(options.backgroundThreshold))
      return MapResult(
        scores: .init(ClassScores(values: scores, labels: labels), size: (image.width, image.height)),
        masks: [("masks", kernels.argMax(ClassScores(values: decided, labels: item.presentClasses)))])
    }
  }
}
