import ArgumentParser
import Foundation
import Foundations
import Imaging
import LabelMasks
import TensorStore

/// Two folders of outputs, compared by what they hold: `make same AS=DIR` after a change that must change nothing.
///
/// Every data set, mask, picture and table has a digest; what made a file (its provenance) is left aside. A refactoring
/// that moves bytes without changing values, such as another compression or one more line of provenance, passes.
@main
struct CompareOutputs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare-outputs",
    abstract: "Tell which data sets, masks and tables differ between two folders of outputs.")

  @Argument(help: ArgumentHelp("The outputs as they were.", valueName: "DIR")) var before: String
  @Argument(help: ArgumentHelp("The outputs as they are.", valueName: "DIR")) var after: String

  func run() throws {
    do {
      let (old, new) = (try OutputDigests(of: before), try OutputDigests(of: after))
      let differences = old.differences(from: new, before: before, after: after)
      for line in differences { print(line) }
      guard differences.isEmpty else {
        print("\(differences.count) of \(Set(old.digests.keys).union(new.digests.keys).count) differ")
        throw ExitCode(1)
      }
      print("\(new.digests.count) data sets, masks and tables, all the same")
    } catch let failure as Failure {
      FileHandle.standardError.write(Data("compare-outputs: \(failure)\n".utf8))
      throw ExitCode(failure.kind.rawValue)
    }
  }
}

/// A digest for each thing in a folder of outputs: `cam/part-1-of-1.h5: train-0001/scores`, `cam/masks/train-0001.png`.
struct OutputDigests {
  private(set) var digests: [String: String] = [:]

  /// - Throws: `Failure(.noInput)` for a folder that is not there or holds nothing to compare.
  init(of folder: String) throws {
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder).sorted() where !Self.isAside(name) {
      var isFolder: ObjCBool = false
      let path = "\(folder)/\(name)"
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else { continue }
      try add(path, name)
    }
    if digests.isEmpty { throw Failure(.noInput, "no outputs to compare", file: folder) }
  }

  /// Hidden files, rules and what only an unfinished training has.
  private static func isAside(_ name: String) -> Bool {
    name.split(separator: "/").contains { $0.hasPrefix(".") } || name.hasSuffix(".mk")
      || name.hasSuffix("checkpoint.h5")
  }

  private mutating func add(_ path: String, _ name: String) throws {
    switch (name as NSString).pathExtension {
    case "h5", "hdf5": try addGroup("", of: HDF5File(path), name)
    case "png": digests[name] = try Self.picture(path)
    case "json": digests[name] = try Self.json(path)
    case "safetensors": digests[name] = try Self.safetensors(path)
    default: digests[name] = try SHA256.hexadecimal(ofFile: path)
    }
  }

  // MARK: HDF5

  private mutating func addGroup(_ group: String, of file: HDF5File, _ name: String) throws {
    let place = group.isEmpty ? "/" : group
    let prefix = group.isEmpty ? "" : "\(group)/"
    let attributes = try file.attributes(of: place).filter { !Self.isProvenance($0.name) }
    if !attributes.isEmpty {
      digests["\(name): \(prefix)attributes"] = Self.digest("\(attributes.sorted { $0.name < $1.name })")
    }
    for item in try file.datasetNames(in: place) {
      digests["\(name): \(prefix)\(item)"] = try Self.values("\(prefix)\(item)", of: file)
    }
    for item in try file.groupNames(in: place) { try addGroup("\(prefix)\(item)", of: file, name) }
  }

  private static func isProvenance(_ name: String) -> Bool {
    ["stage", "version", "seed"].contains(name) || name.hasPrefix("parameter.") || name.hasPrefix("input.")
  }

  /// Over shape and values; numbers of every type here are exact as doubles.
  private static func values(_ item: String, of file: HDF5File) throws -> String {
    let (shape, values) = try file.readDoubles(item)
    var sha = SHA256()
    sha.update(Array("\(shape)".utf8))
    for start in stride(from: 0, to: values.count, by: 4096) {
      let bytes = values[start..<min(start + 4096, values.count)].flatMap { value in
        (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt64($0))) }
      }
      sha.update(bytes)
    }
    return sha.hexadecimal()
  }

  // MARK: Others

  /// Over pixels and, of a mask, the palette.
  private static func picture(_ path: String) throws -> String {
    if let mask = try? LabelMask.readAll(contentsOf: path) {
      return digest("\(mask.mask.width) \(mask.mask.height) \(mask.mask.labels) \(String(describing: mask.palette))")
    }
    let image = try RGBImage(contentsOf: path)
    return digest("\(image.width) \(image.height) \(image.pixels)")
  }

  /// Without what tells how the file was made, and digests of files that hold that.
  private static func json(_ path: String) throws -> String {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    guard var object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      return try SHA256.hexadecimal(ofFile: path)
    }
    for key in ["provenance", "content", "sha256"] { object[key] = nil }
    let plain = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    return digest(String(decoding: plain, as: UTF8.self))
  }

  /// Names, shapes, places and bytes of the tensors, without the file's own metadata.
  private static func safetensors(_ path: String) throws -> String {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    guard data.count >= 8, length <= data.count - 8,
      var header = try? JSONSerialization.jsonObject(with: data[8..<(8 + length)]) as? [String: Any]
    else { throw Failure(.data, "not a safetensors file", file: path) }
    header["__metadata__"] = nil
    let plain = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
    return SHA256.hexadecimal(of: plain + data[(8 + length)...])
  }

  private static func digest(_ text: String) -> String { SHA256.hexadecimal(of: text.utf8) }

  /// One line per thing that is not the same in both, by name.
  func differences(from other: OutputDigests, before: String, after: String) -> [String] {
    Set(digests.keys).union(other.digests.keys).sorted().compactMap { name in
      switch (digests[name], other.digests[name]) {
      case (nil, _): "only in \(after): \(name)"
      case (_, nil): "only in \(before): \(name)"
      case (let old, let new): old == new ? nil : "differs: \(name)"
      }
    }
  }
}
