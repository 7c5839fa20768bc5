import ArgumentParser
import Foundation
import Foundations
import StageInterface
import StageKit
import TensorStore

@main
struct ExportWeights: Stage {
  @OptionGroup var options: ExportWeightsOptions

  /// What `export.json` tells.
  private struct Report: Encodable {
    let file: String
    let format: String
    let sha256: String
    let tensors: Int
    let values: Int
  }

  func execute(_ run: StageRun) throws {
    let (weights, file) = (options.inputs.weights, options.file)
    guard let target = options.target.flatMap({ WeightsSource.Format(rawValue: $0.rawValue) }) else {
      throw Failure(.usage, "no format for `\(file)`")
    }
    let source = try WeightsSource(weights).withoutProvenance
    let provenance = try run.provenance(inputs: [("weights", weights)])
    try run.write { folder in
      let path = "\(folder)/\(file)"
      try source.write(to: path, as: target, provenance: provenance)
      let report = Report(
        file: file, format: target.rawValue, sha256: try SHA256.hexadecimal(ofFile: path), tensors: source.items.count,
        values: source.elementCount)
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
      try AtomicFile.write(
        String(decoding: try encoder.encode(report), as: UTF8.self) + "\n", to: "\(folder)/export.json")
    }
    run.log.info("\(source.items.count) tensors, \(source.elementCount) values in \(file)")
  }
}
