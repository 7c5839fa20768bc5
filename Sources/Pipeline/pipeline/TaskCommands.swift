import ArgumentParser
import CProcess
import Cluster
import Foundation
import Foundations
import PipelineGraph
import Recipes
import StepFiles

struct Task: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the part of a step that a scheduler's array task is of.",
    discussion: """
      For clusters without Slurm: SLURM_ARRAY_TASK_ID, PBS_ARRAY_INDEX, PBS_ARRAYID, SGE_TASK_ID or LSB_JOBINDEX says \
      which part. The array must have one task per part, from 1. A step that is not divided needs no array. A part \
      that is up to date ends at once.
      """)
  @OptionGroup var options: PipelineOptions
  @Argument(help: ArgumentHelp("The step.", valueName: "STEP")) var step: String
  @Option(help: ArgumentHelp("Folder of the stages' programs; default: this program's own.", valueName: "DIR"))
  var programs = OwnFolder.path
  @Option(
    help: ArgumentHelp("How long to wait for what it reads to appear on a shared file system.", valueName: "SECONDS"))
  var wait = 60

  func run() throws {
    let pipeline = try options.load()
    guard let step = pipeline[step] else {
      let cells = pipeline.cells(of: self.step).map(\.name)
      guard !cells.isEmpty else { throw pipeline.unknownStep(self.step) }
      throw Failure(
        .usage, "has cells, each with parts of its own: name one of \(cells.joined(separator: ", "))",
        item: "step \(self.step)")
    }
    let index = try TaskIndex(ProcessInfo.processInfo.environment)
    let shard = try TaskIndex.shard(of: step.shards, step: step.name, index)
    let plan = Plan(everyJobOf: pipeline, programs: programs)
    guard let job = plan.job(step.name, shard: shard) else { throw pipeline.unknownStep(self.step) }
    try TaskRun(job, plan, waiting: wait).run()
  }
}

struct ClusterTask: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What a job of `make slurm` does.", shouldDisplay: false)
  @Argument(help: "The plan.") var plan: String
  @Argument(help: "The step.") var step: String
  @Option(help: "Name of the job's files beside the plan.") var array: String
  @Option(help: "What the array's index is counted from.") var offset = 0
  @Option(help: "Seconds to wait for what it reads.") var wait = 60
  @Option(help: "What to say first.") var note: String?

  func run() throws {
    let start = ContinuousClock.now
    let environment = ProcessInfo.processInfo.environment
    if let note { JobRun.say(note) }
    let plan = try SharedFiles.wait(wait, for: self.plan) { try Plan(contentsOf: self.plan) }
    let index = environment["SLURM_ARRAY_TASK_ID"].flatMap { Int($0) }
    let only = plan.jobs.filter { $0.step == step }
    let shard = index.map { $0 + offset } ?? only.first.map { max($0.assignment.shard, 1) } ?? 1
    guard let job = plan.job(step, shard: shard) else {
      throw Failure(.usage, "the plan has no part \(shard) of a step \"\(step)\"", file: self.plan)
    }
    let folder = (self.plan as NSString).deletingLastPathComponent
    let endPath = TaskEnd.path(folder, array, shard: shard)
    // What an earlier run of a requeued job wrote.
    unlink(endPath)
    var code: Int32 = 0
    var failure: (any Error)?
    do { try TaskRun(job, plan, waiting: wait).run() } catch {
      failure = error
      code = (error as? Failure)?.kind.rawValue ?? (error as? ExitCode)?.rawValue ?? 1
    }
    if code == Stopped.exitCode, SlurmJob.current?.goOn() == true { throw ExitCode(code) }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let end = TaskEnd(
      code: code, host: environment["SLURMD_NODENAME"] ?? ProcessInfo.processInfo.hostName, seconds: seconds)
    try AtomicFile.write(try JSONEncoder().encode(end), to: endPath)
    if let failure { throw failure }
  }
}

/// A job on a machine that may be another one than that which made what it reads.
struct TaskRun {
  let job: Job
  let plan: Plan
  let seconds: Int

  init(_ job: Job, _ plan: Plan, waiting seconds: Int) {
    self.job = job
    self.plan = plan
    self.seconds = seconds
  }

  func run() throws {
    SlurmJob.removeLockOfEndedJob(StepFolder(job.folder).lockPath(job.part))
    // Tasks at one time would write the cache of digests over each other's heads, so none does.
    let run = JobRun(job, plan, isVerbose: false)
    let images = try SharedFiles.wait(seconds, for: job.name) { () -> (Bool, Int?) in
      for name in job.dependencies { if let folder = plan.folders[name] { SharedFiles.list(folder) } }
      // What was read before counts for nothing: another look needs another maker.
      let check = JobCheck(job, plan, maker: RecipeMaker(cache: DigestCache("\(plan.folder)/digests.tsv")))
      try check.requireDependencies()
      return (try run.isNeeded(check), check.images())
    }
    guard images.0 else { return }
    try run.start(images: images.1)
  }
}

/// Files that another machine has written and that a network file system may show late.
enum SharedFiles {
  /// Tries until `body` no longer misses a file, for so many seconds.
  ///
  /// - Throws: what `body` threw last.
  static func wait<R>(_ seconds: Int, for what: String, _ body: () throws -> R) throws -> R {
    let deadline = ContinuousClock.now + .seconds(seconds)
    var isTold = false
    while true {
      do { return try body() } catch let failure as Failure
        where failure.kind == .noInput && ContinuousClock.now < deadline
      {
        if !isTold { JobRun.say("\(what): waiting up to \(seconds) s for a shared file system: \(failure)") }
        isTold = true
        usleep(500_000)
      }
    }
  }

  /// Reads a folder's names, which makes a client of NFS ask the server what is there.
  static func list(_ folder: String) { _ = try? FileManager.default.contentsOfDirectory(atPath: folder) }
}

/// The job of Slurm that this process is of.
struct SlurmJob {
  let id: String
  private let client = SlurmClient()

  /// Nil outside of Slurm.
  static var current: SlurmJob? {
    let environment = ProcessInfo.processInfo.environment
    return environment["SLURM_JOB_ID"].map { SlurmJob(id: $0) }
  }

  /// Puts the job back into the queue, where it goes on after what was saved; jobs that wait for it go on waiting.
  ///
  /// - Returns: whether it did: not for a job that was cancelled, or that Slurm is about to end or to requeue itself.
  func goOn() -> Bool {
    let state = client.facts(of: id)["JobState"] ?? ""
    guard state == "RUNNING" else {
      JobRun.say(
        "job \(id) is \(state.isEmpty ? "not known to Slurm" : state.lowercased()): it is not put back into the queue")
      return false
    }
    JobRun.say("job \(id) goes back into the queue, to go on from here")
    let outcome = try? client.run("scontrol", ["requeue", id])
    guard let outcome, outcome.status == 0 else {
      JobRun.say(
        "Slurm refuses to requeue it: \(outcome?.words ?? "scontrol cannot be run"); `make slurm` goes on from here"
      )
      return false
    }
    // Slurm ends this process now.
    return true
  }

  /// Removes the lock of a job that has ended on another machine, whose flock nobody can see from here. That of a
  /// process that is no job of Slurm's stays, and the stage says whose it is.
  static func removeLockOfEndedJob(_ path: String) {
    guard let current, let owner = FolderLock.holder(of: path), !owner.isHere, let job = owner.job else { return }
    // A job that was requeued is the same job, and it is here now.
    guard job != current.id else {
      unlink(path)
      return
    }
    guard let queue = try? current.client.run("squeue", ["--noheader", "--jobs=\(job)", "--format=%T"]) else { return }
    let isGone = queue.status == 0 ? queue.output.isEmpty : queue.words.contains("Invalid job id")
    if isGone {
      JobRun.say("job \(job) on \(owner.host), which left its lock, has ended")
      unlink(path)
    }
  }
}
