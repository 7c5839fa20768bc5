import Foundation
import Foundations
import PipelineGraph
import StepFiles

/// One call of `sbatch` to come: an array of a step's shards, or one job.
public struct PlannedArray: Sendable {
  /// Name of its files: `psa`, or `psa.2` for the second array of a step.
  public let name: String
  public let step: Step
  public let offset: Int
  /// The array's indices; nil for a job that is no array.
  public let indices: [Int]?
  public let shards: [Int]
  public let request: ResourceRequest
  public let shortOfMemory: Int
  public let shortOfTime: Int
}

/// What a submission is to do, decided from the plan, the queue and the records before anything is submitted.
public struct SubmissionPlan {
  public private(set) var arrays: [PlannedArray] = []
  /// Tasks that wait in the queue for what is submitted again, and that are therefore submitted again too.
  public private(set) var cancelled: [String] = []
  /// Tasks that are in the queue already, by step.
  public private(set) var running: [String: Int] = [:]
  private let live: LiveTasks

  /// What the choice of resources and arrays goes by.
  public struct Site {
    public let decision: ResourceDecision
    public let maxArraySize: Int
    public let folder: ClusterFolder
    public let client: SlurmClient

    public init(decision: ResourceDecision, maxArraySize: Int, folder: ClusterFolder, client: SlurmClient) {
      self.decision = decision
      self.maxArraySize = maxArraySize
      self.folder = folder
      self.client = client
    }
  }

  /// - Parameter plan: everything that is not up to date, for the goals asked for.
  /// - Throws: `Failure(.temporary)` where a job in the queue would make something else than the plan.
  public init(_ pipeline: Pipeline, _ plan: Plan, live: LiveTasks, records: [JobRecord], site: Site) throws {
    self.live = live
    let jobs = Dictionary(grouping: plan.jobs, by: \.step)
    var plans: [String: Plan] = [:]
    var anew: Set<String> = []
    for step in pipeline.inOrder {
      guard let jobs = jobs[step.name] else { continue }
      let isRedone = pipeline.dependencies(of: step).contains { anew.contains($0.name) }
      var missing: [Job] = []
      for job in jobs {
        guard let task = live[step.name, max(job.assignment.shard, 1)] else {
          missing.append(job)
          continue
        }
        if isRedone, task.task.isWaiting {
          cancelled.append(task.task.id)
          missing.append(job)
          continue
        }
        try Self.requireSame(job, task, &plans, site.folder)
        running[step.name, default: 0] += 1
      }
      guard !missing.isEmpty else { continue }
      anew.insert(step.name)
      arrays += try Self.arrays(of: step, missing, records, site)
    }
    cancelled += live.hopeless
  }

  private static func requireSame(
    _ job: Job, _ live: LiveTasks.Live, _ plans: inout [String: Plan], _ folder: ClusterFolder
  ) throws {
    let submission = live.record.submission
    if plans[submission] == nil { plans[submission] = try Plan(contentsOf: folder.planPath(of: submission)) }
    let other = plans[submission]?.job(job.step, shard: max(job.assignment.shard, 1))
    guard let other, other.assignment == job.assignment, other.isForced || !job.isForced else {
      throw Failure(
        .temporary,
        "job \(live.task.id) in the queue is of this step with other parameters or inputs; let it end, or "
          + "`make slurm-cancel` first",
        item: "step \(job.name)")
    }
  }

  private static func arrays(of step: Step, _ jobs: [Job], _ records: [JobRecord], _ site: Site) throws
    -> [PlannedArray]
  {
    let shards = jobs.map { max($0.assignment.shard, 1) }.sorted()
    let (memory, time) = shortages(step, shards, records, site)
    let request = try site.decision.request(step, jobs, shortOfMemory: memory, shortOfTime: time)
    let stem = step.name.replacingOccurrences(of: "/", with: "~")
    func array(_ name: String, _ offset: Int, _ indices: [Int]?, _ shards: [Int]) -> PlannedArray {
      PlannedArray(
        name: name, step: step, offset: offset, indices: indices, shards: shards, request: request,
        shortOfMemory: memory,
        shortOfTime: time)
    }
    guard step.shards > 1 else { return [array(stem, 0, nil, shards)] }
    return IndexList.arrays(shards, largest: site.maxArraySize).enumerated().map { number, part in
      array(
        number == 0 ? stem : "\(stem).\(number + 1)", part.offset, part.indices, part.indices.map { $0 + part.offset })
    }
  }

  /// How often shards ran out of memory and of time in a row; the largest of all, since an array asks for all alike.
  private static func shortages(_ step: Step, _ shards: [Int], _ records: [JobRecord], _ site: Site) -> (
    memory: Int, time: Int
  ) {
    var result = (memory: 0, time: 0)
    let own = records.filter { $0.step == step.name }
    for shard in shards {
      guard let record = own.last(where: { $0.contains(shard) }) else { continue }
      let end = site.folder.end(of: record, shard: shard)
      guard end?.code != 0 else { continue }
      let failure = JobFailure(
        end: end, log: JobFailure.tail(of: record.log(of: shard)),
        facts: end == nil ? site.client.facts(of: record.id(of: shard)) : [:])
      result.memory = max(result.memory, record.shortOfMemory + (failure.kind == .outOfMemory ? 1 : 0))
      result.time = max(result.time, record.shortOfTime + (failure.kind == .outOfTime ? 1 : 0))
    }
    return result
  }

  /// What an array waits for: the jobs of the steps that it reads.
  ///
  /// A stage reads the whole output of a step, all parts of it, and its recipe has the content of all: so a task waits
  /// for whole steps, never for the one task of the same index (`aftercorr`).
  ///
  /// - Parameter submitted: the ids of this submission's jobs by step.
  public func dependencies(of array: PlannedArray, in pipeline: Pipeline, submitted: [String: [String]]) -> [String] {
    pipeline.dependencies(of: array.step).flatMap { step -> [String] in
      let tasks = live.tasks.filter { $0.key.step == step.name && !cancelled.contains($0.value.task.id) }
        .map(\.value.task.id)
      return (submitted[step.name] ?? []) + tasks.sorted { $0.localizedStandardCompare($1) == .orderedAscending }
    }
  }
}
