import Foundation
import Foundations
import Recipes
import StepFiles

extension Pipeline {
  /// Removes from the folders of all steps what killed runs left over, and what belongs to no present part. Folders in
  /// use are left alone.
  public func sweep() throws {
    for step in steps { try stepFolder(of: step).sweep(parts(of: step)) }
  }

  /// Folders below the pipeline's that hold outputs of a step that the file does not have: removed or renamed ones.
  ///
  /// Relative to the pipeline's folder, sorted. Other folders are not listed, whatever is in them.
  public var orphans: [String] {
    let own = Set(steps.map(\.name))
    let above = Set(steps.map(\.family))
    var found: [String] = []
    for name in StepFolder(folder).names where FileStatus("\(folder)/\(name)")?.isFolder == true && !name.hasPrefix(".")
    {
      if Self.isStepFolder("\(folder)/\(name)") {
        if !own.contains(name) { found.append(name) }
      } else {
        let cells = StepFolder("\(folder)/\(name)").names.map { "\(name)/\($0)" }.filter {
          Self.isStepFolder("\(folder)/\($0)") && !own.contains($0)
        }
        // All cells of a step that is gone are told as one.
        found += above.contains(name) || cells.isEmpty ? cells : [name]
      }
    }
    return found.sorted()
  }

  /// Whether a folder holds what a step leaves: a completion file or the list of one, or the stamp of an earlier
  /// version.
  static func isStepFolder(_ path: String) -> Bool {
    StepFolder(path).names.contains { name in
      name == "step.json" || name == "step.tsv" || name == ".parameters" || Part(fileName: name, suffix: ".json") != nil
        || Part(fileName: name, suffix: ".tsv") != nil
    }
  }

  /// Folders of steps that are gone and that hold exactly what a step would make that has not run: a renamed step.
  ///
  /// - Returns: the step and the orphan, relative to the pipeline's folder; each orphan once.
  public func adoptable(maker: RecipeMaker) -> [(step: String, orphan: String)] {
    var free = orphans
    var result: [(step: String, orphan: String)] = []
    for step in inOrder
    where (try? stepFolder(of: step).division()) == nil || !FileManager.default.fileExists(atPath: folder(of: step)) {
      let match = free.firstIndex { orphan in
        let other = StepFolder("\(folder)/\(orphan)")
        return jobs(of: step).allSatisfy { job in
          guard let stored = (try? other.completion(job.part)) ?? nil else { return false }
          let recipe = Recipe(stored.recipe)
          // What it reads may have been renamed too: then it is compared once that is in its place.
          return (try? maker.recipe(of: job.assignment)) == recipe
        }
      }
      if let match { result.append((step.name, free.remove(at: match))) }
    }
    return result
  }

  /// Moves what `adoptable` finds to its new place, again and again until nothing more is found, and tells each move.
  public func adopt(_ tell: (_ step: String, _ orphan: String) -> Void) throws {
    while let found = adoptable(maker: RecipeMaker(cache: DigestCache(digestsPath))).first {
      let target = "\(folder)/\(found.step)"
      try AtomicFile.createFolder((target as NSString).deletingLastPathComponent)
      try? FileManager.default.removeItem(atPath: target)
      guard rename("\(folder)/\(found.orphan)", target) == 0 else {
        throw Failure(
          .io, "cannot move to \(target): \(String(cString: strerror(errno)))", file: "\(folder)/\(found.orphan)")
      }
      tell(found.step, found.orphan)
    }
  }

  /// Compares every file that a completion file vouches for with its digest, and every image with the digest in the
  /// table.
  ///
  /// - Returns: one line per file that is missing or other than when it was made, and the steps that have one.
  public func verify(progress: (_ step: String, _ files: Int) -> Void) throws -> [(
    step: Step, part: Part?, problem: String
  )] {
    var problems: [(step: Step, part: Part?, problem: String)] = []
    for step in inOrder {
      let folder = stepFolder(of: step)
      var files = 0
      for part in parts(of: step) {
        guard FileStatus(folder.completionPath(part)) != nil else { continue }
        do {
          guard let completion = try folder.completion(part), let list = try folder.list(part) else {
            problems.append((step, part, "\(folder.listPath(part)) is missing"))
            continue
          }
          if list.digest != completion.list {
            problems.append((step, part, "\(folder.listPath(part)) is not the list that its completion file names"))
          }
          for entry in list.entries {
            files += 1
            let path = "\(folder.path)/\(entry.name)"
            guard let status = FileStatus(path) else {
              problems.append((step, part, "\(path) is missing"))
              continue
            }
            if status.size != entry.bytes {
              problems.append((step, part, "\(path) has \(status.size) bytes instead of \(entry.bytes)"))
            } else if try SHA256.hexadecimal(ofFile: path) != entry.digest {
              problems.append((step, part, "\(path) has other content than when it was made"))
            }
          }
        } catch let failure as Failure {
          problems.append((step, part, "\(failure)"))
        }
      }
      progress(step.name, files)
    }
    return problems
  }
}
