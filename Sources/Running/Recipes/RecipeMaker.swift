import Foundation
import Foundations
import StepFiles

/// Makes recipes of assignments, and keeps what several of them share: manifests, digests of outputs.
///
/// What it has read once it does not read again; make another one to see changes.
public final class RecipeMaker {
  public let cache: DigestCache
  private var manifests: [String: Result<ManifestContent, Failure>] = [:]
  private var contents: [String: String] = [:]

  public init(cache: DigestCache = DigestCache()) { self.cache = cache }

  /// The recipe of a run that would start now.
  ///
  /// - Throws: `Failure` where something that it reads is missing or cannot be read.
  public func recipe(of assignment: Assignment) throws -> Recipe { try recipe(of: assignment, without: []).recipe }

  /// The recipe as far as it does not depend on some files and folders, and which entries are left open.
  ///
  /// - Parameter unknown: paths as the assignment has them; for a manifest, its folder.
  public func recipe(of assignment: Assignment, without unknown: Set<String>) throws -> (
    recipe: Recipe, isOpen: (String) -> Bool
  ) {
    var recipe = Self.own(assignment)
    let readings = assignment.readings
    let isManifestOpen =
      assignment.manifest.map { unknown.contains($0) || unknown.contains(($0 as NSString).deletingLastPathComponent) }
      ?? false
    if let path = assignment.manifest, !readings.isEmpty, !isManifestOpen {
      let content = try manifest(path, data: assignment.data)
      for (name, value) in content.entries(for: readings, split: assignment.split, part: assignment.part) {
        recipe[name] = value
      }
      if let other = assignment.otherSplit {
        for (name, value) in content.entries(for: readings, split: other, part: nil) {
          recipe["\(name), predictions"] = value
        }
      }
    }
    for input in assignment.inputs where !unknown.contains(input.path) {
      recipe[Self.name(of: input)] = try content(of: input.path, for: assignment.stage)
    }
    let open = Set(assignment.inputs.filter { unknown.contains($0.path) }.map(Self.name(of:)))
    return (recipe, { name in open.contains(name) || (isManifestOpen && name.hasPrefix("manifest ")) })
  }

  /// What of the recipe does not depend on the content of files.
  public static func own(_ assignment: Assignment) -> Recipe {
    var recipe = Recipe(["stage": assignment.stage, "algorithm": String(assignment.algorithm)])
    if let seed = assignment.seed { recipe["seed"] = seed }
    if assignment.shards > 0 { recipe["shards"] = String(assignment.shards) }
    for (name, value) in assignment.parameters { recipe["parameter \(name)"] = value }
    for name in Set(assignment.inputs.filter { $0.title != nil }.map(\.name)) {
      // Rows of a table come in this order.
      recipe["input \(name), order"] = assignment.inputs.filter { $0.name == name }.compactMap(\.title).joined(
        separator: ", ")
    }
    return recipe
  }

  /// The name of an input's entry: `input weights`, `input evaluation CAM (train)`.
  public static func name(of input: Assignment.Input) -> String {
    "input \(input.name)\(input.title.map { " \($0)" } ?? "")"
  }

  public func manifest(_ path: String, data: String?) throws -> ManifestContent {
    let key = "\(path)\n\(data ?? "")"
    if let known = manifests[key] { return try known.get() }
    let result: Result<ManifestContent, Failure>
    do { result = .success(try ManifestContent(path, data: data, cache: cache)) } catch let failure as Failure {
      result = .failure(failure)
    }
    manifests[key] = result
    return try result.get()
  }

  /// The digest of what a file or folder holds.
  ///
  /// - Parameter stage: who reads it.
  /// - Throws: `Failure` where there is no such thing, or where it is a step's folder that is not complete.
  public func content(of path: String, for stage: String) throws -> String {
    let key = "\(stage == "import-voc" ? stage : "")\n\(path)"
    if let known = contents[key] { return known }
    let digest = try read(path, stage)
    contents[key] = digest
    return digest
  }

  private func read(_ path: String, _ stage: String) throws -> String {
    guard let status = FileStatus(path) else { throw Failure(.noInput, "no such file or folder", file: path) }
    guard status.isFolder else {
      let folder = (path as NSString).deletingLastPathComponent
      return try Self.step(folder.isEmpty ? "." : folder, listing: (path as NSString).lastPathComponent)
        ?? cache.digest(ofFile: path)
    }
    // Of a folder that is not what a step leaves every file counts; a stage that needs it whole says what is wrong with
    // it.
    if let content = (try? StepFolder(path).content()) ?? nil { return content }
    return try digest(ofFolder: path, imagesBySize: stage == "import-voc")
  }

  /// The content of the step, not divided, that made a file; nil where the file is of no step.
  private static func step(_ folder: String, listing name: String) throws -> String? {
    let folder = StepFolder(folder)
    guard let completion = try? folder.completion(nil),
      let entry = try? folder.list(nil)?.entries.first(where: { $0.name == name }),
      FileStatus("\(folder.path)/\(name)")?.size == entry.bytes
    else { return nil }
    return completion.content
  }

  private func digest(ofFolder path: String, imagesBySize: Bool) throws -> String {
    let names = ((try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []).filter {
      !$0.hasPrefix(".") && !$0.contains("/.")
    }
    var sum = DigestSum()
    for name in names {
      guard let status = FileStatus("\(path)/\(name)"), status.isRegular else { continue }
      // Beside the folders of VOC's root, and beside the images of a folder of own ones, lies nothing that import-voc
      // reads.
      let isImage = [".jpg", ".jpeg", ".png"].contains { name.lowercased().hasSuffix($0) }
      if imagesBySize, !isImage, !name.contains("/") { continue }
      let what = imagesBySize && isImage ? "\(status.size) bytes" : try cache.digest(ofFile: "\(path)/\(name)")
      sum.add(SHA256.hexadecimal(of: "\(name)\t\(what)".utf8))
    }
    return sum.hexadecimal
  }
}
