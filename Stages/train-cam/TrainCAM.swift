import ArgumentParser
import Datasets
import Foundations
import Models
import NeuralNet
import StageInterface
import StageKit
import Tensors
import Training

@main
struct TrainCAM: Stage {
  @OptionGroup var options: TrainCAMOptions

  func execute(_ run: StageRun) throws {
    let (training, weights) = (options.training, options.inputs.weights)
    let data = try run.data(options.data, split: training.split)
    let specification = ModelSpecification(backbone: options.trunk.specification, classes: data.classes.count)
    let trunk = try specification.backbone.build(statistics: options.statistics == .batch ? .batch : .frozen)
    let network = CAMClassifier(backbone: trunk, classes: data.classes.objectCount)
    network.initialise(seed: run.seed)
    if let weights {
      let file = try NetworkFile(weights, accepting: [.imported, .classifier])
      try load(file.trunk, into: network, missing: .prefixes(["fc8"]), unexpected: .prefixes(["classifier.", "fc", "linear"]), file: weights)
    }
    network.backbone.freeze(options.frozen)

    let plan = TrainingPlan(items: data.items.count, training: training)
    let policy = training.policy(jitter: options.jitter, outputStride: 8)
    let images = TrainingImages(data.items, policy: policy, seed: run.seed)
    let (seed, dropout) = (run.seed, options.dropout)
    let schedule = PolySchedule(base: training.learningRate)
    let groups = ParameterGroups.classifier(network, headMultiplier: Float(training.headMultiplier), decay: Float(training.weightDecay))
    let job = TrainingJob<TrainingSample>(
      module: network, optimizer: SGD(groups, momentum: Float(training.momentum)), plan: plan, memory: training.memory,
      rate: { schedule.rate(step: $0.step, of: plan.steps) },
      prepare: { try images.sample($0, epoch: $1) },
      accumulate: { samples, position, kernels in
        try ClassifierStep(network: network).run(
          samples, classes: data.classes.objectCount, position: position, kernels: kernels, seed: seed, dropout: dropout)
      })
    try run.train(job, kind: .classifier, specification: specification.json, data: data, inputs: weights.map { [("weights", $0)] } ?? [])
  }
}
