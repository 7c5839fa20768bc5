import ArgumentParser
import Datasets
import DenseCRF
import Foundations
import Models
import NeuralNet
import SSDD
import StageKit
import Tensors
import Training

@main
struct TrainSegDynamic: Stage {
  static let algorithmVersion = 1
  static let defaults = TrainingDefaults(
    epochs: 30, batch: 8, crop: 448, resizeMinimum: 512, resizeMaximum: 768, learningRate: 1e-3, headMultiplier: 10, weightDecay: 2e-4, momentum: 0)
  static let configuration = CommandConfiguration(
    commandName: "train-seg-dynamic", abstract: "Dynamic stage: train the segmentation network with seeds that two SSDD modules refine (paper, section 4.2).",
    discussion: example(
      "train-seg-dynamic --manifest M.yaml --data DIR --weights cam/weights.h5 --seeds merge --out runs/dynamic", about: defaults.help))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var training: TrainingOptions
  @OptionGroup var model: ModelOptions
  @OptionGroup var difference: SSDDOptions
  @OptionGroup var crf: CRFOptions

  @Option(help: ArgumentHelp("Classifier whose trunk is the start, or weights of this stage, all of which are.", valueName: "FILE"))
  var weights: String
  @Option(help: ArgumentHelp("Seed masks m^D0 (ssdd-merge).", valueName: "DIR"))
  var seeds: String
  @Option(
    name: .customLong("warm-up"),
    help: ArgumentHelp("A network of train-ddnet or train-seg: its trunk and head are the start, of both heads.", valueName: "FILE"))
  var warmUp: String?
  @Option(name: .customLong("warm-up-epochs"), help: "Epochs at the start in which both heads learn the seeds alone; they count among --epochs.")
  var warmUpEpochs = 0
  @Option(help: "Weight of m^D0 in the sub head's loss (alpha).")
  var alpha: Float = 0.5
  @Flag(inversion: .prefixedNo, help: "Resize to a square instead of keeping the ratio of the sides. Default: the preset's.")
  var square: Bool?
  @Flag(name: .customLong("channel-dropout"), inversion: .prefixedNo, help: "Channel dropout of the trunk. Default: the preset's.")
  var channelDropout: Bool?

  func execute(_ run: StageRun) throws {
    var parameters = difference.parameters(merging: false)
    parameters.subMix = alpha
    parameters.channelDropout = channelDropout ?? parameters.channelDropout
    let options = try training.resolved(Self.defaults.with(parameters, epochs: parameters.dynamicEpochs, batch: parameters.dynamicBatch))
    guard (0...1).contains(alpha) else { throw Failure(.usage, expected: "0 to 1", found: "\(alpha)", item: "--alpha") }
    guard (0...options.epochs).contains(warmUpEpochs) else {
      throw Failure(.usage, expected: "0 to --epochs \(options.epochs)", found: "\(warmUpEpochs)", item: "--warm-up-epochs")
    }
    let data = try run.data(shared, split: training.split)
    let network = try makeNetwork(data, options, seed: run.seed)
    var policy = training.policy(options, square: square ?? (parameters.trainingResize == .square))
    policy.smallRounding = parameters.thumbnailRounding == .down ? .down : .nearest
    let images = TrainingImages(data.items, policy: policy, seed: run.seed)
    let masks = try SeedMasks(seeds, for: data.items, classes: data.classes)
    let plan = TrainingPlan(items: data.items.count, options: options, training: training)
    let schedule = CosineSchedule(base: options.learningRate, epochs: options.epochs, stretch: parameters.scheduleStretch)
    let groups = ParameterGroups.segmentation(network, headMultiplier: Float(options.headMultiplier), decay: Float(options.weightDecay))
    let (seed, classes, warmUpEpochs) = (run.seed, data.classes.count, self.warmUpEpochs)
    let step = DynamicStep(model: network, parameters: parameters, crf: try crf.parameters(iterations: parameters.trainingIterations))
    let job = TrainingJob<SeedSample>(
      module: network, optimizer: SGD(groups, momentum: Float(options.momentum)), plan: plan, memory: training.memory,
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
      inputs: [("weights", weights), ("seeds", seeds)] + (warmUp.map { [("warm-up", $0)] } ?? []))
  }

  private func makeNetwork(_ data: StageData, _ options: TrainingDefaults, seed: UInt64) throws -> SSDDModel {
    let file = try NetworkFile(weights, accepting: [.classifier, .segmentation, .dynamicDifference])
    try file.requireClasses(data.classes)
    let specification = try model.specification(backbone: file.modelSpecification().backbone, classes: data.classes.count)
    try specification.validate(height: options.crop, width: options.crop)
    let network = try SSDDModel(specification, stage: .dynamic)
    network.initialise(seed: seed)
    try file.loadStart(into: network)
    if let warmUp {
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
