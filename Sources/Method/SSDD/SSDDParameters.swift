import DenseCRF
import MethodChoices
import NeuralNet

/// What the rules of both training stages and of the merge go by, in single precision where kernels take it.
///
/// A value type: stages set single members after choosing a preset. `MethodDefaults` has the values, with those that
/// only options take; docs/fidelity.md says what each is about.
public struct SSDDParameters: Hashable, Sendable {
  /// How the DD loss of one mask weighs its pixels.
  public var lossForm: DifferenceLossForm
  public var termAveraging: TermAveraging
  public var differenceTarget: DifferenceTarget
  public var adviceTarget: AdviceTarget
  public var seedDecision: SeedDecision
  public var secondModuleLoss: SecondModuleLoss
  public var differenceStorage: DifferenceStorage
  public var thumbnailRounding: ThumbnailRounding
  public var spreadUnit: SpreadUnit
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
public struct MergeBias: Hashable, Sendable {
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
