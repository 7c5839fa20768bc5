import ArgumentParser
import Foundation
import Foundations
import PipelineGraph
import StageInterface
import TensorStore

@main
struct PipelineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pipeline",
    abstract: "Decide what of a pipeline has to run, tell why, and have make run it.",
    discussion: """
      A pipeline file names steps, their stages, inputs and parameters. This program compares what made each output \
      with what would make it now, and writes rules for GNU make, which runs the rest.

      Example:
        pipeline make pipelines/quickstart.yaml
        pipeline explain pipelines/quickstart.yaml psa-crf
      """,
    version: "pipeline \(ProjectVersion.current)",
    subcommands: [
      Make.self, Rules.self, Run.self, List.self, Check.self, Dot.self, Explain.self, Status.self, Verify.self,
      Adopt.self, CleanOrphans.self, Slurm.self, SlurmCancel.self, Task.self, ClusterTask.self, Document.self,
      Variables.self,
    ])

  static func main() {
    IsolatedHDF5.prepare()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      FileHandle.standardError.write(Data("pipeline: \(failure)\n".utf8))
      Foundation.exit(failure.kind.rawValue)
    } catch {
      exit(withError: error)
    }
  }
}

/// The pipeline file and its variables, the same for every subcommand.
struct PipelineOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The pipeline.", valueName: "FILE"))
  var file: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("A variable of the pipeline file; may be repeated.", valueName: "NAME=VALUE"))
  var assignments: [String] = []

  @Option(
    name: .customLong("override"), parsing: .singleValue,
    help: ArgumentHelp(
      "Parameters for this run, separated by spaces; `*` in a step's name stands for any text.",
      valueName: "STEP.NAME=VALUE ..."))
  var overrides: [String] = []

  @Option(
    help: ArgumentHelp(
      "What is particular to a cluster; also how many images a shard of `shards: auto` has.", valueName: "FILE"))
  var profile: String?

  /// The profile, or one that says nothing; ends as `load` does where it is wrong.
  func loadProfile() throws -> ClusterProfile {
    try Self.telling { try profile.map { try ClusterProfile(contentsOf: $0) } ?? ClusterProfile() }
  }

  private static func telling<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch let problems as PipelineProblems {
      FileHandle.standardError.write(Data("\(problems)\n".utf8))
      throw ExitCode(problems.exitCode)
    }
  }

  /// Reads the pipeline, or prints everything that is wrong with it and ends the program with the sysexits code of the
  /// first.
  func load() throws -> Pipeline {
    var variables: [String: String] = [:]
    for assignment in assignments {
      guard let equals = assignment.firstIndex(of: "=") else {
        throw ValidationError("--set: expected NAME=VALUE, found \"\(assignment)\"")
      }
      variables[String(assignment[..<equals])] = String(assignment[assignment.index(after: equals)...])
    }
    let imagesPerTask = try loadProfile().imagesPerTask
    return try Self.telling {
      try Pipeline(
        contentsOf: file, variables: variables, overrides: try overrides.flatMap(Override.all(in:)),
        imagesPerTask: imagesPerTask)
    }
  }
}

/// What decides which steps run.
struct PlanOptions: ParsableArguments {
  @Option(
    name: .customLong("goal"), parsing: .singleValue,
    help: ArgumentHelp(
      "A step that is wanted, with what it needs; may be repeated. Without any: all.", valueName: "STEP"))
  var goals: [String] = []

  @Option(
    name: .customLong("force"), parsing: .singleValue,
    help: ArgumentHelp("Steps, separated by spaces, that run although they are up to date.", valueName: "STEP ..."))
  var forced: [String] = []

  @Option(help: ArgumentHelp("Folder of the stages' programs; default: this program's own.", valueName: "DIR"))
  var programs = OwnFolder.path

  func check(_ pipeline: Pipeline) throws {
    for goal in goals where goal != "show" && pipeline.cells(of: goal).isEmpty {
      guard pipeline.steps.contains(where: { pipeline.targets(of: $0).contains(goal) }) else {
        throw pipeline.unknownStep(goal)
      }
    }
  }

  func planner(_ pipeline: Pipeline) throws -> Planner {
    let planner = try Planner(pipeline, forced: forced.flatMap { $0.split(separator: " ").map(String.init) })
    let reading = ReadingProgress()
    planner.maker.cache.reading = { _, bytes in reading.add(bytes) }
    return planner
  }
}

/// The folder that this program lies in, where the stages lie too.
enum OwnFolder {
  static let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
}

/// Says now and then how much has been read to know files from outside.
final class ReadingProgress {
  private var bytes = 0
  private var files = 0
  private var next = ContinuousClock.now + .seconds(2)

  func add(_ count: Int) {
    bytes += count
    files += 1
    guard ContinuousClock.now >= next else { return }
    next = ContinuousClock.now + .seconds(2)
    FileHandle.standardError.write(Data("reading files for the first time: \(files) files, \(bytes >> 20) MB\n".utf8))
  }
}
