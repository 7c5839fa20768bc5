import ArgumentParser
import Datasets
import Foundations
import Imaging
import MethodChoices
import Models
import NeuralNet
import SSDD
import StageInterface
import StageKit
import Tensors
import Training

@main
struct TrainDDNet: Stage {
  @OptionGroup var options: TrainDDNetOptions

  func execute(_ run: StageRun) throws {
    let training = options.training
    let (weights, knowledge, advice) = (options.inputs.weights, options.inputs.knowledge, options.inputs.advice)
    var chosen = options.difference.parameters(merging: false)
    chosen.channelDropout = options.channelDropout
    let parameters = chosen
    let data = try run.data(options.data, split: training.split)
    let file = try NetworkFile(weights, accepting: [.classifier, .segmentation, .staticDifference])
    try file.requireClasses(data.classes)
    let specification = try options.heads.specification(backbone: file.modelSpecification().backbone, classes: data.classes.count)
    try specification.validate(height: training.crop, width: training.crop)
    let network = try SSDDModel(specification, stage: .static)
    network.initialise(seed: run.seed)
    try file.loadStart(into: network)
    network.segmentation.backbone.freeze(.firstConvolution)

    let policy = training.policy(square: options.square)
    let images = TrainingImages(data.items, policy: policy, seed: run.seed)
    let knowledgeScores = try SeedScores(knowledge, for: data.items, classes: data.classes, kernels: run.kernels)
    let adviceScores = try SeedScores(advice, for: data.items, classes: data.classes, kernels: run.kernels)
    let plan = TrainingPlan(items: data.items.count, training: training)
    let epochs = MethodDefaults(options.difference.preset).staticSchedule(epochs: training.epochs)
    let schedule = CosineSchedule(base: training.learningRate, epochs: epochs, stretch: parameters.scheduleStretch)
    let groups = ParameterGroups.segmentation(network, headMultiplier: Float(training.headMultiplier), decay: Float(training.weightDecay))
    let (seed, classes) = (run.seed, data.classes.count)
    let job = TrainingJob<PairSample>(
      module: network, optimizer: SGD(groups, momentum: Float(training.momentum)), plan: plan, memory: training.memory,
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
