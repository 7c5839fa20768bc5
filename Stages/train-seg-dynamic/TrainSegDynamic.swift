import ArgumentParser
import Datasets
import DenseCRF
import Foundations
import Models
import NeuralNet
import SSDD
import StageInterface
import StageKit
import Tensors
import Training

@main
struct TrainSegDynamic: Stage {
  @OptionGroup var options: TrainSegDynamicOptions

  func execute(_ run: StageRun) throws {
    let (training, weights, seeds) = (options.training, options.inputs.weights, options.inputs.seeds)
    var parameters = options.difference.parameters(merging: false)
    parameters.subMix = Float(options.alpha)
    parameters.channelDropout = options.channelDropout
    let data = try run.data(options.data, split: training.split)
    let network = try makeNetwork(data, seed: run.seed)
    var policy = training.policy(square: options.square)
    policy.smallRounding = parameters.thumbnailRounding == .down ? .down : .nearest
    let images = TrainingImages(data.items, policy: policy, seed: run.seed)
    let masks = try SeedMasks(
      seeds, for: data.items, classes: data.classes, ignoringPalette: options.ignorePalette)
    try masks.checkTargets(of: data.items, run: run)
    let plan = TrainingPlan(items: data.items.count, training: training)
    let schedule = CosineSchedule(base: training.learningRate, epochs: training.epochs, stretch: parameters.scheduleStretch)
    let groups = ParameterGroups.segmentation(network, headMultiplier: Float(training.headMultiplier), decay: Float(training.weightDecay))
    let (seed, classes, warmUpEpochs) = (run.seed, data.classes.count, options.warmUpEpochs)
    let step = DynamicStep(model: network, parameters: parameters, crf: try options.crf.parameters())
    let job = TrainingJob<SeedSample>(
      module: network, optimizer: SGD(groups, momentum: Float(training.momentum)), plan: plan, memory: training.memory,
      rate: { schedule.rate(epoch: $0.epoch, step: $0.stepInEpoch, of: plan.stepsPerEpoch) },
      prepare: { try SeedSample(images.sample($0, epoch: $1), seeds: masks) },
      accumulate: { samples, position, kernels in
        let batch = DynamicBatch(
          images: stacked(samples.map(\.input)), thumbnails: samples.map(\.small.pixels), seeds: LabelBatch(samples.map(\.seeds)),
          present: try PresentLabels(samples.map(\.labels), classes: classes))
        let pass = TrainingPass(kernels: kernels, seed: seed, step: position.step, microBatch: position.plan.microBatch)
        return TrainingRecord(try step.run(batch, pass, isWarmingUp: position.epoch < warmUpEpochs))
      })
    try run.train(
      job, kind: .dynamicDifference, specification: network.specification.json, data: data,
      inputs: [("weights", weights), ("seeds", seeds)] + (options.inputs.warmUp.map { [("warm-up", $0)] } ?? []))
  }

  private func makeNetwork(_ data: StageData, seed: UInt64) throws -> SSDDModel {
    let (weights, crop) = (options.inputs.weights, options.training.crop)
    let file = try NetworkFile(weights, accepting: [.classifier, .segmentation, .dynamicDifference])
    try file.requireClasses(data.classes)
    let specification = try options.heads.specification(backbone: file.modelSpecification().backbone, classes: data.classes.count)
    try specification.validate(height: crop, width: crop)
    let network = try SSDDModel(specification, stage: .dynamic)
    network.initialise(seed: seed)
    try file.loadStart(into: network)
    if let warmUp = options.inputs.warmUp {
      let start = try NetworkFile(warmUp, accepting: [.segmentation, .staticDifference])
      try start.requireClasses(data.classes)
      // The sub head starts where the main head does; the DD-Nets of this stage judge other pairs of masks and start anew.
      let main = start.tensors.entries.filter { $0.name.hasPrefix("encoder.") || $0.name.hasPrefix("seg_main.") }
      let sub = main.filter { $0.name.hasPrefix("seg_main.") }.map { (name: "seg_sub." + $0.name.dropFirst("seg_main.".count), tensor: $0.tensor) }
      try load(main + sub, into: network, missing: .prefixes(["dd"]), file: warmUp)
    }
    network.segmentation.backbone.freeze(.firstConvolution)
    return network
  }
}
