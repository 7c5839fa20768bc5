import Foundation
import Foundations
import StepFiles

extension StageRun {
  /// Makes the output of a step in one piece: `body` writes files into a folder, and when it returns they all move to
  /// their final places.
  ///
  /// Until then, and where `body` throws, earlier outputs are as they were. Files of an earlier run that are not made
  /// again go.
  public func write(_ body: (_ folder: String) throws -> Void) throws {
    let (work, _) = try Unfinished.open(folder, part, recipe: try workRecipe())
    try work.clear()
    do {
      try body(work.path)
    } catch {
      // Nothing of it would be of use to another run.
      try work.remove()
      throw (error as? Failure).map { relocated($0, from: work.path) } ?? error
    }
    let list = try FileList(of: work.fileNames, in: work.path)
    try commit(work, Completion(recipe: recordedRecipe(), list: list), list)
  }

  /// What made the output, for the completion file; nothing with `--no-provenance`.
  func recordedRecipe() throws -> Recipe { hasProvenance ? try recipe.get() : Recipe() }

  /// What the work in progress follows: the recipe, and the number of threads, which decides the last bits.
  func workRecipe() throws -> Recipe {
    var recipe = try recipe.get()
    recipe["threads"] = String(threads)
    return recipe
  }

  /// The user knows the final places only.
  func relocated(_ failure: Failure, from staging: String) -> Failure {
    Failure(
      failure.kind, failure.message, file: failure.file?.replacingOccurrences(of: staging, with: out),
      item: failure.item)
  }

  /// Opens the work in progress of this part; says what of an earlier one is of no use any more, and why.
  func openWork() throws -> Unfinished {
    let (work, discarded) = try Unfinished.open(folder, part, recipe: try workRecipe())
    if let discarded {
      let (old, new) = (StepFolder.short(discarded.old), StepFolder.short(discarded.new))
      let other = "\(discarded.name) was \(old), is \(new)"
      log.warning("starting anew: what an earlier run left unfinished was made otherwise (\(other))")
    }
    return work
  }

  /// Moves what was made to its final places and writes the completion file.
  ///
  /// A kill at any point leaves the completion file missing or true, and no file that the list beside does not name.
  func commit(_ work: Unfinished, _ completion: Completion, _ list: FileList) throws {
    try folder.exclusively { try commitAlone(work, completion, list) }
  }

  private func commitAlone(_ work: Unfinished, _ completion: Completion, _ list: FileList) throws {
    let former = (try? folder.list(part)) ?? nil
    try folder.invalidate(part)
    try folder.removeOtherDivisions(than: part?.count)
    let names = Set(list.entries.map(\.name))
    let others = try claim(names)
    let gone = former?.entries.filter { !names.contains($0.name) && !others.contains($0.name) } ?? []
    try AtomicFile.write(FileList(list.entries + gone).text, to: folder.listPath(part))
    for entry in list.entries { try work.move(entry.name, to: folder) }
    folder.remove(gone.map(\.name))
    try folder.complete(part, completion, list)
    try work.remove()
  }

  /// Looks at the other parts of this division, whose images are others: an image that is in two lists has moved from
  /// one to the other since, with the table of items. A part whose image this one takes over is not complete any more.
  ///
  /// - Parameter names: the files that this part is about to move to their places.
  /// - Returns: the files that the other parts' lists name, which are not this one's to remove.
  private func claim(_ names: Set<String>) throws -> Set<String> {
    guard let part else { return [] }
    var all: Set<String> = []
    for other in Part.all(of: part.count) where other != part {
      let listed = Set(((try? folder.list(other)) ?? nil)?.entries.map(\.name) ?? [])
      if !listed.isDisjoint(with: names) { try folder.invalidate(other) }
      all.formUnion(listed)
    }
    return all
  }
}
