import ArgumentParser
import Datasets
import Foundations
import Networks
import NeuralNet
import PSA
import StageInterface
import StageKit
import Tensors

@main
struct TrainCAM: Stage {
  @OptionGroup var options: TrainCAMOptions

  func execute(_ run: StageRun) throws {
    let (training, weights) = (options.training, options.inputs.weights)
    let data = try run.data(options.data, split: training.split)
    let specification = NetworkSpecification(backbone: options.trunk.specification, classes: data.classes.count)
    let trunk = try specification.backbone.build(statistics: options.statistics == .batch ? .batch : .frozen)
    let network = CAMClassifier(backbone: trunk, objectCount: data.classes.objectCount)
    network.initialise(seed: run.seed)
    if let weights {
      let file = try NetworkFile(weights, accepting: [.imported, .classifier])
      try requireSameTaps(file)
      try load(
        file.trunk, into: network, missing: .prefixes(["fc8"]), unexpected: .prefixes(["classifier.", "fc", "linear"]),
        file: weights)
    }
    network.backbone.freeze(options.frozen)

    let plan = TrainingPlan(items: data.items.count, training: training)
    let policy = training.policy(jitter: options.jitter, outputStride: 8)
    let images = TrainingImages(data.items, policy: policy, seed: run.seed)
    let schedule = PolySchedule(base: training.learningRate)
    let groups = ParameterGroups.classifier(
      network, headMultiplier: Float(training.headMultiplier), decay: Float(training.weightDecay))
    let job = TrainingJob<ClassifierSample>(
      ClassifierStep(network: network, channelDropout: options.dropout), seed: run.seed,
      optimizer: training.optimizer(groups),
      plan: plan, memory: training.memory,
      rate: { schedule.rate(step: $0.step, of: plan.steps) },
      prepare: { ClassifierSample(try images.sample($0, epoch: $1)) })
    try run.train(
      job, kind: .classifier, specification: specification.json, data: data,
      inputs: weights.map { [("weights", $0)] } ?? [])
  }

  /// The last layer of a classifier fits the scale of the features that it was trained on.
  private func requireSameTaps(_ file: NetworkFile) throws {
    guard file.kind == .classifier else { return }
    let found = try file.networkSpecification().backbone.normalisedTaps
    guard found != options.trunk.normalisedTaps else { return }
    let option = found ? "--normalised-taps" : "--no-normalised-taps"
    throw Failure(.usage, "trained with \(option), which has to be given again", file: file.path)
  }
}
