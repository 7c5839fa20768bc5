import Foundation
import Foundations

/// Writes a plan as rules for GNU make, which runs it.
///
/// Every target is phony: what is stale was decided before, by content, and a job decides once more when its turn
/// comes. So neither times nor `make -t`, `-i` or `-B` can make an old output count as new.
public struct MakeRules: Sendable {
  public let pipeline: Pipeline
  public let plan: Plan
  /// Path of the plan's file.
  public let planPath: String
  /// Whether jobs print their commands.
  public let isVerbose: Bool

  public init(_ pipeline: Pipeline, _ plan: Plan, planPath: String, isVerbose: Bool = false) {
    self.pipeline = pipeline
    self.plan = plan
    self.planPath = planPath
    self.isVerbose = isVerbose
  }

  /// Writes the plan, then the rules.
  public func write(to path: String) throws {
    try plan.write(to: planPath)
    try AtomicFile.writeIfChanged(text, to: path)
  }

  public var text: String {
    let targets = pipeline.steps.flatMap(pipeline.targets(of:))
    let names = pipeline.steps.map(\.name) + matrices
    var lines = [
      "# Written by `pipeline` from \(pipeline.file); changes here are lost.",
      "MAKEFLAGS += --no-builtin-rules",
      ".SUFFIXES:",
      ".PHONY: all show \(names.joined(separator: " ")) \\\n  \(targets.joined(separator: " \\\n  "))",
      "",
      "all: \(targets.joined(separator: " \\\n  "))",
      "\t@$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) show",
      "",
      "show:",
    ]
    lines += closing.map { "\t@\($0)" }
    let todo = Dictionary(plan.jobs.map { ($0.target, $0) }) { first, _ in first }
    for step in pipeline.steps {
      let targets = pipeline.targets(of: step)
      let needs = pipeline.dependencies(of: step).flatMap(pipeline.targets(of:)).joined(separator: " \\\n  ")
      lines += ["", "\(step.name): \(targets.joined(separator: " \\\n  "))"]
      for target in targets {
        // What is up to date has nothing before it that could run.
        guard let job = todo[target] else { continue }
        lines += ["\(target): \(needs)", "\t@\(command(of: job))"]
      }
    }
    for family in matrices {
      lines += ["", "\(family): \(pipeline.cells(of: family).map(\.name).joined(separator: " \\\n  "))"]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func command(of job: Job) -> String {
    let words =
      ["\(plan.programs)/pipeline", "run", planPath, job.step, "\(max(job.assignment.shard, 1))"]
      + (isVerbose ? ["--verbose"] : [])
    return words.map(SafeText.quoted).joined(separator: " ")
  }

  /// The steps with a matrix, each a goal that stands for all its cells.
  private var matrices: [String] { pipeline.families.filter { pipeline[$0] == nil } }

  /// What `make` ends with: the table of the final step, and where things are.
  private var closing: [String] {
    let folder = SafeText.quoted(pipeline.folder)
    guard let final = pipeline.final, case .file(let name) = final.stage.output.target else {
      return ["echo 'Outputs: '\(folder)"]
    }
    let own = SafeText.quoted(pipeline.folder(of: final))
    return [
      "cat \(own)/\(name)", "echo", "echo 'Table:    '\(own)/'\(name) (also .csv and .json)'",
      "echo 'Pictures: '\(own)/pictures",
      "echo 'Outputs:  '\(folder)/STEP",
    ]
  }
}
