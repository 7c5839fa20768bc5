import Foundation
import Foundations
import Recipes
import StageInterface
import StepFiles

/// One run of a program: a step, or a part of a step that is divided.
///
/// A plan stores jobs in a file, so that a pipeline file that changes while make runs changes nothing of what make
/// does.
public struct Job: Codable, Sendable {
  public let step: String
  /// The step's folder.
  public let folder: String
  public let assignment: Assignment
  /// The command line, without the folder of the program.
  public private(set) var command: [String]
  /// The file that says that the job is done.
  public let target: String
  /// Names and folders of the steps that it reads.
  public let dependencies: [String]
  /// Whether it runs although it is up to date.
  public var isForced = false
  /// Which of how many jobs of this make.
  public var number = 0
  public var total = 0
  /// What the jobs from this one on take together, and where its own time is from.
  public var left = TimeLeft()
  public var source = TimeLeft.Source.open

  public var part: Part? { assignment.part }

  /// Says how many threads compute, where the pipeline leaves it to the machine (`--threads 0`): on a cluster a job
  /// goes on on another machine, and its bits depend on that number.
  public mutating func setThreads(_ threads: Int) {
    guard let place = command.firstIndex(of: "--threads"), command[place + 1] == "0" else { return }
    command[place + 1] = "\(threads)"
  }

  /// `psa`, or `psa 2/8` for a part of several.
  public var name: String { assignment.shards > 1 ? "\(step) \(assignment.shard)/\(assignment.shards)" : step }
}

extension Pipeline {
  /// The parts of a step: `[nil]` for one that is not divided.
  public func parts(of step: Step) -> [Part?] {
    if case .parts = step.stage.output.target { Part.all(of: step.shards) } else { [nil] }
  }

  public func stepFolder(of step: Step) -> StepFolder { StepFolder(folder(of: step)) }

  /// The jobs of a step, one per part.
  public func jobs(of step: Step) -> [Job] {
    parts(of: step).map { part in
      Job(
        step: step.name, folder: folder(of: step),
        assignment: Assignment(
          step.request, stage: step.stage.name, algorithm: step.stage.algorithmVersion, part: part),
        command: command(of: step, shard: part?.index ?? 1), target: stepFolder(of: step).completionPath(part),
        dependencies: dependencies(of: step).map(\.name))
    }
  }

  /// The completion files of a step, one per part.
  public func targets(of step: Step) -> [String] { parts(of: step).map { stepFolder(of: step).completionPath($0) } }
}
