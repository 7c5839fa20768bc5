import ArgumentParser
import Datasets
import MethodChoices
import Networks
import NeuralNet
import SSDD
import StageInterface
import StageKit

@main
struct TrainDDNet: Stage {
  @OptionGroup var options: TrainDDNetOptions

  func execute(_ run: StageRun) throws {
    let training = options.training
    let (weights, knowledge, advice) = (options.inputs.weights, options.inputs.knowledge, options.inputs.advice)
    var chosen = options.difference.parameters(merging: false)
    options.detector.apply(to: &chosen)
    chosen.channelDropout = options.channelDropout
    let parameters = chosen
    let data = try run.data(options.data, split: training.split)
    let file = try NetworkFile(weights, accepting: [.classifier, .segmentation, .staticDifference])
    try file.requireClasses(data.classes)
    let specification = try options.heads.specification(
      backbone: file.networkSpecification().backbone, classes: data.classes.count)
    try specification.validate(height: training.crop, width: training.crop)
    let network = try SSDDNetwork(specification, stage: .static)
    network.initialise(seed: run.seed)
    try file.loadStart(into: network)
    network.segmentation.backbone.freeze(options.frozen)

    let policy = training.policy(square: options.square)
    let images = TrainingImages(data.items, policy: policy, seed: run.seed)
    let knowledgeScores = try SeedScores(knowledge, for: data.items, classes: data.classes, kernels: run.kernels)
    let adviceScores = try SeedScores(advice, for: data.items, classes: data.classes, kernels: run.kernels)
    let plan = TrainingPlan(items: data.items.count, training: training)
    let epochs = MethodDefaults(options.difference.preset).staticSchedule(epochs: training.epochs)
    let schedule = CosineSchedule(base: training.learningRate, epochs: epochs, stretch: parameters.scheduleStretch)
    let groups = ParameterGroups.segmentation(
      network, headMultiplier: Float(training.headMultiplier), decay: Float(training.weightDecay))
    let job = TrainingJob<StaticSample>(
      StaticStep(network: network, parameters: parameters), seed: run.seed, optimizer: training.optimizer(groups),
      plan: plan,
      memory: training.memory,
      rate: { schedule.rate(epoch: $0.epoch, step: $0.stepInEpoch, of: plan.stepsPerEpoch) },
      prepare: {
        let sample = try images.sample($0, epoch: $1)
        return StaticSample(
          sample, knowledge: try knowledgeScores.scores(following: sample),
          advice: try adviceScores.scores(following: sample), kernels: run.kernels)
      })
    try run.train(
      job, kind: .staticDifference, specification: specification.json, data: data,
      inputs: [("weights", weights), ("knowledge", knowledge), ("advice", advice)],
      attributes: ["difference_target": .string(parameters.differenceTarget.rawValue)])
  }
}
