import ArgumentParser
import Datasets
import Foundations
import Networks
import NeuralNet
import PSA
import StageInterface
import StageKit
import TensorStore
import Tensors

@main
struct PSAInfer: Stage {
  @OptionGroup var options: PSAInferOptions

  func execute(_ run: StageRun) throws {
    let (affinity, scores, camWeights) = (options.inputs.affinity, options.inputs.scores, options.inputs.camWeights)
    let (maps, backgroundPower) = (options.maps, Float(options.backgroundPower))
    let kernels = run.inferenceKernels(memory: maps.memory)
    let data = try run.data(options.data, split: options.split)
    let network = try loadNetwork(classes: data.classes)
    let activations = try camWeights.map {
      try ActivationMaps(weights: $0, options: maps, classes: data.classes)
    }
    let memory = InferenceMemory(limit: maps.memory, modules: [network], threads: run.threads)
    let mapMemory = activations.map {
      InferenceMemory(limit: maps.memory, modules: [$0.network], threads: run.threads)
    }
    let seeds = try scores.map {
      try SeedScores($0, for: data.items, classes: data.classes, kernels: kernels, foreign: .objectsOnly)
    }
    let parameters = SeedParameters(
      backgroundPower: backgroundPower, beta: Float(options.beta), logt: options.logSteps, radius: options.radius)
    let inputs =
      [("affinity", affinity)] + (scores.map { [("scores", $0)] } ?? [])
      + (camWeights.map { [("cam-weights", $0)] } ?? [])
    let provenance = try run.provenance(inputs: inputs)
    try run.writeMaps(data, hasMaps: true, writesNumpy: options.writesNumpy ?? false, provenance: provenance) { item in
      let image = try item.image()
      try memory.check(image) { _ = network.features(of: image.networkInput, kernels: $0) }
      let labels = item.labels ?? []
      let cam: Tensor
      if let seeds {
        let map = try seeds.scores(of: item, width: image.width, height: image.height)
        guard map.labels == (labels.isEmpty ? [0] : labels) else {
          throw Failure(
            .data, "expected maps of the image's classes \(labels), without background, found \(map.labels)",
            file: scores, item: item.id)
        }
        // Of an image without classes the map is one of background.
        cam = labels.isEmpty ? Tensor(zeros: [0, image.height, image.width]) : map.values
      } else if let activations, let mapMemory {
        cam = try mapMemory.scores(by: activations, of: image, labels: labels, kernels: kernels)
      } else {
        throw Failure(.usage, "give either --scores or --cam-weights")
      }
      let features = network.features(of: image.networkInput, kernels: kernels)
      let cells = try walkedCells(
        withBackground(cam, power: backgroundPower), features: features, parameters: parameters, kernels: kernels,
        threads: run.threads)
      // The mask that is scored is the one that is learned: later steps decide from the cells as they are stored.
      let stored = ClassScores(values: cells.inHalfPrecision, labels: item.presentClasses)
      let full = upsampledScores(
        stored.values, height: image.height, width: image.width, stride: parameters.stride, kernels: kernels)
      return MapResult(
        scores: .init(stored, size: (image.width, image.height), stride: parameters.stride),
        masks: [("masks", kernels.argMax(ClassScores(values: full, labels: stored.labels)))])
    }
  }

  private func loadNetwork(classes: ClassTable) throws -> AffinityNet {
    let affinity = options.inputs.affinity
    let file = try NetworkFile(affinity, accepting: [.affinity])
    let network = AffinityNet(backbone: try file.networkSpecification().backbone.build())
    try load(file.tensors.entries, into: network, file: affinity)
    return network
  }
}
