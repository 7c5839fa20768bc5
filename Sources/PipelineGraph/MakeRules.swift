import Foundation
import Foundations

/// Writes a pipeline as rules for GNU make, which runs it.
///
/// A step's target is the file that its stage writes last. It depends on the targets of the steps that it reads, on files from outside and
/// on the step's stamp, a file that is rewritten only when its content (parameters, wiring, algorithm version) changes. Programs are
/// order-only prerequisites: a rebuilt one makes nothing out of date.
public struct MakeRules: Sendable {
  public let pipeline: Pipeline
  /// Folder of the stages' programs.
  public let programs: String

  public init(_ pipeline: Pipeline, programs: String = ".build/release") {
    self.pipeline = pipeline
    self.programs = programs
  }

  /// Writes the stamps of all steps and the rules.
  public func write(to path: String) throws {
    for step in pipeline.steps { try writeStamp(of: step) }
    try AtomicFile.writeIfChanged(text(), to: path)
  }

  /// Rules that let `make -n` tell what would run: steps whose stamps would change count as out of date, and no stamp is touched.
  public func writeForDryRun(to path: String) throws {
    let changed = pipeline.steps.filter { !stampIsCurrent($0) }.map(pipeline.stamp(of:))
    try AtomicFile.write(text(outOfDate: changed, forDryRun: true), to: path)
  }

  public func stampIsCurrent(_ step: Step) -> Bool {
    (try? String(contentsOfFile: pipeline.stamp(of: step), encoding: .utf8)) == pipeline.stampContent(of: step)
  }

  /// Writes the stamp of a step where it differs, and keeps the one that the present outputs were made under as `.previous`: `explain` tells
  /// the difference, and a parameter that is set back before the step ran brings the old stamp back with its old time.
  private func writeStamp(of step: Step) throws {
    guard !stampIsCurrent(step) else { return }
    let stamp = pipeline.stamp(of: step)
    let previous = "\(stamp).previous"
    let content = pipeline.stampContent(of: step)
    if let stamped = StepState.modified(stamp) {
      let madeUnderIt = pipeline.targets(of: step).contains { StepState.modified($0).map { $0 >= stamped } ?? false }
      if madeUnderIt {
        guard rename(stamp, previous) == 0 else { throw AtomicFile.failure("cannot rename to \(previous)", path: stamp) }
      } else if (try? String(contentsOfFile: previous, encoding: .utf8)) == content {
        guard rename(previous, stamp) == 0 else { throw AtomicFile.failure("cannot rename to \(stamp)", path: previous) }
        return
      }
    }
    try AtomicFile.write(content, to: stamp)
  }

  /// The rules. `outOfDate` are stamps to be taken as changed; for a dry run the programs need not be there.
  public func text(outOfDate: [String] = [], forDryRun: Bool = false) -> String {
    var lines = [
      "# Written by `pipeline rules` from \(pipeline.file); changes here are lost.",
      "MAKEFLAGS += --no-builtin-rules",
      ".SUFFIXES:",
      ".DELETE_ON_ERROR:",
      ".PHONY: all show \((pipeline.steps.map(\.name) + matrices).joined(separator: " "))",
      "",
      "all: \(pipeline.steps.flatMap(pipeline.targets(of:)).joined(separator: " \\\n  "))",
      "\t@$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) show",
      "",
      "show:",
    ]
    lines += closing().map { "\t@\($0)" }
    for step in pipeline.steps { lines += ["", "# \(step.name)"] + rules(of: step, forDryRun: forDryRun) }
    for family in matrices { lines += ["", "\(family): \(pipeline.cells(of: family).map(\.name).joined(separator: " \\\n  "))"] }
    for stamp in outOfDate { lines += ["", ".PHONY: \(stamp)", "\(stamp): ;"] }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The steps with a matrix, each a goal that stands for all its cells.
  private var matrices: [String] { pipeline.families.filter { pipeline[$0] == nil } }

  private func rules(of step: Step, forDryRun: Bool) -> [String] {
    let targets = pipeline.targets(of: step)
    let prerequisites = pipeline.prerequisites(of: step).joined(separator: " \\\n  ")
    let program = "\(programs)/\(step.stage.name)"
    var lines = ["\(step.name): \(targets.joined(separator: " "))"]
    for (index, target) in targets.enumerated() {
      lines.append("\(target): \(prerequisites)\(forDryRun ? "" : " | \(program)")")
      lines += recipe(of: step, shard: index + 1, target: target, program: program).map { "\t\($0)" }
    }
    return lines
  }

  private func recipe(of step: Step, shard: Int, target: String, program: String) -> [String] {
    let folder = pipeline.folder(of: step)
    let part = step.shards > 1 ? " (\(shard) of \(step.shards))" : ""
    var lines = ["@echo '== \(step.name)\(part)'"]
    if case .parts = step.stage.output.target {
      // Parts of an earlier, other division would be read beside the new ones.
      lines.append("@find \(folder) -maxdepth 1 -name 'part-*-of-*' ! -name 'part-*-of-\(step.shards).*' -exec rm -f {} +")
    }
    lines.append("@touch \(StepState.startMark(folder: folder, shard: shard))")
    lines.append(([program] + pipeline.command(of: step, shard: shard).dropFirst()).map(SafeText.quoted).joined(separator: " "))
    // The time stamp decides what runs next, also where a stage found its work done already and wrote nothing.
    lines.append("@test -e \(target) || { echo '\(step.name): \(step.stage.name) ended well but did not write \(target)' >&2; exit 1; }")
    lines.append("@touch \(target)")
    return lines
  }

  /// What `make` ends with: the table of the final step, and where things are.
  private func closing() -> [String] {
    guard let final = pipeline.final, let table = pipeline.targets(of: final).first else {
      return ["echo 'Outputs: \(pipeline.folder)'"]
    }
    let folder = pipeline.folder(of: final)
    return [
      "cat \(table)",
      "echo",
      "echo 'Table:    \(table) (also .csv and .json)'",
      "echo 'Pictures: \(folder)/pictures'",
      "echo 'Outputs:  \(pipeline.folder)/STEP'",
    ]
  }
}
