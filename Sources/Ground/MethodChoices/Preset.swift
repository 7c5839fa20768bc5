/// The named sets of values for everything that the paper leaves open or its reference implementation does otherwise.
public enum Preset: String, Codable, Sendable, CaseIterable {
  /// What the paper's text says; where it says nothing, our default.
  case paper
  /// What the authors' code does.
  case reference
  /// Ours.
  case `default`
}

/// How training images are resized before the crop.
public enum TrainingResize: String, Codable, Sendable, CaseIterable {
  /// The long side is drawn, the ratio kept (PSA).
  case keepingRatio
  /// To a square of the side drawn.
  case square
}

/// How the ten passes of multi-scale inference are made and joined.
public enum ScaleFusion: String, Codable, Sendable, CaseIterable {
  /// The image in its own ratio; mean of the softmaxes.
  case meanKeepingRatio
  /// The image squeezed to the crop's square; softmax of the sum of the softmaxes.
  case softmaxOfSumSquare
}

/// The values of a preset that options of the stages can overrule.
///
/// `SSDDParameters` takes its own from here, and so do the defaults of `--epochs`, `--batch`, `--dd-bias` and the
/// others: a value is written once. docs/fidelity.md says what each is about.
public struct MethodDefaults: Sendable {
  public var staticEpochs = 10
  /// Length of the static stage's learning rate schedule where it is longer than the epochs run (the reference's
  /// checkpoint 10 of 16).
  public var staticScheduleEpochs = 10
  public var dynamicEpochs = 30
  public var staticBatch = 16
  public var dynamicBatch = 8
  /// Of the trunk; heads and DD-Nets take `headMultiplier` times as much.
  public var learningRate = 1e-3
  public var headMultiplier = 10.0
  public var weightDecay = 2e-4
  /// Of SGD. The reference names 0.9 but builds its optimizer anew at every step, so that nothing accumulates.
  public var momentum = 0.0
  public var trainingResize = TrainingResize.keepingRatio
  public var scaleFusion = ScaleFusion.meanKeepingRatio
  /// Channel dropout of the trunk while training.
  public var channelDropout = true
  /// dd_bias and bg_bias of the rule where seeds are merged.
  public var seedBias = (difference: 0.1, background: 0.1)
  /// dd_bias and bg_bias of the rule inside training.
  public var trainingBias = (difference: 0.4, background: 0.0)
  /// alpha of L_sub: the weight of m^D0.
  public var subMix = 0.5
  /// Mean-field iterations inside training.
  public var trainingIterations = 3
  /// The main head's logits are divided by it in front of the CRF inside training.
  public var trainingTemperature = 1.0
  public var spreadUnit = SpreadUnit.outputPixels
  public var thumbnailRounding = ThumbnailRounding.nearest
  /// How the DD loss of one mask weighs its pixels.
  public var lossForm = DifferenceLossForm.balanced
  public var termAveraging = TermAveraging.mean
  public var differenceTarget = DifferenceTarget.different
  public var adviceTarget = AdviceTarget.firstRefinement
  public var secondModuleLoss = SecondModuleLoss.perSample
  public var seedDecision = SeedDecision.asIntended
  public var differenceStorage = DifferenceStorage.probabilities
  /// Whether a listed class that neither mask contains makes a bad sample.
  public var absentClassIsBad = true
  /// A class is flagged where its pixel count shrinks below this share.
  public var shrinkThreshold = 0.5
  /// Added to the softmax of every present class before the arg-max.
  public var scoreFloor = 1e-4
  /// The cosine ramp reaches zero after this many times the epochs.
  public var scheduleStretch = 1.2

  public init(_ preset: Preset = .default) {
    if preset == .paper { (lossForm, termAveraging, differenceTarget) = (.plain, .sum, .equal) }
    guard preset == .reference else { return }
    (adviceTarget, secondModuleLoss) = (.secondRefinement, .wholeBatch)
    (seedDecision, differenceStorage) = (.asCode, .logits)
    thumbnailRounding = .down
    staticScheduleEpochs = 16
    dynamicEpochs = 41
    trainingResize = .square
    scaleFusion = .softmaxOfSumSquare
  }

  /// Epochs of the static stage's learning rate schedule for a training of `epochs`.
  ///
  /// The preset's own where the training has the preset's length, so that an option written out gives what it gives
  /// left out; else the length of the training.
  public func staticSchedule(epochs: Int) -> Int { epochs == staticEpochs ? staticScheduleEpochs : epochs }
}

/// The numbers of the dense CRF on seeds and predictions (Krähenbühl & Koltun 2011 as PSA sets them).
public enum CRFDefaults {
  /// Mean-field iterations; training has `MethodDefaults.trainingIterations`.
  public static let iterations = 10
  /// Spread of the position-only kernel, in pixels.
  public static let gaussianSpread = 3.0
  public static let gaussianWeight = 3.0
  /// Spread of the position-and-colour kernel, in pixels.
  public static let bilateralSpread = 80.0
  /// Spread of the same kernel, in grey levels.
  public static let colourSpread = 13.0
  public static let bilateralWeight = 10.0
}

/// The numbers of PSA's seeds (Ahn & Kwak 2018).
public enum SeedDefaults {
  /// Exponent of the background score (1 - max CAM)^power; PSA calls it alpha.
  public static let backgroundPower = 16.0
  /// beta: exponent on the affinities.
  public static let affinityPower = 8.0
  /// Base-2 logarithm of the number of steps of the random walk.
  public static let logSteps = 8
  /// Cells further apart than this are no pair.
  public static let radius = 5
}
