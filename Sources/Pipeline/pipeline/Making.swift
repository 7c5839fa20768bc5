import ArgumentParser
import Cluster
import CProcess
import Foundation
import Foundations
import PipelineGraph
import StepFiles

struct Make: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make what is out of date: plan, then become `make`.",
    discussion:
      "One make at a time works on a pipeline's outputs: a second one ends at once (75) and says who is at work.")
  @OptionGroup var options: PipelineOptions
  @OptionGroup var plan: PlanOptions
  @Option(name: .customLong("make"), help: ArgumentHelp("GNU make.", valueName: "PROGRAM")) var program = "make"
  @Flag(help: "Print the commands.") var verbose = false

  func run() throws {
    // A make that is killed takes this program, and the make that it becomes, with it.
    if cprocess_end_with(getppid()) == 1 { throw ExitCode(Failure.Kind.temporary.rawValue) }
    let pipeline = try options.load()
    try plan.check(pipeline)
    try AtomicFile.createFolder(pipeline.folder)
    let lock = try FolderLock(
      pipeline.lockPath, program: "make", isInherited: true, what: "this pipeline's outputs", waitingForHeirs: 5)
    try Self.requireNoJobs(pipeline)
    try pipeline.sweep()
    let planner = try plan.planner(pipeline)
    let states = planner.states()
    planner.maker.cache.save()
    let made = Plan(
      pipeline, states, goals: plan.goals, programs: plan.programs, costs: CostEstimate(pipeline, maker: planner.maker))
    try MakeRules(pipeline, made, planPath: pipeline.planPath, isVerbose: verbose).write(to: pipeline.rulesPath)
    for line in Self.notes(pipeline) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
    lock.keep()
    try become(program, ["--no-print-directory", "-f", pipeline.rulesPath] + plan.goals)
  }

  /// Refuses to make what jobs on a cluster are about to make. Where Slurm cannot be asked, as on a machine to which
  /// the outputs were copied, each step's own lock has the last word.
  static func requireNoJobs(_ pipeline: Pipeline) throws {
    let records = try ClusterFolder(pipeline).records()
    guard !records.isEmpty, let queue = try? SlurmClient().queue() else { return }
    let count = LiveTasks(queue, records).tasks.count
    guard count == 0 else {
      throw Failure(
        .temporary,
        "\(count) parts of it are in Slurm's queue: `make status` shows them, `make slurm-cancel` takes them out",
        file: pipeline.file)
    }
  }

  /// Says what a person may have forgotten.
  static func notes(_ pipeline: Pipeline) -> [String] {
    let orphans = pipeline.orphans
    guard !orphans.isEmpty else { return [] }
    return [
      "outputs of steps that \(pipeline.file) does not have: \(orphans.joined(separator: ", ")); `make adopt` or `make "
        + "clean-orphans`"
    ]
  }

  private func become(_ program: String, _ arguments: [String]) throws {
    let words = ([program] + arguments).map { strdup($0) } + [nil]
    execvp(program, words)
    throw Failure(.noInput, "cannot start \(program): \(String(cString: strerror(errno)))")
  }
}

struct Rules: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Plan and write the rules, without running make.",
    discussion: "`make -f RULES` then runs the plan. `pipeline make` does both, under a lock.")
  @OptionGroup var options: PipelineOptions
  @OptionGroup var plan: PlanOptions
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where to write the rules; default: OUT/NAME/rules.mk. The plan goes beside them.", valueName: "FILE"))
  var output: String?
  @Flag(help: "Print the commands.") var verbose = false

  func run() throws {
    let pipeline = try options.load()
    try plan.check(pipeline)
    let planner = try plan.planner(pipeline)
    let made = Plan(
      pipeline, planner.states(), goals: plan.goals, programs: plan.programs,
      costs: CostEstimate(pipeline, maker: planner.maker))
    planner.maker.cache.save()
    let path = output ?? pipeline.rulesPath
    let planPath = output.map { "\(($0 as NSString).deletingPathExtension).json" } ?? pipeline.planPath
    try MakeRules(pipeline, made, planPath: planPath, isVerbose: verbose).write(to: path)
  }
}

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List what `make` would run, in order, and why; touches nothing.")
  @OptionGroup var options: PipelineOptions
  @OptionGroup var plan: PlanOptions

  func run() throws {
    let pipeline = try options.load()
    try plan.check(pipeline)
    let planner = try plan.planner(pipeline)
    let states = planner.states()
    if FileStatus(pipeline.folder) != nil { planner.maker.cache.save() }
    let made = Plan(
      pipeline, states, goals: plan.goals, programs: plan.programs, costs: CostEstimate(pipeline, maker: planner.maker))
    let wanted = Set(made.jobs.map(\.step))
    let width = wanted.map(\.count).max() ?? 0
    var waiting = 0
    for state in states where wanted.contains(state.step.name) && !state.isUpToDate {
      if state.cause == nil { waiting += 1 }
      let shards = state.step.shards > 1 ? " \(state.jobs.count - state.done) of \(state.step.shards) parts" : ""
      let time = made.time(of: state.step.name).map { $0.seconds > 0 ? "\($0.sign)\(clock($0.seconds))" : "-" } ?? "-"
      print("\(pad(state.step.name, width))  \(padLeft(time, 8)) \(shards) \(planner.reason(of: state) ?? "")")
    }
    let total = wanted.count
    let left = made.jobs.first
    let estimate =
      left.map { job in job.left.seconds > 0 ? ", \(job.left.words)\(clock(job.left.seconds))" : "" } ?? ""
    let unsure = waiting > 0 ? "; \(waiting) of them only where what they read comes out otherwise" : ""
    print(total == 0 ? "nothing to do" : "\(total) of \(states.count) steps to run\(estimate)\(unsure)")
    if made.jobs.contains(where: { $0.source == .estimated }) {
      print("~: not from an earlier run, but by stage, number of images and trunk alone")
    }
  }
}

/// `0:07`, `12:30`, `2:05:00`.
func clock(_ seconds: Double) -> String {
  let whole = Int(seconds.rounded())
  return whole < 3600
    ? String(format: "%d:%02d", whole / 60, whole % 60)
    : String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
}

func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
func padLeft(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}
