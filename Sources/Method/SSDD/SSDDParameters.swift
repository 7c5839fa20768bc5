import DenseCRF
import MethodChoices
import NeuralNet

public typealias Preset = MethodChoices.Preset

/// Every parameter of the method that text and code give differently, and the constants of the two training stages.
///
/// A value type: stages set single members after choosing a preset. docs/fidelity.md says what each is about.
public struct SSDDParameters: Codable, Hashable, Sendable {
  public typealias TermAveraging = MethodChoices.TermAveraging
  public typealias DifferenceTarget = MethodChoices.DifferenceTarget
  public typealias AdviceTarget = MethodChoices.AdviceTarget
  public typealias SeedDecision = MethodChoices.SeedDecision
  public typealias SecondModuleLoss = MethodChoices.SecondModuleLoss
  public typealias DifferenceStorage = MethodChoices.DifferenceStorage
  public typealias ThumbnailRounding = MethodChoices.ThumbnailRounding
  public typealias SpreadUnit = MethodChoices.SpreadUnit
  public typealias TrainingResize = MethodChoices.TrainingResize
  public typealias ScaleFusion = MethodChoices.ScaleFusion

  /// How the DD loss of one mask weighs its pixels.
  public var lossForm: DifferenceLossForm
  public var termAveraging: TermAveraging
  public var differenceTarget: DifferenceTarget
  public var adviceTarget: AdviceTarget
  public var seedDecision: SeedDecision
  public var secondModuleLoss: SecondModuleLoss
  public var differenceStorage: DifferenceStorage
  public var trainingResize: TrainingResize
  public var scaleFusion: ScaleFusion
  public var thumbnailRounding: ThumbnailRounding
  public var spreadUnit: SpreadUnit
  /// Of SGD. The reference names 0.9 but builds its optimiser anew at every step, so that nothing accumulates.
  public var momentum: Double
  public var staticEpochs: Int
  /// Length of the static stage's learning rate schedule where it is longer than the epochs run (the reference's
  /// checkpoint 10 of 16).
  public var staticScheduleEpochs: Int
  public var dynamicEpochs: Int
  /// Whether a listed class that neither mask contains makes a bad sample.
  public var absentClassIsBad: Bool
  /// Channel dropout of the trunk while training.
  public var channelDropout: Bool

  /// Bias of the rule where seeds are merged.
  public var seedBias: MergeBias
  /// Bias of the rule inside training.
  public var trainingBias: MergeBias
  /// A class is flagged where its pixel count shrinks below this share.
  public var shrinkThreshold: Float
  /// Added to the softmax of every present class before the arg-max.
  public var scoreFloor: Float
  /// alpha of L_sub: the weight of m^D0.
  public var subMix: Float
  public var staticBatch: Int
  public var dynamicBatch: Int
  /// Of the trunk; heads and DD-Nets take `headMultiplier` times as much.
  public var learningRate: Double
  public var headMultiplier: Float
  public var weightDecay: Float
  /// The cosine ramp reaches zero after this many times the epochs.
  public var scheduleStretch: Double
  /// Mean-field iterations inside training.
  public var trainingIterations: Int
  /// The main head's logits are divided by it in front of the CRF inside training: above 1 softens p^K1, and the CRF
  /// decides more.
  public var trainingTemperature: Float

  public init(_ preset: Preset = .default) {
    let shared = MethodDefaults(preset)
    lossForm = shared.lossForm
    termAveraging = shared.termAveraging
    differenceTarget = shared.differenceTarget
    adviceTarget = shared.adviceTarget
    seedDecision = shared.seedDecision
    secondModuleLoss = shared.secondModuleLoss
    differenceStorage = shared.differenceStorage
    thumbnailRounding = shared.thumbnailRounding
    spreadUnit = shared.spreadUnit
    absentClassIsBad = shared.absentClassIsBad
    shrinkThreshold = Float(shared.shrinkThreshold)
    scoreFloor = Float(shared.scoreFloor)
    scheduleStretch = shared.scheduleStretch
    trainingTemperature = Float(shared.trainingTemperature)
    trainingResize = shared.trainingResize
    scaleFusion = shared.scaleFusion
    momentum = shared.momentum
    (staticEpochs, dynamicEpochs) = (shared.staticEpochs, shared.dynamicEpochs)
    staticScheduleEpochs = shared.staticScheduleEpochs
    (staticBatch, dynamicBatch) = (shared.staticBatch, shared.dynamicBatch)
    learningRate = shared.learningRate
    headMultiplier = Float(shared.headMultiplier)
    weightDecay = Float(shared.weightDecay)
    channelDropout = shared.channelDropout
    seedBias = MergeBias(difference: Float(shared.seedBias.difference), background: Float(shared.seedBias.background))
    trainingBias = MergeBias(
      difference: Float(shared.trainingBias.difference), background: Float(shared.trainingBias.background))
    subMix = Float(shared.subMix)
    trainingIterations = shared.trainingIterations
  }

  /// The CRF inside training: the default kernels with `trainingIterations`.
  public var trainingCRF: DenseCRFParameters {
    var parameters = DenseCRFParameters()
    parameters.iterations = trainingIterations
    return trainingCRF(parameters)
  }

  /// A CRF of these kernels as it runs inside training: spreads as `spreadUnit` says.
  public func trainingCRF(_ kernels: DenseCRFParameters) -> DenseCRFParameters {
    var parameters = kernels
    if spreadUnit == .imagePixels { parameters.scaleFactor *= 4 }
    return parameters
  }
}

/// bias_u of Eq. 3.
public struct MergeBias: Codable, Hashable, Sendable {
  /// dd_bias: added everywhere; positive values favour the advice.
  public var difference: Float
  /// bg_bias: subtracted where the knowledge is background, added where the advice is: it favours background.
  public var background: Float
  /// The class guard: subtracted where the knowledge is a flagged class, added where the advice is.
  public var flaggedClass: Float

  public init(difference: Float, background: Float, flaggedClass: Float = 1) {
    self.difference = difference
    self.background = background
    self.flaggedClass = flaggedClass
  }
}
