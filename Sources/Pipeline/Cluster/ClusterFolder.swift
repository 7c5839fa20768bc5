import Foundation
import Foundations
import PipelineGraph
import StepFiles

/// One job that was given to Slurm: a line of `cluster/jobs.jsonl`.
public struct JobRecord: Codable, Equatable, Sendable {
  /// Slurm's id; nil from just before the job is submitted until Slurm has answered, so that a submitter that is killed
  /// between leaves a trace.
  public var job: String?
  /// Which call of `make slurm`: `0001`.
  public let submission: String
  /// Of this job's files in the submission's folder; tells it from the others there.
  public let array: String
  public let step: String
  public let isArray: Bool
  /// What an array's index is counted from.
  public let offset: Int
  /// The shards, as an `IndexList`; `1` for a step that is not divided.
  public let shards: String
  /// How often these shards ran out of memory, and of time, before.
  public let shortOfMemory: Int
  public let shortOfTime: Int
  /// Pattern of the log's path, with Slurm's %A, %a and %j.
  public let log: String
  /// In the comment of the job, so that it is found in the queue where its id was not recorded.
  public let token: String

  /// The path of the log of a shard.
  public func log(of shard: Int) -> String? {
    guard let job else { return nil }
    return log.replacingOccurrences(of: "%A", with: job).replacingOccurrences(of: "%j", with: job)
      .replacingOccurrences(of: "%a", with: "\(shard - offset)")
  }

  /// As Slurm's programs call the job of a shard.
  public func id(of shard: Int) -> String { isArray ? "\(job ?? "?")_\(shard - offset)" : job ?? "?" }

  public func contains(_ shard: Int) -> Bool { IndexList.numbers(shards)?.contains(shard) ?? false }
}

/// How a job's task ended, written by the task itself.
public struct TaskEnd: Codable, Equatable, Sendable {
  public let code: Int32
  public let host: String
  public let seconds: Double

  public init(code: Int32, host: String, seconds: Double) {
    self.code = code
    self.host = host
    self.seconds = seconds
  }

  public static func path(_ folder: String, _ array: String, shard: Int) -> String {
    "\(folder)/\(array).\(shard).json"
  }
}

/// `OUT/NAME/cluster`: which jobs were submitted, with the plan and the scripts of each submission.
public struct ClusterFolder: Sendable {
  public let path: String

  public init(_ pipeline: Pipeline) { path = "\(pipeline.folder)/cluster" }

  public var lockPath: String { "\(path)/.lock" }
  private var recordsPath: String { "\(path)/jobs.jsonl" }

  public func folder(of submission: String) -> String { "\(path)/\(submission)" }
  public func planPath(of submission: String) -> String { "\(path)/\(submission)/plan.json" }

  /// All jobs in the order of their submission; none where nothing was ever submitted.
  ///
  /// - Throws: `Failure(.data)` for a line that is no record: what is in the queue would be submitted again.
  public func records() throws -> [JobRecord] {
    guard let data = FileManager.default.contents(atPath: recordsPath) else { return [] }
    return try data.split(separator: UInt8(ascii: "\n")).enumerated().map { number, line in
      do { return try JSONDecoder().decode(JobRecord.self, from: Data(line)) } catch {
        throw Failure(
          .data,
          "line \(number + 1) is no record of a job; without this file nothing is known of what `squeue` shows",
          file: recordsPath)
      }
    }
  }

  public func write(_ records: [JobRecord]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let lines = try records.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
    try AtomicFile.write(lines.joined(), to: recordsPath)
  }

  /// The next submission's name: one more than the highest that has a folder.
  public func nextSubmission() -> String {
    let highest = StepFolder(path).names.compactMap { Int($0) }.max() ?? 0
    return String(format: "%04d", highest + 1)
  }

  public func end(of record: JobRecord, shard: Int) -> TaskEnd? {
    let file = TaskEnd.path(folder(of: record.submission), record.array, shard: shard)
    return FileManager.default.contents(atPath: file).flatMap { try? JSONDecoder().decode(TaskEnd.self, from: $0) }
  }

  /// What begins the tokens of this pipeline's jobs: the folder, whatever its name, on any file system.
  public var tokenPrefix: String {
    let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
    return "ssdd-" + SHA256.hexadecimal(of: absolute.utf8).prefix(12)
  }
}

/// The shards of this pipeline that are in the queue.
public struct LiveTasks: Sendable {
  public struct Place: Hashable, Sendable {
    public let step: String
    public let shard: Int
  }

  public struct Live: Sendable {
    public let record: JobRecord
    public let task: QueuedTask
  }

  public private(set) var tasks: [Place: Live] = [:]
  /// Ids of jobs that wait for what failed and were left in the queue.
  public private(set) var hopeless: [String] = []

  public subscript(step: String, shard: Int) -> Live? { tasks[Place(step: step, shard: shard)] }

  public init() {}

  /// Matches the queue with the records, by the job's id or by the token in its comment.
  public init(_ queue: [QueuedTask], _ records: [JobRecord]) {
    let byJob = Dictionary(records.compactMap { record in record.job.map { ($0, record) } }) { $1 }
    let byToken = Dictionary(records.map { ($0.token, $0) }) { $1 }
    for task in queue {
      let token = task.comment.split(separator: " ").last.map(String.init) ?? ""
      guard var record = byJob[task.job] ?? byToken[token] else { continue }
      if task.isHopeless {
        hopeless.append(task.id)
        continue
      }
      if record.job == nil { record.job = task.job }
      let shard = task.index.map { record.offset + $0 } ?? IndexList.numbers(record.shards)?.first ?? 1
      tasks[Place(step: record.step, shard: shard)] = Live(record: record, task: task)
    }
  }

  /// The records with the ids that the queue tells.
  public func completed(_ records: [JobRecord]) -> [JobRecord] {
    let found = Dictionary(tasks.values.map { ($0.record.token, $0.record.job) }) { first, _ in first }
    return records.map { record in
      var record = record
      if record.job == nil { record.job = found[record.token] ?? nil }
      return record
    }
  }
}
