import Foundation
import Foundations

/// What is asked of Slurm and how: `sbatch`, `squeue`, `scontrol`, `scancel`, each called as a program without a shell.
public struct SlurmClient: Sendable {
  public struct Outcome: Sendable {
    public let status: Int32
    public let output: String
    /// Standard error.
    public let words: String
  }

  public init() {}

  /// Runs a program of Slurm, found by `PATH`.
  ///
  /// - Throws: `Failure(.noInput)` where there is no such program.
  public func run(_ program: String, _ arguments: [String]) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    // What the user has set for squeue would change what is read here.
    process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SQUEUE_") }
    let (output, words) = (Pipe(), Pipe())
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = words
    try process.run()
    let errors = Collected()
    let group = DispatchGroup()
    DispatchQueue.global().async(group: group) { errors.data = words.fileHandleForReading.readDataToEndOfFile() }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    group.wait()
    process.waitUntilExit()
    guard process.terminationStatus != 127 else {
      throw Failure(.noInput, "there is no \(program) here: this is for a machine from which Slurm takes jobs")
    }
    return Outcome(
      status: process.terminationStatus, output: String(decoding: data, as: UTF8.self),
      words: String(decoding: errors.data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// What a thread leaves for the one that waits for it.
  private final class Collected: @unchecked Sendable { var data = Data() }

  private func answer(_ program: String, _ arguments: [String]) throws -> String {
    let outcome = try run(program, arguments)
    guard outcome.status == 0 else {
      throw Failure(.temporary, "Slurm does not answer: \(outcome.words)", item: program)
    }
    return outcome.output
  }

  /// The cluster's `MaxArraySize`: indices of arrays are below it.
  public func maxArraySize() throws -> Int {
    let text = try answer("scontrol", ["show", "config"])
    let line = text.split(separator: "\n").first { $0.hasPrefix("MaxArraySize") }
    guard let size = line?.split(separator: "=").last.flatMap({ Int($0.trimmingCharacters(in: .whitespaces)) }) else {
      throw Failure(
        .noInput, "`scontrol show config` tells no MaxArraySize; write `max-array-size:` into the profile")
    }
    guard size >= 2 else { throw Failure(.configuration, "this cluster takes no job arrays (MaxArraySize \(size))") }
    return size
  }

  /// Every job and every task of an array that this user has in the queue.
  public func queue() throws -> [QueuedTask] {
    let format = "%F|%K|%T|%r|%N|%k"
    let text = try answer("squeue", ["--noheader", "--array", "--user=\(getuid())", "--format=\(format)"])
    return text.split(separator: "\n").compactMap { QueuedTask(line: String($0)) }
  }

  /// Submits a job.
  ///
  /// - Parameter words: options of `sbatch`, `--parsable` among them, and the script.
  /// - Returns: Slurm's id of the job.
  /// - Throws: `Failure` with Slurm's words where it refuses.
  public func submit(_ words: [String]) throws -> String {
    let outcome = try run("sbatch", words)
    // `ID` or `ID;CLUSTER`.
    let id = outcome.output.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ";").first.map(String.init)
    guard outcome.status == 0, let id, !id.isEmpty, id.utf8.allSatisfy({ (48...57).contains($0) }) else {
      let said = outcome.words.isEmpty ? "exit code \(outcome.status), no word" : outcome.words
      throw Failure(.configuration, "Slurm refuses: \(said)", item: "sbatch")
    }
    return id
  }

  /// Cancels jobs and tasks by their ids, many in one call.
  public func cancel(_ ids: [String]) throws {
    for start in stride(from: 0, to: ids.count, by: 500) {
      let outcome = try run("scancel", Array(ids[start..<min(start + 500, ids.count)]))
      // A job that ended meanwhile is no error.
      guard outcome.status == 0 || outcome.words.contains("already") || outcome.words.contains("Invalid job id") else {
        throw Failure(.temporary, "Slurm refuses: \(outcome.words)", item: "scancel")
      }
    }
  }

  /// What Slurm still knows of a job that may have left the queue: `JobState`, `NodeList`, `ExitCode` and more. Empty
  /// where it has forgotten it, or does not answer.
  public func facts(of job: String) -> [String: String] {
    guard let outcome = try? run("scontrol", ["--oneliner", "show", "job", job]), outcome.status == 0 else {
      return [:]
    }
    let pairs = outcome.output.split(separator: "\n").first?.split(separator: " ").compactMap {
      word -> (String, String)? in
      guard let equals = word.firstIndex(of: "=") else { return nil }
      return (String(word[..<equals]), String(word[word.index(after: equals)...]))
    }
    return Dictionary(pairs ?? []) { first, _ in first }
  }
}

/// One line of the queue: a job, or one task of an array.
public struct QueuedTask: Equatable, Sendable {
  /// The job's id; of a task that of its array.
  public let job: String
  /// Nil for a job that is no array.
  public let index: Int?
  public let state: String
  public let reason: String
  public let node: String
  public let comment: String

  /// A line as `squeue --format=%F|%K|%T|%r|%N|%k` writes it; nil for any other.
  public init?(line: String) {
    let cells = line.split(separator: "|", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
    guard cells.count == 6, !cells[0].isEmpty else { return nil }
    job = cells[0]
    index = Int(cells[1])
    (state, reason, node, comment) = (cells[2], cells[3], cells[4], cells[5])
  }

  /// As Slurm's programs call it: `12`, or `12_3`.
  public var id: String { index.map { "\(job)_\($0)" } ?? job }
  public var isWaiting: Bool { ["PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"].contains(state) }
  /// Waiting for a job that failed: it will never run, though some versions of Slurm keep it.
  public var isHopeless: Bool { isWaiting && reason == "DependencyNeverSatisfied" }
}
