import ArgumentParser
import Datasets
import Foundations
import Networks
import NeuralNet
import SSDD
import StageInterface
import StageKit
import Tensors

@main
struct TrainSegDynamic: Stage {
  @OptionGroup var options: TrainSegDynamicOptions

  func execute(_ run: StageRun) throws {
    let (training, weights, seeds) = (options.training, options.inputs.weights, options.inputs.seeds)
    let parameters = options.ssddParameters
    let data = try run.data(options.data, split: training.split)
    let network = try makeNetwork(data, seed: run.seed)
    var policy = training.policy(square: options.square)
    policy.thumbnailRounding = parameters.thumbnailRounding == .down ? .down : .nearest
    let images = TrainingImages(data.items, policy: policy, seed: run.seed)
    let masks = try SeedMasks(
      seeds, for: data.items, classes: data.classes, ignoringPalette: options.ignorePalette)
    try masks.checkTargets(of: data.items, run: run)
    let plan = TrainingPlan(items: data.items.count, training: training)
    let schedule = CosineSchedule(
      base: training.learningRate, epochs: training.epochs, stretch: parameters.scheduleStretch)
    let groups = ParameterGroups.segmentation(
      network, headMultiplier: Float(training.headMultiplier), decay: Float(training.weightDecay))
    let step = DynamicStep(
      network: network, parameters: parameters, crf: parameters.trainingCRF(try options.crf.parameters()),
      warmUpSteps: options.warmUpEpochs * plan.stepsPerEpoch, threads: run.threads)
    var job = TrainingJob<DynamicSample>(
      step, seed: run.seed, optimizer: training.optimizer(groups), plan: plan, memory: training.memory,
      rate: { schedule.rate(epoch: $0.epoch, step: $0.stepInEpoch, of: plan.stepsPerEpoch) },
      prepare: {
        let sample = try images.sample($0, epoch: $1)
        return DynamicSample(sample, seeds: try masks.mask(following: sample))
      })
    let inner = try innerMasks(data, masks, policy, plan, run)
    job.epochEnded = { try inner?.write(after: $0, of: step, kernels: $1) }
    try run.train(
      job, kind: .dynamicDifference, specification: network.specification.json, data: data,
      inputs: [("weights", weights), ("seeds", seeds)] + (options.inputs.warmUp.map { [("warm-up", $0)] } ?? []))
  }

  /// The masks to write inside the training; takes away those that an earlier training left of other epochs.
  private func innerMasks(
    _ data: StageData, _ seeds: SeedMasks, _ policy: AugmentationPolicy, _ plan: TrainingPlan, _ run: StageRun
  ) throws -> InnerMasks? {
    let epochs = options.writeMasksAt.map { Set($0.values.map { Int($0) }) }
    let inner = try epochs.map {
      try InnerMasks(at: $0, run: run, data: data, seeds: seeds, policy: policy, plan: plan)
    }
    try InnerMasks.removeAll(except: epochs ?? [], in: run.out)
    return inner
  }

  private func makeNetwork(_ data: StageData, seed: UInt64) throws -> SSDDNetwork {
    let (weights, crop) = (options.inputs.weights, options.training.crop)
    let file = try NetworkFile(weights, accepting: [.classifier, .segmentation, .dynamicDifference])
    try file.requireClasses(data.classes)
    let specification = try options.heads.specification(
      backbone: file.networkSpecification().backbone, classes: data.classes.count)
    try specification.validate(height: crop, width: crop)
    let network = try SSDDNetwork(specification, stage: .dynamic)
    network.initialise(seed: seed)
    try file.loadStart(into: network)
    if let warmUp = options.inputs.warmUp {
      let start = try NetworkFile(warmUp, accepting: [.segmentation, .staticDifference])
      try start.requireClasses(data.classes)
      guard try start.networkSpecification().backbone == specification.backbone else {
        throw Failure(
          .data, expected: "a network on the trunk of --weights, \(specification.backbone)",
          found: "\(try start.networkSpecification().backbone)", file: warmUp)
      }
      // The sub head starts where the main head does; the DD-Nets of this stage judge other pairs of masks and start
      // anew.
      let main = start.tensors.entries.filter { $0.name.hasPrefix("encoder.") || $0.name.hasPrefix("seg_main.") }
      let sub = main.filter { $0.name.hasPrefix("seg_main.") }.map {
        (name: "seg_sub." + $0.name.dropFirst("seg_main.".count), tensor: $0.tensor)
      }
      try load(main + sub, into: network, missing: .prefixes(["dd"]), file: warmUp)
    }
    network.segmentation.backbone.freeze(options.frozen)
    return network
  }
}

extension TrainSegDynamicOptions {
  /// The preset's values with those of the options.
  fileprivate var ssddParameters: SSDDParameters {
    var parameters = difference.parameters(merging: false)
    detector.apply(to: &parameters)
    parameters.subMix = Float(alpha)
    parameters.channelDropout = channelDropout
    parameters.secondModuleLoss = secondModuleLoss
    parameters.adviceTarget = adviceTarget
    parameters.thumbnailRounding = thumbnailRounding
    parameters.spreadUnit = spreadUnit
    parameters.scoreFloor = Float(scoreFloor)
    parameters.trainingTemperature = Float(crf.temperature)
    return parameters
  }
}
