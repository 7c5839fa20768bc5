import ArgumentParser
import Foundations

/// The options that the training stages share. Each stage has its own defaults (`TrainingDefaults`), named in its help.
public struct TrainingOptions: ParsableArguments {
  @Option(help: "Split of the manifest whose images and image-level labels are trained on.")
  public var split = "train"

  @Option(help: "Passes over the images.")
  public var epochs: Int?

  @Option(help: "Images whose gradients make one update.")
  public var batch: Int?

  @Option(name: .customLong("micro-batch"), help: "Images computed at a time; bounds the memory, not the result. 0: the whole batch.")
  public var microBatch = 0

  @Option(help: ArgumentHelp("Compute as many images at a time as fit into this, such as 12G (instead of --micro-batch).", valueName: "SIZE"))
  public var memory: MemorySize?

  @Option(help: "Side of the square training crop, a multiple of 8.")
  public var crop: Int?

  @Option(name: .customLong("resize-min"), help: "Smallest long side that an image is resized to; 0 in both: no resizing.")
  public var resizeMinimum: Int?

  @Option(name: .customLong("resize-max"), help: "Largest long side that an image is resized to.")
  public var resizeMaximum: Int?

  @Option(name: .customLong("learning-rate"), help: "Learning rate of the trunk at the first step.")
  public var learningRate: Double?

  @Option(name: .customLong("head-multiplier"), help: "Factor on the learning rate for the layers that start from scratch.")
  public var headMultiplier: Double?

  @Option(name: .customLong("weight-decay"), help: "L2 penalty on the weights.")
  public var weightDecay: Double?

  @Option(help: "Momentum of the gradient descent.")
  public var momentum: Double?

  @Option(help: "Stop after this many updates; 0: after the last epoch.")
  public var steps = 0

  @Option(help: "full: random scale, flip, colour and crop; none: the image once, centred.")
  public var augmentation = Augmenting.full

  @Option(name: .customLong("checkpoint-every"), help: "Updates between checkpoints; 0: one at the end of each epoch.")
  public var checkpointEvery = 0

  public enum Augmenting: String, ExpressibleByArgument, CaseIterable, Sendable { case full, none }

  public init() {}

  /// The options with the stage's defaults filled in; a usage failure for a value out of range.
  public func resolved(_ defaults: TrainingDefaults) throws -> TrainingDefaults {
    var result = defaults
    if let epochs { result.epochs = epochs }
    if let batch { result.batch = batch }
    if let crop { result.crop = crop }
    if let resizeMinimum { result.resizeMinimum = resizeMinimum }
    if let resizeMaximum { result.resizeMaximum = resizeMaximum }
    if let learningRate { result.learningRate = learningRate }
    if let headMultiplier { result.headMultiplier = headMultiplier }
    if let weightDecay { result.weightDecay = weightDecay }
    if let momentum { result.momentum = momentum }
    try result.check()
    guard steps >= 0, microBatch >= 0, checkpointEvery >= 0 else {
      throw Failure(.usage, "--steps, --micro-batch and --checkpoint-every: expected 0 or more")
    }
    guard memory == nil || microBatch == 0 else { throw Failure(.usage, "give either --memory or --micro-batch") }
    return result
  }
}

/// A stage's values of the training options where the user gives none.
public struct TrainingDefaults: Sendable {
  public var epochs: Int
  public var batch: Int
  public var crop: Int
  public var resizeMinimum: Int
  public var resizeMaximum: Int
  public var learningRate: Double
  public var headMultiplier: Double
  public var weightDecay: Double
  public var momentum: Double

  public init(
    epochs: Int, batch: Int, crop: Int, resizeMinimum: Int, resizeMaximum: Int, learningRate: Double, headMultiplier: Double, weightDecay: Double,
    momentum: Double
  ) {
    self.epochs = epochs
    self.batch = batch
    self.crop = crop
    self.resizeMinimum = resizeMinimum
    self.resizeMaximum = resizeMaximum
    self.learningRate = learningRate
    self.headMultiplier = headMultiplier
    self.weightDecay = weightDecay
    self.momentum = momentum
  }

  /// The line of a stage's help that names its defaults.
  public var help: String {
    "Defaults: --epochs \(epochs) --batch \(batch) --crop \(crop) --resize-min \(resizeMinimum) --resize-max \(resizeMaximum) "
      + "--learning-rate \(learningRate) --head-multiplier \(headMultiplier) --weight-decay \(weightDecay) --momentum \(momentum)."
  }

  func check() throws {
    func require(_ condition: Bool, _ name: String, _ expected: String, _ found: Any) throws {
      if !condition { throw Failure(.usage, expected: expected, found: "\(found)", item: "--\(name)") }
    }
    try require(epochs >= 1, "epochs", "1 or more", epochs)
    try require(batch >= 1, "batch", "1 or more", batch)
    try require(crop >= 32 && crop % 8 == 0, "crop", "a multiple of 8, at least 32", crop)
    if resizeMinimum != 0 || resizeMaximum != 0 { try require(resizeMinimum >= 16, "resize-min", "16 or more", resizeMinimum) }
    try require(resizeMaximum >= resizeMinimum, "resize-max", "at least --resize-min \(resizeMinimum)", resizeMaximum)
    try require(learningRate > 0 && learningRate.isFinite, "learning-rate", "a positive number", learningRate)
    try require(headMultiplier > 0 && headMultiplier.isFinite, "head-multiplier", "a positive number", headMultiplier)
    try require(weightDecay >= 0 && weightDecay.isFinite, "weight-decay", "0 or more", weightDecay)
    try require((0..<1).contains(momentum), "momentum", "at least 0, below 1", momentum)
  }
}
