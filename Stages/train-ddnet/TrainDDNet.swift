import ArgumentParser
import Datasets
import Foundations
import Imaging
import Models
import NeuralNet
import SSDD
import StageKit
import Tensors
import Training

@main
struct TrainDDNet: Stage {
  static let algorithmVersion = 1
  static let defaults = TrainingDefaults(
    epochs: 10, batch: 16, crop: 448, resizeMinimum: 448, resizeMaximum: 512, learningRate: 1e-3, headMultiplier: 10, weightDecay: 2e-4, momentum: 0)
  static let configuration = CommandConfiguration(
    commandName: "train-ddnet", abstract: "Static stage: train a segmentation network on m^K0 and a DD-Net on (m^K0, m^A0) (paper, section 4.1).",
    discussion: example(
      "train-ddnet --manifest M.yaml --data DIR --weights cam/weights.h5 --knowledge psa --advice crf --out runs/ddnet", about: defaults.help))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var training: TrainingOptions
  @OptionGroup var model: ModelOptions
  @OptionGroup var difference: SSDDOptions

  @Option(help: ArgumentHelp("Classifier whose trunk is the start, or weights of this stage, all of which are.", valueName: "FILE"))
  var weights: String
  @Option(help: ArgumentHelp("Score maps p^K0 (psa-infer).", valueName: "DIR"))
  var knowledge: String
  @Option(help: ArgumentHelp("Score maps p^A0 (crf).", valueName: "DIR"))
  var advice: String
  @Flag(inversion: .prefixedNo, help: "Resize to a square instead of keeping the ratio of the sides. Default: the preset's.")
  var square: Bool?
  @Flag(name: .customLong("channel-dropout"), inversion: .prefixedNo, help: "Channel dropout of the trunk. Default: the preset's.")
  var channelDropout: Bool?

  func execute(_ run: StageRun) throws {
    var chosen = difference.parameters(merging: false)
    chosen.channelDropout = channelDropout ?? chosen.channelDropout
    let parameters = chosen
    let options = try training.resolved(Self.defaults.with(parameters, epochs: parameters.staticEpochs, batch: parameters.staticBatch))
    let data = try run.data(shared, split: training.split)
    let file = try NetworkFile(weights, accepting: [.classifier, .segmentation, .staticDifference])
    try file.requireClasses(data.classes)
    let specification = try model.specification(backbone: file.modelSpecification().backbone, classes: data.classes.count)
    try specification.validate(height: options.crop, width: options.crop)
    let network = try SSDDModel(specification, stage: .static)
    network.initialise(seed: run.seed)
    try file.loadStart(into: network)
    network.segmentation.backbone.freeze(.firstConvolution)

    let policy = training.policy(options, square: square ?? (parameters.trainingResize == .square))
    let images = TrainingImages(data.items, policy: policy, seed: run.seed)
    let knowledgeScores = try SeedScores(knowledge, for: data.items, classes: data.classes, kernels: run.kernels)
    let adviceScores = try SeedScores(advice, for: data.items, classes: data.classes, kernels: run.kernels)
    let plan = TrainingPlan(items: data.items.count, options: options, training: training)
    let epochs = training.epochs ?? parameters.staticScheduleEpochs
    let schedule = CosineSchedule(base: options.learningRate, epochs: epochs, stretch: parameters.scheduleStretch)
    let groups = ParameterGroups.segmentation(network, headMultiplier: Float(options.headMultiplier), decay: Float(options.weightDecay))
    let (seed, classes) = (run.seed, data.classes.count)
    let job = TrainingJob<PairSample>(
      module: network, optimizer: SGD(groups, momentum: Float(options.momentum)), plan: plan, memory: training.memory,
      rate: { schedule.rate(epoch: $0.epoch, step: $0.stepInEpoch, of: plan.stepsPerEpoch) },
      prepare: { try PairSample(images.sample($0, epoch: $1), knowledge: knowledgeScores, advice: adviceScores) },
      accumulate: { samples, position, kernels in
        let batch = StaticBatch(
          images: stacked(samples.map(\.input)), knowledge: LabelBatch(samples.map(\.knowledge)), advice: LabelBatch(samples.map(\.advice)),
          present: try PresentLabels(samples.map(\.labels), classes: classes))
        let pass = TrainingPass(kernels: kernels, seed: seed, step: position.step, microBatch: position.plan.microBatch)
        return TrainingRecord(try StaticStep(model: network, parameters: parameters).run(batch, pass))
      })
    try run.train(
      job, kind: .staticDifference, specification: specification.json, data: data,
      inputs: [("weights", weights), ("knowledge", knowledge), ("advice", advice)],
      attributes: ["difference_target": .string(parameters.differenceTarget.rawValue)])
  }
}
