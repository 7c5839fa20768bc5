import ArgumentParser
import Cluster
import Foundation
import Foundations
import PipelineGraph
import Recipes
import StepFiles

struct Slurm: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Submit what is out of date as jobs of Slurm, all at once, and return.",
    discussion: """
      One array of jobs per step with shards, one job per other step, each waiting for those that it reads. What is \
      in the queue already is not submitted again. docs/cluster.md tells the rest.
      """)
  @OptionGroup var options: PipelineOptions
  @OptionGroup var plan: PlanOptions
  @Flag(help: "Print every script and submit nothing.") var dryRun = false
  @Flag(help: "Follow the jobs to their end.") var wait = false

  func run() throws {
    let pipeline = try options.load()
    try plan.check(pipeline)
    let profile = try options.loadProfile()
    if dryRun {
      try Submitter(pipeline, plan, profile: profile, isDryRun: true).submit()
      return
    }
    try withLocks(pipeline) { try Submitter(pipeline, plan, profile: profile, isDryRun: false).submit() }
    if wait { try JobFollower(pipeline, plan).follow() }
  }

  /// Two submissions at once would submit the same twice, and a make at work makes what would be submitted.
  private func withLocks(_ pipeline: Pipeline, _ body: () throws -> Void) throws {
    let folder = ClusterFolder(pipeline)
    try AtomicFile.createFolder(folder.path)
    let own = try FolderLock(
      folder.lockPath, program: "make slurm", what: "the jobs of this pipeline", isRemoved: false)
    defer { own.release() }
    let make = try FolderLock(
      pipeline.lockPath, program: "make slurm", what: "this pipeline's outputs", isRemoved: false)
    defer { make.release() }
    try body()
  }
}

/// Decides what to submit, and submits it.
struct Submitter {
  private let pipeline: Pipeline
  private let options: PlanOptions
  private let profile: ClusterProfile
  private let isDryRun: Bool
  private let folder: ClusterFolder
  private let client = SlurmClient()

  init(_ pipeline: Pipeline, _ options: PlanOptions, profile: ClusterProfile, isDryRun: Bool) {
    self.pipeline = pipeline
    self.options = options
    self.profile = profile
    self.isDryRun = isDryRun
    folder = ClusterFolder(pipeline)
  }

  func submit() throws {
    try BatchJob.check(workingFolder: FileManager.default.currentDirectoryPath)
    let planner = try options.planner(pipeline)
    let states = planner.states()
    if !isDryRun { planner.maker.cache.save() }
    var plan = Plan(pipeline, states, goals: options.goals, programs: options.programs)
    guard !plan.jobs.isEmpty else {
      JobRun.say("nothing to do")
      return
    }
    var records = try folder.records()
    let live = LiveTasks(try client.queue(), records)
    records = live.completed(records)
    let needsArrays = plan.jobs.contains { $0.assignment.shards > 1 }
    let size = try profile.maxArraySize ?? (needsArrays ? client.maxArraySize() : Int.max)
    let decision = ResourceDecision(
      profile, times: RunTimes(pipeline.timesPath), memory: RunTimes(pipeline.memoryPath))
    let site = SubmissionPlan.Site(decision: decision, maxArraySize: size, folder: folder, client: client)
    let todo = try SubmissionPlan(pipeline, plan, live: live, records: records, site: site)
    tell(todo, plan)
    guard !todo.arrays.isEmpty else { return }
    let submission = folder.nextSubmission()
    plan.setThreads(Dictionary(todo.arrays.map { ($0.step.name, $0.request.cores ?? 1) }) { first, _ in first })
    if isDryRun { return try show(todo, submission) }
    try folder.write(records)
    try client.cancel(todo.cancelled)
    try pipeline.sweep()
    try plan.write(to: folder.planPath(of: submission))
    try submit(todo, submission, records)
  }

  /// Says what is in the queue already.
  private func tell(_ todo: SubmissionPlan, _ plan: Plan) {
    for (step, count) in todo.running.sorted(by: { $0.key < $1.key }) {
      JobRun.say("\(step): \(count == 1 ? "a job is" : "\(count) jobs are") in the queue already")
    }
    if todo.arrays.isEmpty {
      JobRun.say("nothing to submit: everything that is to run is in the queue; `make status` shows it")
    }
  }

  private func job(_ array: PlannedArray, _ todo: SubmissionPlan, _ submission: String, _ ids: [String: [String]])
    -> BatchJob
  {
    BatchJob(
      array, of: pipeline, profile: profile, programs: options.programs, submission: submission,
      dependencies: todo.dependencies(of: array, in: pipeline, submitted: ids))
  }

  private func show(_ todo: SubmissionPlan, _ submission: String) throws {
    var ids: [String: [String]] = [:]
    if !todo.cancelled.isEmpty { JobRun.say("scancel \(ShellText.line(todo.cancelled))") }
    for array in todo.arrays {
      let job = job(array, todo, submission, ids)
      JobRun.say("sbatch \(ShellText.line(job.words))\n--- \(job.scriptPath)\n\(job.script)---\n")
      ids[array.step.name, default: []].append("JOB-OF-\(array.name)")
    }
    JobRun.say("DRY: nothing was submitted")
  }

  private func submit(_ todo: SubmissionPlan, _ submission: String, _ earlier: [JobRecord]) throws {
    var records = earlier
    var ids: [String: [String]] = [:]
    for array in todo.arrays {
      let job = job(array, todo, submission, ids)
      try AtomicFile.createFolder((job.log as NSString).deletingLastPathComponent)
      try AtomicFile.write(job.script, to: job.scriptPath)
      var record = job.record
      try folder.write(records + [record])
      do { record.job = try client.submit(job.words) } catch let failure as Failure {
        try folder.write(records)
        let done = ids.values.reduce(0) { $0 + $1.count }
        let before =
          done == 0
          ? "nothing was submitted"
          : "submitted before it and left in the queue: "
            + records.suffix(done).compactMap(\.job).joined(separator: ", ")
        throw Failure(
          failure.kind, "\(failure.message); \(before)", file: job.scriptPath, item: "step \(array.step.name)")
      }
      records.append(record)
      try folder.write(records)
      ids[array.step.name, default: []].append(record.job ?? "")
      let parts = array.indices.map { _ in "  shards \(IndexList.text(array.shards)) of \(array.step.shards)" } ?? ""
      JobRun.say("\(array.step.name)  job \(record.job ?? "")\(parts)")
    }
    JobRun.say("\(todo.arrays.count) jobs submitted; `make status` shows them, `make slurm-cancel` cancels them")
  }
}

struct SlurmCancel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "slurm-cancel", abstract: "Cancel the jobs of this pipeline that are in Slurm's queue.")
  @OptionGroup var options: PipelineOptions

  func run() throws {
    let pipeline = try options.load()
    let folder = ClusterFolder(pipeline)
    guard FileStatus(folder.path) != nil else {
      JobRun.say("no job of this pipeline was ever submitted")
      return
    }
    let lock = try FolderLock(
      folder.lockPath, program: "make slurm-cancel", what: "the jobs of this pipeline", isRemoved: false)
    defer { lock.release() }
    let client = SlurmClient()
    let live = LiveTasks(try client.queue(), try folder.records())
    let jobs = Set(live.tasks.values.map(\.task.job) + live.hopeless).sorted {
      $0.localizedStandardCompare($1) == .orderedAscending
    }
    guard !jobs.isEmpty else {
      JobRun.say("no job of this pipeline is in the queue")
      return
    }
    try client.cancel(jobs)
    JobRun.say("cancelled: \(jobs.joined(separator: ", "))")
  }
}

/// Follows jobs to their end, a line whenever something changed.
struct JobFollower {
  private let pipeline: Pipeline
  private let options: PlanOptions

  init(_ pipeline: Pipeline, _ options: PlanOptions) {
    self.pipeline = pipeline
    self.options = options
  }

  /// - Throws: `ExitCode(1)` where something of the goals is not done when no job is left.
  func follow() throws {
    signal(SIGINT) { _ in
      let text = "\nthe jobs go on; `make status` shows them, `make slurm-cancel` cancels them\n"
      _ = text.withCString { write(1, $0, strlen($0)) }
      _exit(130)
    }
    var last = ""
    var looks = 0
    while true {
      let report = try JobReport(pipeline, options)
      if let problem = report.queueProblem { JobRun.say("the queue cannot be asked just now: \(problem)") }
      let summary = report.counts
      if summary != last { JobRun.say(summary) }
      last = summary
      if report.queueProblem == nil, !report.hasLiveJobs { return try conclude(report) }
      // Quick at first, then seldom enough for a large cluster and a large pipeline.
      looks += 1
      sleep(looks < 20 ? 2 : 15)
    }
  }

  private func conclude(_ report: JobReport) throws {
    let goals = Plan.closure(pipeline, options.goals)
    let forced = report.planner.forced
    let missing = report.outlook.steps.filter { step in
      let isForced = forced.contains(step.step.name) || forced.contains(step.step.family)
      return goals?.contains(step.step.name) ?? true
        // A step that is forced counts as one to run whatever its job has made; its failure is told.
        && step.shards.contains { $0 != .done && !(isForced && $0 == .stale) }
    }
    guard !missing.isEmpty else { return }
    for step in missing {
      JobRun.say("\(step.step.name)  \(step.summary)")
      for line in step.details() { JobRun.say("  \(line)") }
    }
    throw ExitCode(1)
  }
}

/// The states of all steps, with what the queue says where anything was ever submitted.
struct JobReport {
  let states: [StepState]
  let planner: Planner
  let outlook: JobOutlook
  /// Why the queue cannot be asked; nil where it was asked, or where nothing was ever submitted.
  let queueProblem: String?

  init(_ pipeline: Pipeline, _ options: PlanOptions) throws {
    planner = try options.planner(pipeline)
    let folder = ClusterFolder(pipeline)
    let records = try folder.records()
    let client = SlurmClient()
    var live: LiveTasks? = LiveTasks()
    var problem: String?
    // The queue is asked before the outputs: what ends between is done, not lost.
    if !records.isEmpty {
      do { live = LiveTasks(try client.queue(), records) } catch {
        live = nil
        problem = "\(error)"
      }
    }
    queueProblem = problem
    states = planner.states()
    outlook = JobOutlook(
      states, live: live, records: live?.completed(records) ?? records, folder: folder,
      client: problem == nil ? client : nil, pipeline: pipeline)
  }

  var hasLiveJobs: Bool {
    outlook.steps.contains { $0.shards.contains { ["running", "queued"].contains($0.word) } }
  }

  /// `12 parts done, 3 running, 5 queued`.
  var counts: String {
    let all = outlook.steps.flatMap(\.shards)
    return JobOutlook.counts(all)
  }
}
