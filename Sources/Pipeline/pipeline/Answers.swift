import ArgumentParser
import Cluster
import Foundation
import Foundations
import PipelineGraph
import Recipes
import StageInterface
import StepFiles

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell everything that is wrong with a pipeline before anything runs.")
  @OptionGroup var options: PipelineOptions
  @Flag(help: "Decode every image whole and compare files with the table's digests too.") var deep = false

  func run() throws {
    let pipeline = try options.load()
    var problems = try PipelineCheck(pipeline).problems(deep: deep)
    // A file that was found wrong from outside is not looked into.
    let known = Set(problems.compactMap(\.file))
    problems += DataCheck(pipeline).problems(deep: deep).filter { $0.file.map { !known.contains($0) } ?? true }
    for problem in problems { FileHandle.standardError.write(Data("\(problem)\n".utf8)) }
    if let first = problems.first { throw ExitCode(first.kind.rawValue) }
    let cells = pipeline.steps.count > pipeline.families.count ? " with \(pipeline.steps.count) cells" : ""
    print("\(options.file): \(pipeline.families.count) steps\(cells), nothing wrong")
  }
}

struct Dot: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the graph for Graphviz: `pipeline dot FILE | dot -Tsvg > graph.svg`.")
  @OptionGroup var options: PipelineOptions

  func run() throws { print(try options.load().dot(), terminator: "") }
}

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Tell why a step would run, and its command.")
  @OptionGroup var options: PipelineOptions
  @OptionGroup var plan: PlanOptions
  @Argument(help: ArgumentHelp("Name of the step.", valueName: "STEP")) var step: String

  func run() throws {
    let pipeline = try options.load()
    let names = Set(pipeline.cells(of: step).map(\.name))
    guard !names.isEmpty else { throw pipeline.unknownStep(step) }
    let planner = try plan.planner(pipeline)
    let states = planner.states()
    planner.maker.cache.save()
    let adoptable = pipeline.adoptable(maker: planner.maker)
    for state in states where names.contains(state.step.name) {
      if state.isUpToDate {
        print("\(state.step.name) is up to date")
      } else {
        for line in planner.explanation(of: state, among: states) { print(line) }
        if state.step.shards > 1 { print("  \(state.done) of its \(state.step.shards) parts are up to date") }
      }
      if let found = adoptable.first(where: { $0.step == state.step.name }) {
        print("  \(pipeline.folder)/\(found.orphan) holds the same; `make adopt` takes it over")
      }
      print("command:")
      for shard in 1...state.step.shards {
        print("  \(pipeline.command(of: state.step, shard: shard).joined(separator: " "))")
      }
    }
  }
}

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the steps: done or to run, how long each took, and how their jobs on a cluster stand.")
  @OptionGroup var options: PipelineOptions
  @OptionGroup var plan: PlanOptions

  func run() throws {
    let pipeline = try options.load()
    let report = try JobReport(pipeline, plan)
    let (states, planner) = (report.states, report.planner)
    planner.maker.cache.save()
    let width = states.map(\.step.name.count).max() ?? 0
    for (state, outlook) in zip(states, report.outlook.steps) {
      let shards =
        state.step.shards > 1 && !state.isUpToDate ? " (\(state.done) of \(state.step.shards) parts done)" : ""
      let reason = planner.reason(of: state).map { "to run: \($0)" } ?? "done"
      // Where no job is about, the reason says more than the counts.
      let isPlain = outlook.shards.allSatisfy { [.done, .stale].contains($0) }
      let text = isPlain ? reason + shards : outlook.summary
      print("\(pad(state.step.name, width))  \(padLeft(state.seconds.map(clock) ?? "", 8))  \(text)")
      for line in outlook.details() { print("\(pad("", width))  \(pad("", 8))  \(line)") }
    }
    if let problem = report.queueProblem {
      print("whether jobs run is not known, the queue cannot be asked: \(problem)")
    }
    let waiting = states.filter { !$0.isUpToDate }.count
    print("\(states.count - waiting) of \(states.count) steps done\(waiting > 0 ? ", \(waiting) to run" : "")")
    let orphans = pipeline.orphans
    if !orphans.isEmpty {
      print("outputs of steps that the file does not have: \(orphans.joined(separator: ", "))")
      print("`make adopt` takes over those of renamed steps, `make clean-orphans` removes them")
    }
  }
}

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare every output with the digest taken when it was made.",
    discussion:
      "A part with a file that is missing or other than it was loses its completion file, so that the next make makes "
      + "it again. Exit code 65."
  )
  @OptionGroup var options: PipelineOptions

  func run() throws {
    let pipeline = try options.load()
    var files = 0
    let problems = try pipeline.verify { step, count in files += count }
    for (step, part, problem) in problems {
      try pipeline.stepFolder(of: step).invalidate(part)
      FileHandle.standardError.write(Data("\(step.name): \(problem)\n".utf8))
    }
    guard problems.isEmpty else {
      let steps = Set(problems.map(\.step.name)).sorted().joined(separator: ", ")
      FileHandle.standardError.write(
        Data("\(problems.count) of \(files) files are not as they were made; `make` makes again: \(steps)\n".utf8))
      throw ExitCode(Failure.Kind.data.rawValue)
    }
    print("\(files) files, all as they were made")
  }
}

struct Adopt: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Move outputs of renamed steps to their new places.",
    discussion:
      "The outputs of a step that the file no longer has go to a step that has not run and would make exactly the same."
  )
  @OptionGroup var options: PipelineOptions

  func run() throws {
    let pipeline = try options.load()
    let lock = try FolderLock(pipeline.lockPath, program: "adopt", what: "this pipeline's outputs", isRemoved: false)
    defer { lock.release() }
    var count = 0
    try pipeline.adopt { step, orphan in
      print("\(orphan) is now \(step)")
      count += 1
    }
    if count == 0 { print("no output of a former step is what a present one would make") }
  }
}

struct CleanOrphans: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clean-orphans",
    abstract: "Remove outputs of steps that the file no longer has; nothing that a pipeline did not write.")
  @OptionGroup var options: PipelineOptions

  func run() throws {
    let pipeline = try options.load()
    let lock = try FolderLock(
      pipeline.lockPath, program: "clean-orphans", what: "this pipeline's outputs", isRemoved: false)
    defer { lock.release() }
    for orphan in pipeline.orphans {
      try FileManager.default.removeItem(atPath: "\(pipeline.folder)/\(orphan)")
      print("removed \(pipeline.folder)/\(orphan)")
    }
  }
}

struct Variables: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what is meant by variables that make does not know.", shouldDisplay: false)
  @Argument(help: "Names of the variables that were given.") var names: [String]
  @Option(name: .customLong("known"), parsing: .singleValue, help: "A variable that make knows; may be repeated.")
  var known: [String] = []

  func run() throws {
    for name in names {
      if Pipeline.isParameterName(name) {
        print("\(name) is a parameter of steps: make SET=\"STEP.\(name)=VALUE\"")
      } else {
        let remedy = nearestName(to: name, among: known).map { "did you mean \($0)?" }
        print("\(name); \(remedy ?? "known are \(known.joined(separator: " "))")")
      }
    }
  }
}

struct Document: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print docs/stages.md: what every stage takes and makes.")

  func run() { print(StageDocument().markdown, terminator: "") }
}
