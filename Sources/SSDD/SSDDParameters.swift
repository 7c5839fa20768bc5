import DenseCRF
import MethodChoices
import NeuralNet

public typealias Preset = MethodChoices.Preset

/// Every parameter of the method that text and code give differently, and the constants of the two training stages.
///
/// A value type: stages set single members after choosing a preset. docs/fidelity.md says what each is about.
public struct SSDDParameters: Codable, Hashable, Sendable {
  /// How the DD losses of the masks of a step are joined.
  public enum TermAveraging: String, Codable, Sendable, CaseIterable {
    case sum
    case mean
  }

  /// What the DD-Net's output is the probability of.
  public enum DifferenceTarget: String, Codable, Sendable, CaseIterable {
    /// 1 where the masks are equal (Eq. 1 as printed); the rule of Eq. 3 then takes the complement, which is what it needs.
    case equal
    /// 1 where they differ.
    case different
  }

  /// The mask that stands for the advice where the sub head and the second DD-Net are taught.
  public enum AdviceTarget: String, Codable, Sendable, CaseIterable {
    /// m^D1, the result of the first SSDD module (Eqs. 13 and 14).
    case firstRefinement
    /// m^D2, the result of the second.
    case secondRefinement
  }

  /// How m^D0 follows from stored d maps.
  public enum SeedDecision: String, Codable, Sendable, CaseIterable {
    /// w = d^K - d^A + bias (Eq. 3).
    case asIntended
    /// The two maps exchanged, as the authors' loader reads them back.
    case asCode
  }

  /// Over what the DD losses of the second module are averaged.
  public enum SecondModuleLoss: String, Codable, Sendable, CaseIterable {
    /// Each sample on its own, bad samples left out, as in the first module.
    case perSample
    /// All pixels of the batch at once, bad samples included.
    case wholeBatch
  }

  /// What is kept of d between the static stage and the merge.
  public enum DifferenceStorage: String, Codable, Sendable, CaseIterable {
    /// Probabilities, resized once.
    case probabilities
    /// Logits, resized to the image and back, then the sigmoid.
    case logits
  }

  public typealias TrainingResize = MethodChoices.TrainingResize
  public typealias ScaleFusion = MethodChoices.ScaleFusion

  /// How the image at OUT, which the CRF in the loop sees, becomes 8 bits.
  public enum ThumbnailRounding: String, Codable, Sendable, CaseIterable {
    /// To the nearest grey level.
    case nearest
    /// Fractions dropped, as the reference's conversion does.
    case down
  }

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
  /// Of SGD. The reference names 0.9 but builds its optimiser anew at every step, so that nothing accumulates.
  public var momentum: Double
  public var staticEpochs: Int
  /// Length of the static stage's learning rate schedule where it is longer than the epochs run (the reference's checkpoint 10 of 16).
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
  public var shrinkThreshold: Float = 0.5
  /// Added to the softmax of every present class before the arg-max.
  public var scoreFloor: Float = 1e-4
  /// alpha of L_sub: the weight of m^D0.
  public var subMix: Float
  public var staticBatch: Int
  public var dynamicBatch: Int
  /// Of the trunk; heads and DD-Nets take `headMultiplier` times as much.
  public var learningRate: Double
  public var headMultiplier: Float
  public var weightDecay: Float
  /// The cosine ramp reaches zero after this many times the epochs.
  public var scheduleStretch = 1.2
  /// Mean-field iterations inside training.
  public var trainingIterations: Int

  public init(_ preset: Preset = .default) {
    let isPaper = preset == .paper
    let isReference = preset == .reference
    lossForm = isPaper ? .plain : .balanced
    termAveraging = isPaper ? .sum : .mean
    differenceTarget = isPaper ? .equal : .different
    adviceTarget = isReference ? .secondRefinement : .firstRefinement
    seedDecision = isReference ? .asCode : .asIntended
    secondModuleLoss = isReference ? .wholeBatch : .perSample
    differenceStorage = isReference ? .logits : .probabilities
    thumbnailRounding = isReference ? .down : .nearest
    absentClassIsBad = true
    // What options of the stages can overrule, too.
    let shared = MethodDefaults(preset)
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
