import ArgumentParser
import Datasets
import Foundations
import Models
import NeuralNet
import PSA
import StageKit
import Tensors
import Training

@main
struct TrainAffinity: Stage {
  static let algorithmVersion = 1
  static let defaults = TrainingDefaults(
    epochs: 8, batch: 8, crop: 448, resizeMinimum: 0, resizeMaximum: 0, learningRate: 0.01, headMultiplier: 10, weightDecay: 5e-4, momentum: 0)
  static let configuration = CommandConfiguration(
    commandName: "train-affinity", abstract: "Train AffinityNet on labels that two CRFs of the activation maps are confident of (PSA, section 3.2).",
    discussion: example(
      "train-affinity --manifest M.yaml --data DIR --weights cam/weights.h5 --low crf-low --high crf-high --out runs/affinity", about: defaults.help))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var training: TrainingOptions

  @Option(help: ArgumentHelp("Classifier whose trunk is the start.", valueName: "FILE"))
  var weights: String
  @Option(help: ArgumentHelp("CRF of the activation maps with a low background power (alpha 4): confident foreground.", valueName: "DIR"))
  var low: String
  @Option(help: ArgumentHelp("CRF of the activation maps with a high background power (alpha 32): confident background.", valueName: "DIR"))
  var high: String
  @Option(help: "Cells further apart than this make no pair.")
  var radius = 5
  @Flag(inversion: .prefixedNo, help: "Change brightness, contrast, saturation and hue at random.")
  var jitter = true

  func execute(_ run: StageRun) throws {
    guard (2...32).contains(radius) else { throw Failure(.usage, expected: "2 to 32", found: "\(radius)", item: "--radius") }
    let options = try training.resolved(Self.defaults)
    let data = try run.data(shared, split: training.split)
    let file = try NetworkFile(weights, accepting: [.classifier])
    try file.requireClasses(data.classes)
    let specification = try file.modelSpecification()
    let network = AffinityNet(backbone: try specification.backbone.build())
    network.initialise(seed: run.seed)
    try file.loadTrunk(into: network, prefix: "")
    network.backbone.freeze(specification.backbone.kind == .resnet38 ? .firstStage : .none)

    let (seed, pairs) = (run.seed, AffinityPairs(radius: radius))
    // Samples are made beside the training, on a thread of their own.
    let single = CPUKernels(threads: 1)
    let images = TrainingImages(data.items, policy: training.policy(options, jitter: jitter, outputStride: 1), seed: seed)
    let lowScores = try SeedScores(low, for: data.items, classes: data.classes, kernels: single)
    let highScores = try SeedScores(high, for: data.items, classes: data.classes, kernels: single)
    let plan = TrainingPlan(items: data.items.count, options: options, training: training)
    let schedule = PolySchedule(base: options.learningRate)
    let groups = ParameterGroups.affinity(network, headMultiplier: Float(options.headMultiplier), decay: Float(options.weightDecay))
    let step = AffinityStep(network: network, pairs: pairs)
    let job = TrainingJob<AffinitySample>(
      module: network, optimizer: SGD(groups, momentum: Float(options.momentum)), plan: plan, memory: training.memory,
      rate: { schedule.rate(step: $0.step, of: plan.steps) },
      prepare: { try AffinitySample(images.sample($0, epoch: $1), low: lowScores, high: highScores, kernels: single) },
      accumulate: { try step.run($0, position: $1, kernels: $2, seed: seed) })
    try run.train(
      job, kind: .affinity, specification: specification.json, data: data, inputs: [("weights", weights), ("low", low), ("high", high)])
  }
}
