import ArgumentParser
import MethodChoices

/// A training stage: its own defaults of the options that all of them have.
public protocol TrainingStage: Sendable {
  static var training: TrainingDefaults { get }
}

/// A stage's values of the training options where the user gives none.
public struct TrainingDefaults: Sendable {
  public var epochs: Standard<Int>
  public var batch: Int
  public var crop = 448
  public var resizeMinimum: Int
  public var resizeMaximum: Int
  public var learningRate: Double
  public var headMultiplier = 10.0
  public var weightDecay = 5e-4
  public var momentum = 0.0

  /// PSA's optimisation otherwise.
  ///
  /// - Parameter resize: the long side that an image is resized to; 0...0 for no resizing.
  public init(epochs: Standard<Int>, batch: Int, resize: ClosedRange<Int>, learningRate: Double) {
    self.epochs = epochs
    self.batch = batch
    (resizeMinimum, resizeMaximum) = (resize.lowerBound, resize.upperBound)
    self.learningRate = learningRate
  }

  /// The method's own optimisation, that of the static and the dynamic stage.
  static func method(epochs: Standard<Int>, batch: Int, resize: ClosedRange<Int>) -> TrainingDefaults {
    let method = MethodDefaults()
    var defaults = TrainingDefaults(epochs: epochs, batch: batch, resize: resize, learningRate: method.learningRate)
    defaults.headMultiplier = method.headMultiplier
    defaults.weightDecay = method.weightDecay
    defaults.momentum = method.momentum
    return defaults
  }
}

/// The options that the training stages share; the defaults are those of `Stage`.
public struct TrainingOptions<Stage: TrainingStage>: ParsableArguments, Sendable {
  @Option(.split("train", "Split of the manifest whose images and image-level labels are trained on."))
  public var split: String

  @Option(.integer("epochs", 1...100_000, default: Stage.training.epochs, "Passes over the images."))
  private var givenEpochs: Int?

  @Option(
    .integer(
      "batch", 1...4096, unit: "images", default: .value(Stage.training.batch),
      "Images whose gradients make one update."))
  public var batch: Int

  @Option(
    .integer(
      "micro-batch", 0...4096, unit: "images", default: 0,
      "Images computed at a time; bounds the memory, not the result. 0: the whole batch."))
  public var microBatch: Int

  @Option(.memory("Compute as many images at a time as fit into this, such as 12G (instead of --micro-batch)."))
  public var memory: MemorySize?

  @Option(
    .integer(
      "crop", 32...4096, multipleOf: 8, unit: "pixels", default: .value(Stage.training.crop),
      "Side of the square training crop."))
  public var crop: Int

  @Option(
    .integer(
      "resize-min", 16...8192, or: 0, unit: "pixels", default: .value(Stage.training.resizeMinimum),
      "Smallest long side that an image is resized to; 0 in both: no resizing."))
  public var resizeMinimum: Int

  @Option(
    .integer(
      "resize-max", 16...8192, or: 0, unit: "pixels", default: .value(Stage.training.resizeMaximum),
      "Largest long side that an image is resized to."))
  public var resizeMaximum: Int

  @Option(
    .number(
      "learning-rate", NumberRange(above: 0), default: .value(Stage.training.learningRate),
      "Learning rate of the trunk at the first step."))
  public var learningRate: Double

  @Option(
    .number(
      "head-multiplier", NumberRange(above: 0), default: .value(Stage.training.headMultiplier),
      "Factor on the learning rate for the layers that start from scratch."))
  public var headMultiplier: Double

  @Option(.number("weight-decay", 0...1, default: .value(Stage.training.weightDecay), "L2 penalty on the weights."))
  public var weightDecay: Double

  @Option(
    .number(
      "momentum", NumberRange(0..<1), default: .value(Stage.training.momentum), "Momentum of the gradient descent."))
  public var momentum: Double

  @Option(
    .number(
      "clip-norm", 0...1e9, default: 0,
      """
      Scale the gradients of an update where their common norm exceeds this; the log gets the norm before. 0: no \
      limit, no norm.
      """))
  public var clipNorm: Double

  @Option(
    .integer(
      "steps", 0...10_000_000, unit: "updates", default: 0, "Stop after this many updates; 0: after the last epoch."))
  public var steps: Int

  @Option(
    .choice(
      "augmentation", default: .value(.full),
      "full: random scale, flip, colour and crop; none: the image once, centred."))
  public var augmentation: AugmentationUse

  @Option(
    .integer(
      "checkpoint-every", 0...10_000_000, unit: "updates", default: 0,
      "Updates between checkpoints; 0: one at the end of each epoch."
    ).unrecorded)
  public var checkpointEvery: Int

  public init() {}

  public var epochs: Int { givenEpochs ?? Stage.training.epochs.value() ?? 1 }

  /// Puts in what follows from the preset where the user gave nothing.
  mutating func choose(_ preset: Preset) { givenEpochs = givenEpochs ?? Stage.training.epochs.value(for: preset) }

  public mutating func validate() throws {
    if case .value(let epochs) = Stage.training.epochs { givenEpochs = givenEpochs ?? epochs }
    try require(
      (resizeMinimum == 0) == (resizeMaximum == 0), "resize-min",
      "0 in both --resize-min and --resize-max, or in neither", found: resizeMinimum)
    try require(
      resizeMaximum >= resizeMinimum, "resize-max", "at least --resize-min \(resizeMinimum)", found: resizeMaximum)
    try refuse(
      ["resize-min", "resize-max"], when: augmentation == .none, "with --augmentation none, which resizes nothing")
    guard memory == nil || microBatch == 0 else { throw ValidationError("give either --memory or --micro-batch") }
    try require(microBatch <= batch, "micro-batch", "at most --batch \(batch)", found: microBatch)
  }
}

extension TrainingStage where Self: StageOptions {
  /// Refuses `--square` where images are not resized. Its own default, by a preset, stands.
  func refuseSquare(_ training: TrainingOptions<Self>) throws {
    try refuse(
      ["square"], when: training.augmentation == .none || training.resizeMaximum == 0, "where images are not resized")
  }
}

public enum AugmentationUse: String, Sendable, CaseIterable { case full, none }
