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

  public init() {}

  public func validate() throws {
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

  public init() {}
}

extension Declared where Value == Preset {
  static let preset = choice(
    "preset", default: .value(.default), "Values of everything that paper and reference give differently.")
}
