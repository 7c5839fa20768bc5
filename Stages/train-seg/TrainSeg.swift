import ArgumentParser
import Datasets
import Foundations
import Models
import NeuralNet
import SSDD
import StageKit
import Tensors
import Training

@main
struct TrainSeg: Stage {
  static let algorithmVersion = 1
  static let defaults = TrainingDefaults(
    epochs: 10, batch: 16, crop: 448, resizeMinimum: 448, resizeMaximum: 512, learningRate: 1e-3, headMultiplier: 10, weightDecay: 2e-4, momentum: 0)
  static let configuration = CommandConfiguration(
    commandName: "train-seg", abstract: "Train a segmentation network on given masks: the baselines of the paper's Table 1.",
    discussion: example("train-seg --manifest M.yaml --data DIR --weights cam/weights.h5 --seeds crf --out runs/seg", about: defaults.help))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var training: TrainingOptions
  @OptionGroup var model: ModelOptions

  @Option(help: ArgumentHelp("Classifier whose trunk is the start, or a segmentation network.", valueName: "FILE"))
  var weights: String
  @Option(help: ArgumentHelp("Masks to train on: a step's folder with masks/ID.png.", valueName: "DIR"))
  var seeds: String
  @Flag(inversion: .prefixedNo, help: "Resize to a square instead of keeping the ratio of the sides.")
  var square = false

  func execute(_ run: StageRun) throws {
    let options = try training.resolved(Self.defaults)
    let data = try run.data(shared, split: training.split)
    let file = try NetworkFile(weights, accepting: [.classifier, .segmentation, .staticDifference])
    try file.requireClasses(data.classes)
    let specification = try model.specification(backbone: file.modelSpecification().backbone, classes: data.classes.count)
    try specification.validate(height: options.crop, width: options.crop)
    let network = try SegmentationModel(specification)
    network.initialise(seed: run.seed)
    try file.loadTrunk(into: network)
    network.backbone.freeze(.firstConvolution)

    let images = TrainingImages(data.items, policy: training.policy(options, square: square), seed: run.seed)
    let masks = try SeedMasks(seeds, for: data.items, classes: data.classes)
    let plan = TrainingPlan(items: data.items.count, options: options, training: training)
    let schedule = CosineSchedule(base: options.learningRate, epochs: options.epochs)
    let groups = ParameterGroups.segmentation(network, headMultiplier: Float(options.headMultiplier), decay: Float(options.weightDecay))
    let seed = run.seed
    let job = TrainingJob<SeedSample>(
      module: network, optimizer: SGD(groups, momentum: Float(options.momentum)), plan: plan, memory: training.memory,
      rate: { schedule.rate(epoch: $0.epoch, step: $0.stepInEpoch, of: plan.stepsPerEpoch) },
      prepare: { try SeedSample(images.sample($0, epoch: $1), seeds: masks) },
      accumulate: { samples, position, kernels in
        let batch = SegmentationBatch(images: stacked(samples.map(\.input)), masks: LabelBatch(samples.map(\.seeds)))
        let pass = TrainingPass(kernels: kernels, seed: seed, step: position.step, microBatch: position.plan.microBatch)
        return TrainingRecord(try SegmentationStep(model: network).run(batch, pass))
      })
    try run.train(
      job, kind: .segmentation, specification: specification.json, data: data, inputs: [("weights", weights), ("seeds", seeds)])
  }
}
