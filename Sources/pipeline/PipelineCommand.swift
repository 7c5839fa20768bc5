import ArgumentParser
import Foundation
import Foundations
import PipelineGraph
import StageInterface

@main
struct PipelineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pipeline",
    abstract: "Check a pipeline file and turn it into rules for make.",
    discussion: """
      A pipeline file names steps, their stages, inputs and parameters. GNU make runs the rules; this program runs no step.

      Example:
        pipeline rules pipelines/quickstart.yaml -o runs/quickstart/rules.mk
        make -f runs/quickstart/rules.mk
      """,
    version: "pipeline \(ProjectVersion.current)",
    subcommands: [Rules.self, Check.self, Dot.self, Explain.self, Status.self, Document.self])
}

/// The pipeline file and its variables, the same for every subcommand.
struct PipelineOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The pipeline.", valueName: "FILE"))
  var file: String

  @Option(name: .customLong("set"), parsing: .singleValue, help: ArgumentHelp("A variable of the pipeline file; may be repeated.", valueName: "NAME=VALUE"))
  var assignments: [String] = []

  /// Reads the pipeline, or prints everything that is wrong with it and ends the program with the sysexits code of the first.
  func load() throws -> Pipeline {
    var variables: [String: String] = [:]
    for assignment in assignments {
      guard let equals = assignment.firstIndex(of: "=") else { throw ValidationError("--set: expected NAME=VALUE, found \"\(assignment)\"") }
      variables[String(assignment[..<equals])] = String(assignment[assignment.index(after: equals)...])
    }
    do {
      return try Pipeline(contentsOf: file, variables: variables)
    } catch let problems as PipelineProblems {
      FileHandle.standardError.write(Data("\(problems)\n".utf8))
      throw ExitCode(problems.exitCode)
    }
  }
}

extension Pipeline {
  /// The step of that name, one cell or all cells of a matrix; a usage error that tells the nearest name where there is none.
  func cells(named name: String) throws -> [Step] {
    let found = cells(of: name)
    if !found.isEmpty { return found }
    let family = name.split(separator: "/").first.map(String.init) ?? name
    let names = name.contains("/") && families.contains(family) ? cells(of: family).map(\.name) : families
    let nearest = nearestName(to: name, among: names).map { "; did you mean \"\($0)\"?" } ?? "; `make status` lists them"
    FileHandle.standardError.write(Data("pipeline: \(file) has no step \"\(name)\"\(nearest)\n".utf8))
    throw ExitCode(Failure.Kind.usage.rawValue)
  }
}

/// Runs `body`; a `Failure` is printed and ends the program with its sysexits code.
func reportingFailure<R>(_ body: () throws -> R) throws -> R {
  do {
    return try body()
  } catch let failure as Failure {
    FileHandle.standardError.write(Data("pipeline: \(failure)\n".utf8))
    throw ExitCode(failure.kind.rawValue)
  }
}

struct Rules: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Write make rules and parameter stamps.")
  @OptionGroup var options: PipelineOptions

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write the rules; default: OUT/NAME/rules.mk.", valueName: "FILE"))
  var output: String?

  @Option(help: ArgumentHelp("Folder of the stages' programs.", valueName: "DIR"))
  var programs = ".build/release"

  @Option(
    name: .customLong("goal"), parsing: .singleValue,
    help: ArgumentHelp("A step that make will be asked for, to be checked; may be repeated.", valueName: "STEP"))
  var goals: [String] = []

  @Flag(name: .customLong("dry-run"), help: "Write rules for `make -n` and leave the stamps alone.")
  var isDryRun = false

  func run() throws {
    let pipeline = try options.load()
    // A goal with a slash is a cell, or else a file, which make itself knows or not.
    for goal in goals where goal != "show" {
      let isFile = goal.contains("/") && !pipeline.families.contains { goal.hasPrefix("\($0)/") }
      if !isFile { _ = try pipeline.cells(named: goal) }
    }
    let rules = MakeRules(pipeline, programs: programs)
    let path = output ?? "\(pipeline.folder)/rules.mk"
    try reportingFailure { try isDryRun ? rules.writeForDryRun(to: path) : rules.write(to: path) }
  }
}

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Tell everything that is wrong with a pipeline file.")
  @OptionGroup var options: PipelineOptions

  func run() throws {
    let pipeline = try options.load()
    let cells = pipeline.steps.count > pipeline.families.count ? " with \(pipeline.steps.count) cells" : ""
    print("\(options.file): \(pipeline.families.count) steps\(cells), nothing wrong")
  }
}

struct Dot: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print the graph for Graphviz: `pipeline dot FILE | dot -Tsvg > graph.svg`.")
  @OptionGroup var options: PipelineOptions

  func run() throws { print(try options.load().dot(), terminator: "") }
}

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Tell why a step would run, and its command.")
  @OptionGroup var options: PipelineOptions
  @Argument(help: "Name of the step.") var step: String

  func run() throws {
    let pipeline = try options.load()
    let names = Set(try pipeline.cells(named: step).map(\.name))
    for state in StepState.all(of: pipeline) where names.contains(state.step.name) {
      print(state.willRun ? "\(state.step.name) will run:" : "\(state.step.name) is up to date")
      for reason in state.reasons { print("  \(reason)") }
      print("command:")
      for shard in 1...state.step.shards { print("  \(pipeline.command(of: state.step, shard: shard).joined(separator: " "))") }
    }
  }
}

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List the steps: done or to run, and how long each took.")
  @OptionGroup var options: PipelineOptions

  func run() throws {
    let pipeline = try options.load()
    let states = StepState.all(of: pipeline)
    let width = states.map(\.step.name.count).max() ?? 0
    for state in states {
      let name = state.step.name.padding(toLength: width, withPad: " ", startingAt: 0)
      let time = state.seconds.map { String(format: "%8.1f s", $0) } ?? "          "
      let shards = state.step.shards > 1 ? " \(state.done)/\(state.step.shards) shards" : ""
      print("\(name)  \(time)  \(state.reasons.first.map { "to run: \($0)" } ?? "done")\(state.willRun ? shards : "")")
    }
    let waiting = states.filter(\.willRun).count
    print("\(states.count - waiting) of \(states.count) steps done\(waiting > 0 ? ", \(waiting) to run" : "")")
  }
}

struct Document: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print docs/stages.md: what every stage takes and makes.")

  func run() { print(StageDocument().markdown, terminator: "") }
}
