import ArgumentParser
import Datasets
import Networks
import NeuralNet
import SSDD
import StageInterface
import StageKit

@main
struct TrainSeg: Stage {
  @OptionGroup var options: TrainSegOptions

  func execute(_ run: StageRun) throws {
    let (training, weights, seeds) = (options.training, options.inputs.weights, options.inputs.seeds)
    let data = try run.data(options.data, split: training.split)
    let file = try NetworkFile(weights, accepting: [.classifier, .segmentation, .staticDifference])
    try file.requireClasses(data.classes)
    let specification = try options.heads.specification(
      backbone: file.networkSpecification().backbone, classes: data.classes.count)
    try specification.validate(height: training.crop, width: training.crop)
    let network = try SegmentationNetwork(specification)
    network.initialise(seed: run.seed)
    try file.loadTrunk(into: network)
    network.backbone.freeze(options.frozen)

    let images = TrainingImages(data.items, policy: training.policy(square: options.square), seed: run.seed)
    let masks = try SeedMasks(
      seeds, for: data.items, classes: data.classes, ignoringPalette: options.ignorePalette)
    try masks.checkTargets(of: data.items, run: run)
    let plan = TrainingPlan(items: data.items.count, training: training)
    let schedule = CosineSchedule(base: training.learningRate, epochs: training.epochs)
    let groups = ParameterGroups.segmentation(
      network, headMultiplier: Float(training.headMultiplier), decay: Float(training.weightDecay))
    let job = TrainingJob<SegmentationSample>(
      SegmentationStep(network: network), seed: run.seed, optimizer: training.optimizer(groups), plan: plan,
      memory: training.memory,
      rate: { schedule.rate(epoch: $0.epoch, step: $0.stepInEpoch, of: plan.stepsPerEpoch) },
      prepare: {
        let sample = try images.sample($0, epoch: $1)
        return SegmentationSample(sample, mask: try masks.mask(following: sample))
      })
    try run.train(
      job, kind: .segmentation, specification: specification.json, data: data,
      inputs: [("weights", weights), ("seeds", seeds)])
  }
}
