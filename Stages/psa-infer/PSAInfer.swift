import ArgumentParser
import CPUBackend
import Datasets
import Foundations
import Imaging
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
    let inputs = options.inputs
    let data = try run.data(options.data, split: options.split)
    let walk = try SeedWalk(options, run, classes: data.classes, items: data.items)
    let read =
      [("affinity", inputs.affinity)] + (inputs.scores.map { [("scores", $0)] } ?? [])
      + (inputs.camWeights.map { [("cam-weights", $0)] } ?? [])
    try run.writeMaps(
      data, hasMaps: true, writesNumpy: options.writesNumpy ?? false, provenance: try run.provenance(inputs: read)
    ) { try walk.result(of: $0) }
  }
}

/// The walk over the images of a split: activation maps of an earlier step, or made here, spread over affinities.
private struct SeedWalk {
  private let network: AffinityNet
  private let memory: InferenceMemory
  private let activations: Activations
  private let parameters: SeedParameters
  private let kernels: CPUKernels

  /// Where the activation maps of an image come from.
  private enum Activations {
    /// Those of cam-infer in a folder.
    case stored(SeedScores, folder: String)
    /// Made by a classifier, within the memory.
    case made(ActivationMaps, InferenceMemory)
  }

  init(_ options: PSAInferOptions, _ run: StageRun, classes: ClassTable, items: [Manifest.Item]) throws {
    let (inputs, maps) = (options.inputs, options.maps)
    kernels = run.inferenceKernels(memory: maps.memory)
    let file = try NetworkFile(inputs.affinity, accepting: [.affinity])
    network = AffinityNet(backbone: try file.networkSpecification().backbone.build())
    try load(file.tensors.entries, into: network, file: inputs.affinity)
    memory = InferenceMemory(limit: maps.memory, modules: [network], threads: run.threads)
    if let folder = inputs.scores {
      let scores = try SeedScores(folder, for: items, classes: classes, kernels: kernels, foreign: .objectsOnly)
      activations = .stored(scores, folder: folder)
    } else if let weights = inputs.camWeights {
      let made = try ActivationMaps(weights: weights, options: maps, classes: classes)
      activations = .made(made, InferenceMemory(limit: maps.memory, modules: [made.network], threads: run.threads))
    } else {
      throw Failure(.usage, "give either --scores or --cam-weights")
    }
    parameters = SeedParameters(
      backgroundPower: Float(options.backgroundPower), beta: Float(options.beta), logt: options.logSteps,
      radius: options.radius)
  }

  func result(of item: Manifest.Item) throws -> MapResult {
    let image = try item.image()
    try memory.check(image) { _ = network.features(of: image.networkInput, kernels: $0) }
    let maps = try activationMaps(of: item, image)
    let cells = try walkedCells(
      withBackground(maps, power: parameters.backgroundPower),
      features: network.features(of: image.networkInput, kernels: kernels), parameters: parameters, kernels: kernels,
      threads: kernels.threads)
    // The mask that is scored is the one that is learned: later steps decide from the cells as they are stored.
    let stored = ClassScores(values: cells.inHalfPrecision, labels: item.presentClasses)
    let full = upsampledScores(
      stored.values, height: image.height, width: image.width, stride: parameters.stride, kernels: kernels)
    return MapResult(
      scores: .init(stored, size: (image.width, image.height), stride: parameters.stride),
      masks: [("masks", kernels.argMax(ClassScores(values: full, labels: stored.labels)))])
  }

  /// (k, H, W) for the k classes of the image's labels.
  private func activationMaps(of item: Manifest.Item, _ image: RGBImage) throws -> Tensor {
    let labels = item.labels ?? []
    switch activations {
    case .made(let maps, let memory): return try memory.scores(by: maps, of: image, labels: labels, kernels: kernels)
    case .stored(let scores, let folder):
      let map = try scores.scores(of: item, width: image.width, height: image.height)
      guard map.labels == (labels.isEmpty ? [0] : labels) else {
        throw Failure(
          .data, "expected maps of the image's classes \(labels), without background, found \(map.labels)",
          file: folder, item: item.id)
      }
      // Of an image without classes the map is one of background.
      return labels.isEmpty ? Tensor(zeros: [0, image.height, image.width]) : map.values
    }
  }
}
