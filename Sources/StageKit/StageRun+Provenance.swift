import Datasets
import Foundation
import Foundations
import TensorStore

extension StageRun {
  /// What made the outputs: the stage, its parameters with defaults in canonical spelling, digests of its inputs, the
  /// seed; `.none` with `--no-provenance`.
  ///
  /// - Parameter inputs: option name and path, file or folder, of everything read beside the images. Paths themselves are not recorded:
  ///   the same work in another place gives the same bytes.
  public func provenance(inputs: [(option: String, path: String)]) throws -> Provenance {
    guard hasProvenance else { return .none }
    let digests = try inputs.map { (name: $0.option, sha256: try Self.digest(of: $0.path)) }
    return Provenance(
      stage: stage, version: String(algorithmVersion), parameters: parameters.map { ($0.name, $0.value) }, inputs: digests, seed: seed)
  }

  /// Everything that a training's result depends on, as one digest, except the thread count, which its checkpoint
  /// holds beside.
  ///
  /// Of the images it takes the digests that the table of items may hold, not the files.
  func fingerprint(manifest: Manifest, inputs: [(option: String, path: String)]) throws -> String {
    let files = [(option: "manifest", path: manifest.path), (option: "items", path: manifest.itemsPath)] + inputs
    let digests = try files.map { "\($0.option)=\(try Self.digest(of: $0.path))" }
    let options = parameters.map { "\($0.name)=\($0.value)" }
    let parts = [stage, String(algorithmVersion), String(seed)] + options + digests
    return SHA256.hexadecimal(of: parts.joined(separator: "\n").utf8)
  }

  /// SHA-256 of a file; of a folder, over the completion files of its parts, which hold the digests of what they tell of, or, without any, over
  /// the names and digests of all its files.
  static func digest(of path: String) throws -> String {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { throw Failure(.noInput, "no such file or folder", file: path) }
    guard isFolder.boolValue else { return try SHA256.hexadecimal(ofFile: path) }
    let names = ((try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []).filter { !$0.hasPrefix(".") }.sorted()
    let parts = names.filter { $0.hasPrefix("part-") && $0.hasSuffix(".json") }
    if !parts.isEmpty {
      return SHA256.hexadecimal(of: try parts.map { try SHA256.hexadecimal(ofFile: "\(path)/\($0)") }.joined(separator: "\n").utf8)
    }
    let lines = try names.compactMap { name -> String? in
      guard FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder), !isFolder.boolValue else { return nil }
      return "\(name) \(try SHA256.hexadecimal(ofFile: "\(path)/\(name)"))"
    }
    return SHA256.hexadecimal(of: lines.joined(separator: "\n").utf8)
  }
}
