import Foundation
import Foundations
import StepFiles

/// What one make is to do, decided before it starts: the jobs, in an order in which each comes after those that it
/// reads.
///
/// It is stored beside the rules. A job reads it when its turn comes, looks again at what it reads, and runs its
/// program only where that would make something else than what is there.
public struct Plan: Codable, Sendable {
  /// Path of the pipeline file, for messages.
  public let pipeline: String
  /// `OUT/NAME`.
  public let folder: String
  /// Folder of the stages' programs.
  public let programs: String
  public var jobs: [Job]
  /// Targets of all steps by name, so that a job can see whether what it reads is whole.
  public let folders: [String: String]

  /// - Parameters:
  ///   - states: of all steps, each after those it reads.
  ///   - goals: steps, families or targets that make is asked for; all steps where there are none.
  ///   - costs: what tells the time of jobs that have not run yet; nil leaves it open.
  public init(
    _ pipeline: Pipeline, _ states: [StepState], goals: [String] = [], programs: String, costs: CostEstimate? = nil
  ) {
    self.pipeline = pipeline.file
    folder = pipeline.folder
    self.programs = programs
    folders = Dictionary(pipeline.steps.map { ($0.name, pipeline.folder(of: $0)) }) { first, _ in first }
    let wanted = Self.closure(pipeline, goals)
    jobs = states.filter { wanted?.contains($0.step.name) ?? true }.flatMap { state in
      zip(pipeline.jobs(of: state.step), state.jobs).compactMap { job, todo -> Job? in
        guard !todo.isUpToDate else { return nil }
        var job = job
        job.isForced = todo == .stale(.forced)
        return job
      }
    }
    number(RunTimes(pipeline.timesPath), costs)
  }

  /// Every job of the pipeline, up to date or not: for a job that is run by hand and decides for itself.
  public init(everyJobOf pipeline: Pipeline, programs: String) {
    self.pipeline = pipeline.file
    folder = pipeline.folder
    self.programs = programs
    folders = Dictionary(pipeline.steps.map { ($0.name, pipeline.folder(of: $0)) }) { first, _ in first }
    jobs = pipeline.inOrder.flatMap(pipeline.jobs(of:))
    number(RunTimes(pipeline.timesPath), nil)
  }

  /// The names of the goals' steps and of all that they read; nil for all steps.
  public static func closure(_ pipeline: Pipeline, _ goals: [String]) -> Set<String>? {
    guard !goals.isEmpty else { return nil }
    var names: Set<String> = []
    func add(_ step: Step) {
      guard names.insert(step.name).inserted else { return }
      pipeline.dependencies(of: step).forEach(add)
    }
    for goal in goals {
      pipeline.cells(of: goal).forEach(add)
      pipeline.steps.filter { pipeline.targets(of: $0).contains(goal) }.forEach(add)
    }
    return names
  }

  private mutating func number(_ times: RunTimes, _ costs: CostEstimate?) {
    var left = TimeLeft()
    for index in jobs.indices.reversed() {
      let (seconds, source): (Double, TimeLeft.Source) =
        if let seconds = times.seconds(of: jobs[index]) {
          (seconds, .measured)
        } else if let seconds = costs?.seconds(of: jobs[index]) {
          (seconds, .estimated)
        } else {
          (0, .open)
        }
      left.add(seconds, source)
      (jobs[index].number, jobs[index].total) = (index + 1, jobs.count)
      (jobs[index].left, jobs[index].source) = (left, source)
    }
  }

  /// What a step's jobs of this plan take together; nil where there is none.
  public func time(of step: String) -> TimeLeft? {
    var sum: TimeLeft?
    for (index, job) in jobs.enumerated() where job.step == step {
      let next = index + 1 < jobs.count ? jobs[index + 1].left.seconds : 0
      var own = sum ?? TimeLeft()
      own.add(job.left.seconds - next, job.source)
      sum = own
    }
    return sum
  }

  /// Fixes the number of threads of the jobs of steps, where the pipeline leaves it to the machine.
  public mutating func setThreads(_ threads: [String: Int]) {
    for index in jobs.indices { if let count = threads[jobs[index].step] { jobs[index].setThreads(count) } }
  }

  public func job(_ step: String, shard: Int) -> Job? {
    jobs.first { $0.step == step && max($0.assignment.shard, 1) == shard }
  }

  public func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(Array(try encoder.encode(self)), to: path)
  }

  /// - Throws: `Failure` where there is no plan or it is another version's.
  public init(contentsOf path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.noInput, "there is no plan; run `make`", file: path)
    }
    do { self = try JSONDecoder().decode(Plan.self, from: data) } catch {
      throw Failure(.data, "is no plan of this version; run `make`", file: path)
    }
  }
}
