import ArgumentParser
import Foundation
import Foundations
import StageKit
import TensorStore

@main
struct ExportWeights: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "export-weights", abstract: "Write weights as a PyTorch state dict, as safetensors or as plain HDF5.",
    discussion: example(
      "export-weights --weights runs/quickstart/cam-train/weights.h5 --file classifier.safetensors --out exported",
      about: "Values and names stay as they are, to the bit. Any file that import-weights reads can be exported."))

  @OptionGroup var shared: SharedOptions

  @Option(help: ArgumentHelp("The weights to write.", valueName: "FILE"))
  var weights: String
  @Option(help: ArgumentHelp("Name of the file in the output folder; its suffix says the format: pth, pt, safetensors, h5 or hdf5.", valueName: "NAME"))
  var file = "weights.pth"
  @Option(help: "Format of the file, whatever its name: auto, pytorch, safetensors or hdf5.")
  var format = Format.auto

  enum Format: String, ExpressibleByArgument, CaseIterable { case auto, pytorch, safetensors, hdf5 }

  /// What `export.json` tells; written last, so that its presence says that the file is whole.
  private struct Report: Encodable {
    let file: String
    let format: String
    let sha256: String
    let tensors: Int
    let values: Int
  }

  func validate() throws {
    guard !file.isEmpty, !file.contains("/"), !file.hasPrefix("."), file != "export.json" else {
      throw ValidationError("--file: expected the name of a file in the output folder, found `\(file)`.")
    }
    guard target != nil else {
      throw ValidationError("--file: expected a name that ends in .pth, .pt, .safetensors, .h5 or .hdf5, or a --format, found `\(file)`.")
    }
  }

  private var target: WeightsSource.Format? {
    guard format == .auto else { return WeightsSource.Format(rawValue: format.rawValue) }
    return WeightsSource.Format(fileName: file).flatMap { $0 == .mxnet ? nil : $0 }
  }

  func execute(_ run: StageRun) throws {
    guard let target else { throw Failure(.usage, "no format for `\(file)`") }
    let source = try WeightsSource(weights).withoutProvenance
    let path = "\(run.out)/\(file)"
    try source.write(to: path, as: target, provenance: run.provenance(inputs: [("weights", weights)]))
    let report = Report(
      file: file, format: target.rawValue, sha256: try SHA256.hexadecimal(ofFile: path), tensors: source.items.count, values: source.elementCount)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    try AtomicFile.write(String(decoding: try encoder.encode(report), as: UTF8.self) + "\n", to: "\(run.out)/export.json")
    run.log.info("\(report.tensors) tensors, \(report.values) values in \(file)")
  }
}
