import ArgumentParser
import MethodChoices

public struct ImportWeightsOptions: StageOptions {
  public static let stage = StageHeader(
    "import-weights", "Read weights of PyTorch, safetensors, MXNet or HDF5 and write them as weights.h5.",
    details: """
      Nothing in a checkpoint is executed: only what a state dict needs is understood, anything else is refused by name.

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
    .choice(
      "network", default: .value(.any),
      """
      What the weights are of, so that other stages take them for it; static and dynamic are what train-ddnet and \
      train-seg-dynamic make. Names and shapes are checked.
      """))
  public var network: Network
  @Option(.choice("backbone", default: .value(.resnet38), "Trunk of that network."))
  public var backbone: BackboneKind

  public init() {}

  public func validate() throws {
    guard network == .any || data.manifest != nil else {
      throw ValidationError(
        "--network \(network.rawValue) needs --manifest, whose classes the network is for; found none")
    }
  }
}
