import ArgumentParser
import CPUBackend
import Datasets
import Networks
import NeuralNet
import PSA
import StageInterface
import StageKit

@main
struct TrainAffinity: Stage {
  @OptionGroup var options: TrainAffinityOptions

  func execute(_ run: StageRun) throws {
    let training = options.training
    let (weights, low, high) = (options.inputs.weights, options.inputs.low, options.inputs.high)
    let data = try run.data(options.data, split: training.split)
    let file = try NetworkFile(weights, accepting: [.classifier])
    try file.requireClasses(data.classes)
    let specification = try file.networkSpecification()
    let network = AffinityNet(backbone: try specification.backbone.build())
    network.initialise(seed: run.seed)
    try file.loadTrunk(into: network, prefix: "")
    network.backbone.freeze(options.frozen ?? specification.backbone.kind.pretrainedFrozenPart)

    let pairs = AffinityPairs(radius: options.radius)
    // Samples are made beside the training, on a thread of their own.
    let single = CPUKernels(threads: 1)
    let images = TrainingImages(
      data.items, policy: training.policy(jitter: options.jitter, outputStride: 1), seed: run.seed)
    let lowScores = try SeedScores(low, for: data.items, classes: data.classes, kernels: single)
    let highScores = try SeedScores(high, for: data.items, classes: data.classes, kernels: single)
    let plan = TrainingPlan(items: data.items.count, training: training)
    let schedule = PolySchedule(base: training.learningRate)
    let groups = ParameterGroups.affinity(
      network, headMultiplier: Float(training.headMultiplier), decay: Float(training.weightDecay))
    let watch = TargetWatch("cells in which --low or --high is sure of a class")
    var job = TrainingJob<AffinitySample>(
      AffinityStep(network: network, pairs: pairs), seed: run.seed, optimizer: training.optimizer(groups), plan: plan,
      memory: training.memory,
      rate: { schedule.rate(step: $0.step, of: plan.steps) },
      prepare: {
        let sample = try images.sample($0, epoch: $1)
        return try AffinitySample(
          sample, low: lowScores.scores(following: sample), high: highScores.scores(following: sample),
          kernels: single)
      })
    job.watch = { samples, position, kernels in
      try watch.note(position, kernels: kernels, isTarget: samples.contains { $0.hasLabels })
    }
    try run.train(
      job, kind: .affinity, specification: specification.json, data: data,
      inputs: [("weights", weights), ("low", low), ("high", high)])
  }
}
