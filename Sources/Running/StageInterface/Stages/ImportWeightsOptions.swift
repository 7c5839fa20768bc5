import ArgumentParser
import MethodChoices

public struct ImportWeightsOptions: StageOptions {
  public static let stage = StageHeader(
    "import-weights", "Read weights of PyTorch, safetensors, MXNet or HDF5 and write them as weights.h5.",
    details: """
      Nothing in a checkpoint is executed: tensors by name are read, objects beside them are left alone.

      The manifest is needed with every --network but any: it says how many classes the network has.
      """,
    example: "--from squeezenet1_1.pth --out runs/imagenet",
    output: .weights,
    manifest: .when(parameter: "network", isOneOf: Network.allCases.filter { $0 != .any }.map(\.rawValue)))

  public enum Format: String, Sendable, CaseIterable { case auto, pytorch, safetensors, mxnet, hdf5 }
  public enum Network: String, Sendable, CaseIterable {
    case any, classifier, affinity, segmentation, `static`, dynamic
  }

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("from", [.externalFile], "The weights to read."))
    public var from: String

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Data set") public var data: OptionalDataSetOptions
  @OptionGroup(title: "Running") public var common: CommonOptions

  @Option(.choice("format", default: .value(.auto), "Format of the file; auto: told by its content."))
  public var format: Format
  @Flag(
    .flag(
      "keep-names", default: false,
      "Leave the names of an MXNet file as they are, instead of changing them to PyTorch's."))
  public var keepNames: Bool
  @Option(.text("strip-prefix", default: "", "Taken off the front of every name that has it, such as `module.`."))
  public var stripPrefix: String
  @Option(
    .text(
      "key", default: "",
      """
      Where in a PyTorch file the weights are: a key, keys with / between, or / for the top. Without it the key that \
      is meant without doubt.
      """))
  public var key: String
  @Option(
    .choice(
      "network", default: .value(.any),
      """
      What the weights are of, so that other stages take them for it; static and dynamic are what train-ddnet and \
      train-seg-dynamic make. Names and shapes are checked.
      """))
  public var network: Network
  @OptionGroup(title: "Size of the network") public var size: ImportedNetworkOptions
  @Flag(.normalisedTaps("The network was trained with train-cam's option of this name, or from such weights."))
  public var normalisedTaps: Bool

  public init() {}

  public func validate() throws {
    try requireSqueezeNet(normalisedTaps, size.backbone ?? .squeezenet)
    guard network != .any || !normalisedTaps else {
      throw ValidationError("--normalised-taps says something of a network: give --network too")
    }
    try refuseIdle()
    guard network == .any || data.manifest != nil else {
      throw ValidationError(
        "--network \(network.rawValue) needs --manifest, whose classes the network is for; found none")
    }
  }
}

extension ImportWeightsOptions {
  private func refuseIdle() throws {
    let aNetwork = "without --network, which says what the weights are of"
    try refuse(ImportedNetworkOptions.self, when: network == .any, aNetwork)
    try refuse(["manifest", "data"], when: network == .any, aNetwork)
    let (hasHead, hasDifference) =
      switch network {
      case .any, .classifier, .affinity: (false, false)
      case .segmentation: (true, false)
      case .static, .dynamic: (true, true)
      }
    let unlike = "with --network \(network.rawValue), which has none"
    try refuse(["head-channels", "head-dilation", "head-statistics"], when: !hasHead, unlike)
    try refuse(["difference-channels"], when: !hasDifference, unlike)
    if let backbone = size.backbone {
      let why = "with --backbone \(backbone.rawValue), which comes in one size"
      try refuse(["width", "depth"], when: backbone != .resnet38, why)
    }
    try refuse(["keep-names"], when: format != .auto && format != .mxnet, "with --format \(format.rawValue)")
    try refuse(["key"], when: format != .auto && format != .pytorch, "with --format \(format.rawValue)")
  }
}

/// What network imported weights are of. Names and shapes of the tensors tell it, except for the dilation of the
/// segmentation head and for what its batch norm does in training.
public struct ImportedNetworkOptions: ParsableArguments, Sendable {
  @Option(.choice("backbone", default: .required, "Trunk of that network. Without it as the tensors' names tell."))
  public var backbone: BackboneKind?

  @Option(
    .number(
      "width", NumberRange(0...ArchitectureLimits.largestFactor), default: 0,
      "Factor on the trunk's channels (resnet38); 0: as the tensors tell."))
  public var width: Double

  @Option(
    .number(
      "depth", NumberRange(0...ArchitectureLimits.largestFactor), default: 0,
      "Factor on the trunk's blocks (resnet38); 0: as the tensors tell."))
  public var depth: Double

  @Option(
    .integer(
      "head-channels", ArchitectureLimits.channels, or: 0, unit: "channels", default: 0,
      "Hidden channels of the segmentation head; 0: as the tensors tell."))
  public var headChannels: Int

  @Option(
    .integer(
      "difference-channels", ArchitectureLimits.channels, or: 0, unit: "channels", default: 0,
      "Channels inside the DD-Net; 0: as the tensors tell."))
  public var differenceChannels: Int

  @Option(
    .integer(
      "head-dilation", ArchitectureLimits.headDilation, unit: "cells", default: 12,
      "Dilation and reflection padding of the segmentation head, which no tensor tells."))
  public var headDilation: Int

  @Option(
    .choice(
      "head-statistics", default: .value(.frozen),
      "Batch norm of the heads in training: frozen as in the method, or batch."))
  public var headStatistics: HeadStatistics

  public init() {}
}
