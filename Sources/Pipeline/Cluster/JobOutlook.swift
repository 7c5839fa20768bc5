import Foundation
import Foundations
import PipelineGraph
import StepFiles

/// How things stand with a shard. The outputs are the truth; the queue only says that a job is still there.
public enum ShardState: Equatable, Sendable {
  case done
  case running(id: String, node: String)
  /// With Slurm's reason.
  case queued(id: String, reason: String)
  /// Its job ended without the output and said why.
  case failed(JobFailure, id: String, log: String?)
  /// Its job is not in the queue any more, and neither an output nor a word of it is there.
  case lost(id: String, log: String?)
  /// Its job never ran, because what it reads failed.
  case held(by: String)
  /// To run, and no job is about to.
  case stale
}

/// The state of every shard of every step.
public struct JobOutlook: Sendable {
  public struct StepOutlook: Sendable {
    public let step: Step
    /// One per shard, the first first.
    public let shards: [ShardState]
  }

  public let steps: [StepOutlook]

  /// - Parameters:
  ///   - states: of all steps, each after those that it reads.
  ///   - live: what is in the queue; nil where the queue cannot be asked: then nothing counts as running, nor as lost.
  ///   - client: asked about jobs that left no word; nil asks nobody.
  public init(
    _ states: [StepState], live: LiveTasks?, records: [JobRecord], folder: ClusterFolder, client: SlurmClient?,
    pipeline: Pipeline
  ) {
    var latest: [LiveTasks.Place: JobRecord] = [:]
    for record in records {
      for shard in IndexList.numbers(record.shards) ?? [] { latest[.init(step: record.step, shard: shard)] = record }
    }
    var broken: Set<String> = []
    var result: [StepOutlook] = []
    for state in states {
      let blocker = pipeline.dependencies(of: state.step).first { broken.contains($0.name) }?.name
      let shards = state.jobs.enumerated().map { number, job -> ShardState in
        if job.isUpToDate { return .done }
        let place = LiveTasks.Place(step: state.step.name, shard: number + 1)
        if let task = live?.tasks[place]?.task {
          return task.isWaiting ? .queued(id: task.id, reason: task.reason) : .running(id: task.id, node: task.node)
        }
        guard let record = latest[place], live != nil else { return .stale }
        return Self.ended(record, place, folder, client, blocker)
      }
      if shards.contains(where: \.isBroken) { broken.insert(state.step.name) }
      result.append(StepOutlook(step: state.step, shards: shards))
    }
    steps = result
  }

  private static func ended(
    _ record: JobRecord, _ place: LiveTasks.Place, _ folder: ClusterFolder, _ client: SlurmClient?, _ blocker: String?
  ) -> ShardState {
    let end = folder.end(of: record, shard: place.shard)
    // It ended well, and something that it goes by has changed since.
    if end?.code == 0 { return .stale }
    let path = record.log(of: place.shard).flatMap { FileStatus($0) == nil ? nil : $0 }
    // Without a log it never started.
    if path == nil, end == nil, let blocker { return .held(by: blocker) }
    let id = record.id(of: place.shard)
    let facts = end == nil && record.job != nil ? client?.facts(of: id) ?? [:] : [:]
    let failure = JobFailure(end: end, log: JobFailure.tail(of: path), facts: facts)
    return failure.kind == .unknown ? .lost(id: id, log: path) : .failed(failure, id: id, log: path)
  }
}

extension JobOutlook {
  /// `3 done, 2 running, 1 failed`.
  public static func counts(_ shards: [ShardState]) -> String {
    let counts = Dictionary(grouping: shards, by: \.word).mapValues(\.count)
    return ShardState.words.compactMap { word in counts[word].map { "\($0) \(word)" } }.joined(separator: ", ")
  }
}

extension ShardState {
  /// Whether what reads the shard cannot run before somebody submits it again.
  public var isBroken: Bool {
    switch self {
    case .failed, .lost, .held: true
    case .done, .running, .queued, .stale: false
    }
  }

  public var word: String {
    switch self {
    case .done: "done"
    case .running: "running"
    case .queued: "queued"
    case .failed: "failed"
    case .lost: "lost"
    case .held: "held"
    case .stale: "to run"
    }
  }

  static let words = ["done", "running", "queued", "failed", "lost", "held", "to run"]
}

extension JobOutlook.StepOutlook {
  /// `3 done, 2 running, 1 failed of 6 parts`; for a step that is not divided the word alone.
  public var summary: String {
    guard shards.count > 1 else { return shards.first?.word ?? "" }
    return "\(JobOutlook.counts(shards)) of \(shards.count) parts"
  }

  /// What a person may want to know beyond the counts: who runs where, what failed and why, with the ends of logs.
  ///
  /// - Parameter failures: how many failed shards are told with their logs.
  public func details(failures: Int = 3) -> [String] {
    var lines: [String] = []
    let running = shards.compactMap { state -> String? in
      if case .running(let id, let node) = state { "\(id) on \(node)" } else { nil }
    }
    if !running.isEmpty { lines.append("running: \(Self.shortened(running))") }
    let queued = shards.compactMap { state -> String? in
      guard case .queued(let id, let reason) = state else { return nil }
      return ["None", "(null)", ""].contains(reason) ? id : "\(id) (\(reason))"
    }
    if !queued.isEmpty { lines.append("queued: \(Self.shortened(queued))") }
    if case .held(let other)? = shards.first(where: { if case .held = $0 { true } else { false } }) {
      lines.append("held: \(other), which it reads, did not end well")
    }
    let broken = shards.enumerated().filter { $0.element.isBroken && $0.element.word != "held" }
    for (index, state) in broken.prefix(failures) {
      lines += Self.lines(of: state, part: shards.count > 1 ? index + 1 : nil)
    }
    if broken.count > failures { lines.append("and \(broken.count - failures) more that failed or are lost") }
    return lines
  }

  private static func shortened(_ items: [String]) -> String {
    items.prefix(4).joined(separator: ", ") + (items.count > 4 ? " and \(items.count - 4) more" : "")
  }

  private static func lines(of state: ShardState, part: Int?) -> [String] {
    let name = part.map { "part \($0), " } ?? ""
    switch state {
    case .failed(let failure, let id, let log):
      return ["failed: \(name)job \(id): \(failure.text)"] + ending(of: log)
    case .lost(let id, let log):
      return ["lost: \(name)job \(id) is not in the queue and left neither an output nor a word"] + ending(of: log)
    default: return []
    }
  }

  private static func ending(of log: String?) -> [String] {
    guard let log else { return ["  it wrote no log"] }
    let lines = JobFailure.tail(of: log).split(separator: "\n").suffix(4).map {
      "  | \(ShellText.comment(String($0.prefix(300))))"
    }
    return lines + ["  all of it: cat \(ShellText.quoted(log))"]
  }
}
