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
    let label = "[\(job.number)/\(job.total)] \(job.name)"
    try check.requireDependencies()
    if !job.isForced, try check.state().isUpToDate {
      say("\(label)  what it reads came out as before, nothing to do")
      return
    }
    maker.cache.save()
    say(
      label + (check.images().map { "  \($0) images" } ?? "")
        + (job.secondsLeft > 0 ? "  \(clock(job.secondsLeft))\(job.isTimeKnown ? "" : "+") left" : ""))
    try run(job, plan, label)
  }

  private func run(_ job: Job, _ plan: Plan, _ label: String) throws {
    let words = ["\(plan.programs)/\(job.assignment.stage)"] + job.command.dropFirst()
    if verbose { say(words.joined(separator: " ")) }
    let start = ContinuousClock.now
    // An interrupt at the terminal goes to the program too; this one stays to say how to go on.
    signal(SIGINT, SIG_IGN)
    let environment = ["SSDD_END_WITH": "\(getpid())", "SSDD_DIGESTS": "\(plan.folder)/digests.tsv"]
    let end = try ChildProcess.run(words, adding: environment)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    switch end {
    case .exit(0):
      guard FileStatus(job.target) != nil else {
        throw Failure(.software, "\(job.assignment.stage) ended well but did not write \(job.target)", item: job.name)
      }
      RunTimes.add(seconds, of: job, to: "\(plan.folder)/times.tsv")
      say("\(label)  done in \(clock(seconds))")
    case .exit(let code):
      say("\(label)  failed after \(clock(seconds)) (exit code \(code))")
      throw ExitCode(code)
    case .signal(let signal):
      let what = signal == SIGINT ? "stopped" : "was ended by signal \(signal)"
      say("\(label)  \(what) after \(clock(seconds)); the same `make` again goes on from here")
      throw ExitCode(128 + signal)
    }
  }

  private func say(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
}
