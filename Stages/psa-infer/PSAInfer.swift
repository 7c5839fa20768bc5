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
struct PSAInfer: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "psa-infer", abstract: "Spread class activation maps by a random walk over learned affinities: p^K0 and m^K0 (PSA, section 3.3).",
    discussion: example(
      "psa-infer --manifest M.yaml --data DIR --affinity affinity/weights.h5 --scores runs/cam --out runs/psa",
      about: "Instead of --scores, --cam-weights makes the activation maps on the fly: two weight files and images are all it needs."))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var maps: ActivationMapOptions

  @Option(help: "Split of the manifest to work on.")
  var split = "train"
  @Option(help: ArgumentHelp("Affinity network (train-affinity).", valueName: "FILE"))
  var affinity: String
  @Option(help: ArgumentHelp("Activation maps (cam-infer).", valueName: "DIR"))
  var scores: String?
  @Option(name: .customLong("cam-weights"), help: ArgumentHelp("Classifier (train-cam), to make the activation maps here.", valueName: "FILE"))
  var camWeights: String?
  @Option(name: .customLong("background-power"), help: "Background score (1 - max CAM)^POWER (alpha).")
  var backgroundPower: Float = 16
  @Option(help: "Exponent on the affinities.")
  var beta: Float = 8
  @Option(name: .customLong("log-steps"), help: "Base-2 logarithm of the number of steps.")
  var logSteps = 8
  @Option(help: "Cells further apart than this are not linked.")
  var radius = 5

  func validate() throws {
    guard (scores == nil) != (camWeights == nil) else { throw ValidationError("Give either --scores or --cam-weights.") }
    guard backgroundPower > 0, beta >= 0, (0...16).contains(logSteps), (2...32).contains(radius) else {
      throw ValidationError("Expected --background-power above 0, --beta 0 or more, --log-steps 0 to 16, --radius 2 to 32.")
    }
  }

  func execute(_ run: StageRun) throws {
    let kernels = run.inferenceKernels(memory: maps.memory)
    let data = try run.data(shared, split: split)
    let network = try loadNetwork(classes: data.classes)
    let activations = try camWeights.map { try ActivationMaps(weights: $0, options: maps, classes: data.classes, kernels: kernels) }
    let memory = InferenceMemory(limit: maps.memory, modules: [network])
    let stored = try scores.map { try SeedScores($0, for: data.items, classes: data.classes, kernels: kernels) }
    let parameters = SeedParameters(alpha: backgroundPower, beta: beta, logt: logSteps, radius: radius)
    let inputs = [("affinity", affinity)] + (scores.map { [("scores", $0)] } ?? []) + (camWeights.map { [("cam-weights", $0)] } ?? [])
    try run.writeMaps(data, hasMaps: true, provenance: try run.provenance(inputs: inputs)) { item in
      let image = try item.image()
      try memory.check(image, threads: kernels.threads) { _ = network.features(of: image.networkInput, kernels: $0) }
      let labels = item.labels ?? []
      let cam: Tensor
      if let stored {
        let map = try stored.scores(of: item, width: image.width, height: image.height)
        guard map.labels == labels else {
          throw Failure(.data, "expected maps of the image's classes \(labels), without background, found \(map.labels)", file: scores, item: item.id)
        }
        cam = map.values
      } else if let activations {
        cam = try activations.scores(of: image, labels: labels)
      } else {
        throw Failure(.usage, "give either --scores or --cam-weights")
      }
      let features = network.features(of: image.networkInput, kernels: kernels)
      let cells = try walkedCells(withBackground(cam, alpha: backgroundPower), features: features, parameters: parameters, kernels: kernels)
      let full = upsampledScores(cells, height: image.height, width: image.width, stride: parameters.stride, kernels: kernels)
      let values = data.classes.values(of: item.presentClasses)
      return MapResult(
        scores: ScoreMap(scores: cells, labels: values, height: image.height, width: image.width, stride: parameters.stride),
        masks: [("masks", LabelMask(ofScores: full, labels: item.presentClasses))])
    }
  }

  private func loadNetwork(classes: ClassTable) throws -> AffinityNet {
    let file = try NetworkFile(affinity, accepting: [.affinity])
    let network = AffinityNet(backbone: try file.modelSpecification().backbone.build())
    try load(file.tensors.entries, into: network, file: affinity)
    return network
  }
}
