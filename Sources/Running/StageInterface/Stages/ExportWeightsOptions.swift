import ArgumentParser

public struct ExportWeightsOptions: StageOptions {
  public static let stage = StageHeader(
    "export-weights", "Write weights as a PyTorch state dict, as safetensors or as plain HDF5.",
    details: "Values and names stay as they are, to the bit. Any file that import-weights reads can be exported.",
    example: "--weights runs/quickstart/cam-train/weights.h5 --file classifier.safetensors --out exported",
    output: StageOutput([.exportedWeights], .file("export.json")), manifest: .never)

  public enum Format: String, Sendable, CaseIterable { case auto, pytorch, safetensors, hdf5 }

  public struct Inputs: ParsableArguments, Sendable {
    @Option(.input("weights", [.weights], "The weights to write."))
    public var weights: String

    public init() {}
  }

  @OptionGroup(title: "Inputs") public var inputs: Inputs
  @OptionGroup(title: "Running") public var common: CommonOptions

  @Option(
    .text(
      "file", default: "weights.pth",
      "Name of the file in the output folder; its suffix says the format: pth, pt, safetensors, h5 or hdf5."))
  public var file: String
  @Option(.choice("format", default: .value(.auto), "Format of the file, whatever its name; auto: by its suffix."))
  public var format: Format

  public init() {}

  public func validate() throws {
    guard !file.isEmpty, !file.contains("/"), !file.hasPrefix("."), file != "export.json" else {
      throw ValidationError("--file: expected the name of a file in the output folder, found `\(file)`")
    }
    guard target != nil else {
      throw ValidationError(
        "--file: expected a name that ends in .pth, .pt, .safetensors, .h5 or .hdf5, or a --format, found `\(file)`")
    }
  }

  /// The format that is written; nil for a name that tells none.
  public var target: Format? {
    if format != .auto { return format }
    return switch file.split(separator: ".").last {
    case "pth", "pt": .pytorch
    case "safetensors": .safetensors
    case "h5", "hdf5": .hdf5
    default: nil
    }
  }
}
