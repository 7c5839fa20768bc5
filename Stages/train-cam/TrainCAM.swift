import ArgumentParser
import Datasets
import Foundations
import Models
import NeuralNet
import StageKit
import Tensors
import Training

@main
struct TrainCAM: Stage {
  static let algorithmVersion = 1
  static let defaults = TrainingDefaults(
    epochs: 15, batch: 16, crop: 448, resizeMinimum: 256, resizeMaximum: 512, learningRate: 0.01, headMultiplier: 10, weightDecay: 5e-4, momentum: 0)
  static let configuration = CommandConfiguration(
    commandName: "train-cam", abstract: "Train the image-level classifier whose last layer gives class activation maps (PSA).",
    discussion: example(
      "train-cam --manifest data-manifests/voc-animals.yaml --data DIR --weights imagenet.h5 --backbone squeezenet --out runs/cam", about: defaults.help))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var training: TrainingOptions

  @Option(help: ArgumentHelp("Weights to start from: a trunk trained elsewhere. Without, the trunk starts from scratch.", valueName: "FILE"))
  var weights: String?
  @Option(help: "Trunk of the network: resnet38 or squeezenet.")
  var backbone = BackboneSpecification.Kind.resnet38
  @Option(help: "Factor on the trunk's channels (resnet38).")
  var width = 1.0
  @Option(help: "Factor on the trunk's blocks (resnet38).")
  var depth = 1.0
  @Option(help: "Batch norm of the trunk: frozen as in the method, or batch. Default: frozen with --weights, batch without.")
  var statistics: HeadStatistics?
  @Option(help: "Layers that keep their weights: none, firstConvolution or firstStage. Default: PSA's firstStage for resnet38 with --weights, else none.")
  var frozen: FrozenPart?
  @Flag(inversion: .prefixedNo, help: "Channel dropout in front of the classifier and inside the trunk.")
  var dropout = true
  @Flag(inversion: .prefixedNo, help: "Change brightness, contrast, saturation and hue at random.")
  var jitter = true

  func execute(_ run: StageRun) throws {
    let options = try training.resolved(Self.defaults)
    let data = try run.data(shared, split: training.split)
    let hasBatchStatistics = statistics.map { $0 == .batch } ?? (weights == nil)
    let specification = ModelSpecification(backbone: BackboneSpecification(kind: backbone, width: width, depth: depth), classes: data.classes.count)
    let network = CAMClassifier(
      backbone: try specification.backbone.build(statistics: hasBatchStatistics ? .batch : .frozen), classes: data.classes.objectCount)
    network.initialise(seed: run.seed)
    if let weights {
      let file = try NetworkFile(weights, accepting: [.imported, .classifier])
      try load(file.trunk, into: network, missing: .prefixes(["fc8"]), unexpected: .prefixes(["classifier.", "fc", "linear"]), file: weights)
    }
    network.backbone.freeze(frozen ?? (weights != nil && backbone == .resnet38 ? .firstStage : .none))

    let plan = TrainingPlan(items: data.items.count, options: options, training: training)
    let policy = training.policy(options, jitter: jitter, outputStride: 8)
    let images = TrainingImages(data.items, policy: policy, seed: run.seed)
    let (seed, dropout) = (run.seed, self.dropout)
    let schedule = PolySchedule(base: options.learningRate)
    let groups = ParameterGroups.classifier(network, headMultiplier: Float(options.headMultiplier), decay: Float(options.weightDecay))
    let job = TrainingJob<TrainingSample>(
      module: network, optimizer: SGD(groups, momentum: Float(options.momentum)), plan: plan, memory: training.memory,
      rate: { schedule.rate(step: $0.step, of: plan.steps) },
      prepare: { try images.sample($0, epoch: $1) },
      accumulate: { samples, position, kernels in
        try ClassifierStep(network: network).run(
          samples, classes: data.classes.objectCount, position: position, kernels: kernels, seed: seed, dropout: dropout)
      })
    try run.train(job, kind: .classifier, specification: specification.json, data: data, inputs: weights.map { [("weights", $0)] } ?? [])
  }
}
extension FrozenPart: ExpressibleByArgument {}
