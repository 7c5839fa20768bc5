import ArgumentParser
import MethodChoices

/// The segmentation heads and DD-Nets of stages that build them.
public struct HeadOptions: ParsableArguments, Sendable {
  @Option(
    .integer(
      "head-dilation", ArchitectureLimits.headDilation, unit: "cells", default: 12,
      "Dilation and reflection padding of the segmentation head; the paper's is 12."))
  public var headDilation: Int

  @Option(
    .integer(
      "head-channels", ArchitectureLimits.channels, or: 0, unit: "channels", default: 0,
      "Hidden channels of the segmentation head (e^h); 0: the paper's 512, scaled with the trunk."))
  public var headChannels: Int

  @Option(
    .integer(
      "difference-channels", ArchitectureLimits.channels, or: 0, unit: "channels", default: 0,
      "Channels inside the DD-Net; 0: the paper's 256, scaled with the trunk."))
  public var differenceChannels: Int

  @Option(
    .choice("head-statistics", default: .value(.frozen), "Batch norm of the heads: frozen as in the method, or batch."))
  public var headStatistics: HeadStatistics

  public init() {}

  /// Refuses a training crop that is smaller than the head takes.
  func requireCrop(_ crop: Int) throws {
    let smallest = ArchitectureLimits.smallestSide(headDilation: headDilation)
    try require(crop >= smallest, "crop", "at least \(smallest) for --head-dilation \(headDilation)", found: crop)
  }
}

/// The trunk of stages that build one from nothing.
public struct BackboneOptions: ParsableArguments, Sendable {
  @Option(
    .choice(
      "backbone", default: .value(.resnet38),
      "Trunk of the network. ResNets of torchvision are made stride 8, or 16 by name; resnet50-irn has no dilation."))
  public var backbone: BackboneKind

  @Option(
    .number(
      "width", NumberRange(above: 0, to: ArchitectureLimits.largestFactor), default: 1,
      "Factor on the trunk's channels (resnet38)."))
  public var width: Double

  @Option(
    .number(
      "depth", NumberRange(above: 0, to: ArchitectureLimits.largestFactor), default: 1,
      "Factor on the trunk's blocks (resnet38)."))
  public var depth: Double

  @Flag(.normalisedTaps("Divide what heads get of squeezenet's features by their usual size; stored with the weights."))
  public var normalisedTaps: Bool

  public init() {}

  public func validate() throws {
    try requireSqueezeNet(normalisedTaps, backbone)
    guard backbone == .resnet38 || (width, depth) == (1, 1) else {
      throw ValidationError(
        """
        --backbone \(backbone.rawValue) comes in one size: expected --width 1 and --depth 1, \
        found \(plain(width)) and \(plain(depth))
        """
      )
    }
  }
}

/// A stage whose SSDD rule has biases of its own.
public protocol BiasedStage: Sendable {
  static var bias: (difference: Double, background: Double) { get }
}

/// The SSDD module: which preset, and the biases of its rule, by default those of `Stage`.
public struct DifferenceOptions<Stage: BiasedStage>: ParsableArguments, Sendable {
  @Option(.preset)
  public var preset: Preset

  @Option(
    .number(
      "dd-bias", -8...8, default: .value(Stage.bias.difference),
      "Added to w everywhere (Eq. 3): positive values favour the advice."))
  public var differenceBias: Double

  @Option(
    .number(
      "bg-bias", -8...8, default: .value(Stage.bias.background),
      "Favours background where the two masks disagree about it."))
  public var backgroundBias: Double

  @Option(
    .number(
      "shrink-threshold", 0...1, default: .value(MethodDefaults().shrinkThreshold),
      "Class guard: a class that the advice shrinks below this share is held on to."))
  public var shrinkThreshold: Double

  @Flag(
    .flag(
      "absent-class-is-bad", default: .value(MethodDefaults().absentClassIsBad),
      "A listed class that neither mask contains makes a bad sample."))
  public var absentClassIsBad: Bool

  public init() {}
}

/// How DD-Nets are trained: members of the preset, one by one.
public struct DetectorOptions: ParsableArguments, Sendable {
  @Option(
    .choice(
      "loss-form", default: .preset { MethodDefaults($0).lossForm },
      "DD loss of one mask: plain (Eq. 2), or balanced, half for each kind of pixel."))
  private var givenLossForm: DifferenceLossForm?

  @Option(
    .choice(
      "term-averaging", default: .preset { MethodDefaults($0).termAveraging }, "How the masks' DD losses are joined."))
  private var givenTermAveraging: TermAveraging?

  @Option(
    .choice(
      "difference-target", default: .preset { MethodDefaults($0).differenceTarget },
      "What DD-Nets give the probability of; stored with the weights."))
  private var givenDifferenceTarget: DifferenceTarget?

  @Option(
    .number(
      "schedule-stretch", 1...1e6, default: .value(MethodDefaults().scheduleStretch),
      "The learning rate's cosine ends after this many times the epochs."))
  public var scheduleStretch: Double

  public init() {}

  public var lossForm: DifferenceLossForm { givenLossForm ?? MethodDefaults().lossForm }
  public var termAveraging: TermAveraging { givenTermAveraging ?? MethodDefaults().termAveraging }
  public var differenceTarget: DifferenceTarget { givenDifferenceTarget ?? MethodDefaults().differenceTarget }

  /// Puts in what follows from the preset where the user gave nothing.
  mutating func choose(_ preset: Preset) {
    let method = MethodDefaults(preset)
    givenLossForm = givenLossForm ?? method.lossForm
    givenTermAveraging = givenTermAveraging ?? method.termAveraging
    givenDifferenceTarget = givenDifferenceTarget ?? method.differenceTarget
  }
}

extension Declared where Value == FrozenPart {
  /// The part of the trunk that a training leaves alone.
  static func frozen(default standard: Standard<FrozenPart>) -> Declared {
    choice(
      "frozen", default: standard,
      """
      Layers that keep their weights; firstStage: conv1a and b2 of resnet38, all up to the second pooling of squeezenet.
      """)
  }
}

extension Declared where Value == Bool {
  static func normalisedTaps(_ help: String) -> Declared { flag("normalised-taps", default: false, help) }
}

func requireSqueezeNet(_ normalisedTaps: Bool, _ backbone: BackboneKind) throws {
  guard !normalisedTaps || backbone == .squeezenet else {
    throw ValidationError(
      "--normalised-taps: expected --backbone squeezenet (batch norm does it in resnet38), found \(backbone.rawValue)")
  }
}

extension Declared where Value == Preset {
  static let preset = choice(
    "preset", default: .value(.default), "Values of everything that paper and reference give differently.")
}
