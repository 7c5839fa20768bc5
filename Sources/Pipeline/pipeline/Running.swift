import ArgumentParser
import CProcess
import Foundation
import Foundations
import PipelineGraph
import Recipes
import StepFiles

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run one job of a plan, unless what is there is what it would make.",
    discussion: "make calls this; there is no need to.")
  @Argument(help: ArgumentHelp("The plan.", valueName: "PLAN")) var plan: String
  @Argument(help: ArgumentHelp("The step.", valueName: "STEP")) var step: String
  @Argument(help: ArgumentHelp("The part, from 1.", valueName: "I")) var part: Int
  @Flag(help: "Print the command.") var verbose = false

  func run() throws {
    if cprocess_end_with(getppid()) == 1 { throw ExitCode(Failure.Kind.temporary.rawValue) }
    let plan = try Plan(contentsOf: plan)
    guard let job = plan.job(step, shard: part) else {
      throw Failure(.usage, "the plan has no part \(part) of a step \"\(step)\"", file: self.plan)
    }
    let maker = RecipeMaker(cache: DigestCache("\(plan.folder)/digests.tsv"))
    let check = JobCheck(job, plan, maker: maker)
    try check.requireDependencies()
    let run = JobRun(job, plan, isVerbose: verbose)
    guard try run.isNeeded(check) else { return }
    maker.cache.save()
    try run.start(images: check.images())
  }
}

/// Runs a job's program and says how it went: for make, and for a task on a cluster.
struct JobRun {
  let job: Job
  let plan: Plan
  let isVerbose: Bool

  init(_ job: Job, _ plan: Plan, isVerbose: Bool) {
    self.job = job
    self.plan = plan
    self.isVerbose = isVerbose
  }

  private var label: String { "[\(job.number)/\(job.total)] \(job.name)" }

  /// Whether the job would make something else than what is there; says so where it would not.
  func isNeeded(_ check: JobCheck) throws -> Bool {
    guard !job.isForced, try check.state().isUpToDate else { return true }
    Self.say("\(label)  what it reads came out as before, nothing to do")
    return false
  }

  /// - Parameter images: how many it works on, for the line.
  /// - Throws: `ExitCode` with the program's own code where it ends otherwise than well, 128 and the number of the
  ///   signal that ended it, or `Stopped.exitCode` where it was told to stop and saved what it had.
  func start(images: Int?) throws {
    Self.say(
      label + (images.map { "  \($0) images" } ?? "")
        + (job.left.seconds > 0 ? "  \(job.left.sign)\(clock(job.left.seconds)) left" : ""))
    let words = ["\(plan.programs)/\(job.assignment.stage)"] + job.command.dropFirst()
    if isVerbose { Self.say(words.joined(separator: " ")) }
    let start = ContinuousClock.now
    // An interrupt at the terminal goes to the program too; this one stays to say how to go on.
    signal(SIGINT, SIG_IGN)
    let environment = ["SSDD_END_WITH": "\(getpid())", "SSDD_DIGESTS": "\(plan.folder)/digests.tsv"]
    let (end, memory) = try ChildProcess.run(words, adding: environment)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    switch end {
    case .exit(0):
      guard FileStatus(job.target) != nil else {
        throw Failure(.software, "\(job.assignment.stage) ended well but did not write \(job.target)", item: job.name)
      }
      RunTimes.add(seconds, of: job, to: "\(plan.folder)/times.tsv")
      RunTimes.add(Double(memory), of: job, to: "\(plan.folder)/memory.tsv")
      Self.say("\(label)  done in \(clock(seconds))")
    case .exit(Stopped.exitCode):
      Self.say("\(label)  stopped after \(clock(seconds)) and saved; the same `make` again goes on from here")
      throw ExitCode(Stopped.exitCode)
    case .exit(let code):
      Self.say("\(label)  failed after \(clock(seconds)) (exit code \(code))")
      throw ExitCode(code)
    case .signal(let signal):
      let what = signal == SIGINT || cprocess_was_terminated() != 0 ? "stopped" : "was ended by signal \(signal)"
      Self.say("\(label)  \(what) after \(clock(seconds)); the same `make` again goes on from here")
      throw ExitCode(128 + signal)
    }
  }

  static func say(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
}
