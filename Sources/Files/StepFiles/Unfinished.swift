import Foundation
import Foundations

/// The work in progress of a part: a folder that is kept when a run is stopped, with the recipe that it follows.
///
/// A run with the same recipe goes on with it; another one takes it away. The folder belongs to the holder of the
/// part's lock.
public struct Unfinished: Sendable {
  public let path: String
  private static let recipeName = "recipe.json"

  /// Opens the folder for a recipe, or makes it anew.
  ///
  /// - Returns: the folder, and what is other than in the work that was there and was thrown away; nil where there was
  ///   none or it goes on.
  public static func open(_ folder: StepFolder, _ part: Part?, recipe: Recipe) throws -> (
    work: Unfinished, discarded: Recipe.Difference?
  ) {
    let work = Unfinished(path: folder.unfinishedPath(part))
    let file = "\(work.path)/\(recipeName)"
    var discarded: Recipe.Difference?
    if let data = FileManager.default.contents(atPath: file),
      let entries = try? JSONDecoder().decode([String: String].self, from: data)
    {
      guard entries != recipe.entries else { return (work, nil) }
      discarded = recipe.differences(from: Recipe(entries)).first
    }
    try work.remove()
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    try AtomicFile.write(Array(try encoder.encode(recipe.entries)), to: file)
    return (work, discarded)
  }

  public func remove() throws {
    guard FileStatus(path) != nil else { return }
    do { try FileManager.default.removeItem(atPath: path) } catch { throw AtomicFileProblem.cannotRemove(path) }
  }

  /// Removes everything but the recipe.
  public func clear() throws {
    for name in StepFolder(path).names where name != Self.recipeName {
      do { try FileManager.default.removeItem(atPath: "\(path)/\(name)") } catch {
        throw AtomicFileProblem.cannotRemove("\(path)/\(name)")
      }
    }
  }

  /// Everything in the folder but the recipe, files of folders within too, sorted.
  public var fileNames: [String] {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
    return names.filter { $0 != Self.recipeName && FileStatus("\(path)/\($0)")?.isRegular == true }.sorted()
  }

  /// Removes the folder where nothing in it would be of use to another run.
  public func removeIfEmpty() { if fileNames.isEmpty { try? remove() } }

  /// Moves a file to its final place, making the folder where it is missing. A file that a stopped run has moved
  /// already is left there.
  public func move(_ name: String, to folder: StepFolder) throws {
    if FileStatus("\(path)/\(name)") == nil, FileStatus("\(folder.path)/\(name)") != nil { return }
    let inner = (name as NSString).deletingLastPathComponent
    if !inner.isEmpty { try AtomicFile.createFolder("\(folder.path)/\(inner)") }
    guard rename("\(path)/\(name)", "\(folder.path)/\(name)") == 0 else {
      throw Failure(.io, "cannot move into place: \(String(cString: strerror(errno)))", file: "\(folder.path)/\(name)")
    }
  }
}
