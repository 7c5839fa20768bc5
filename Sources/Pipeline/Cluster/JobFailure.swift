import Foundation
import Foundations

/// Why a task left the queue without its output, as far as its log and Slurm tell.
public struct JobFailure: Equatable, Sendable {
  public enum Kind: Equatable, Sendable {
    case outOfMemory, outOfTime, nodeFailure, cancelled
    /// The program ended with this exit code.
    case exit(Int32)
    /// No word anywhere.
    case unknown
  }

  public let kind: Kind
  public let node: String?

  public init(_ kind: Kind, node: String?) {
    self.kind = kind
    self.node = node
  }

  /// The program's own exit code for memory that the system refuses (EX_OSERR).
  private static let memoryCode: Int32 = 71

  /// - Parameters:
  ///   - end: what the task itself wrote, nil where it did not come to that.
  ///   - log: the end of its log; Slurm's daemon writes there why it ends a job.
  ///   - facts: what `scontrol show job` says, where it still knows the job.
  public init(end: TaskEnd?, log: String, facts: [String: String] = [:]) {
    let word = Self.lastWord(of: log)
    let node = end?.host ?? word?.node ?? facts["NodeList"].flatMap { $0.isEmpty || $0 == "(null)" ? nil : $0 }
    let state = facts["JobState"] ?? ""
    if end?.code == Self.memoryCode || word?.kind == .outOfMemory || state == "OUT_OF_MEMORY" {
      self.init(.outOfMemory, node: node)
    } else if word?.kind == .outOfTime || state == "TIMEOUT" {
      self.init(.outOfTime, node: node)
    } else if let end, end.code != 0, word == nil {
      self.init(.exit(end.code), node: node)
    } else if word?.kind == .nodeFailure || state == "NODE_FAIL" {
      self.init(.nodeFailure, node: node)
    } else if word?.kind == .cancelled || state == "CANCELLED" {
      self.init(.cancelled, node: node)
    } else {
      self.init((end?.code ?? Self.code(facts)).map { .exit($0) } ?? .unknown, node: node)
    }
  }

  /// What Slurm keeps of a job that failed: `ExitCode=CODE:SIGNAL`.
  private static func code(_ facts: [String: String]) -> Int32? {
    guard facts["JobState"] == "FAILED" else { return nil }
    let numbers = facts["ExitCode"]?.split(separator: ":").map { Int32($0) } ?? []
    guard numbers.count == 2, let code = numbers[0], let signal = numbers[1] else { return nil }
    return signal > 0 ? 128 + signal : code
  }

  /// The last line in which Slurm tells that it ended the job: `slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT ...
  /// DUE TO TIME LIMIT ***`. What came before belongs to earlier runs of a job that was requeued.
  private static func lastWord(of log: String) -> (kind: Kind, node: String?)? {
    for line in log.split(separator: "\n").reversed() where Self.isDaemons(line) {
      let lower = line.lowercased()
      let words = line.split(separator: " ")
      let node = words.firstIndex(of: "ON").flatMap { $0 + 1 < words.count ? String(words[$0 + 1]) : nil }
      if lower.contains("oom-kill") || lower.contains("oom_kill") || lower.contains("out of memory")
        || lower.contains("memory limit")
      {
        return (.outOfMemory, node)
      }
      if lower.contains("due to time limit") { return (.outOfTime, node) }
      if lower.contains("due to node fail") { return (.nodeFailure, node) }
      if lower.contains("cancelled at") { return (.cancelled, node) }
    }
    return nil
  }

  /// Whether a line is of Slurm's daemon: `slurmstepd: error: ...`, or `slurmstepd-n1: ...` where a machine plays
  /// several nodes.
  private static func isDaemons(_ line: Substring) -> Bool {
    let head = line.prefix { $0 != ":" }
    return head == "slurmstepd" || head == "srun" || head.hasPrefix("slurmstepd-")
  }

  /// The last bytes of a log, and nothing for one that is not there.
  public static func tail(of path: String?, bytes: Int = 16_384) -> String {
    guard let path, let handle = FileHandle(forReadingAtPath: path) else { return "" }
    defer { try? handle.close() }
    let end = (try? handle.seekToEnd()) ?? 0
    try? handle.seek(toOffset: end > UInt64(bytes) ? end - UInt64(bytes) : 0)
    return String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
  }

  /// For a person: `exit code 65 on n1`.
  public var text: String {
    let place = node.map { " on \($0)" } ?? ""
    return switch kind {
    case .outOfMemory: "out of memory\(place)"
    case .outOfTime: "out of time\(place)"
    case .nodeFailure: "the node\(node.map { " \($0)" } ?? "") failed"
    case .cancelled: "cancelled\(place)"
    case .exit(let code) where code > 128: "ended by signal \(code - 128)\(place)"
    case .exit(let code): "exit code \(code)\(place)"
    case .unknown: "no word of its end\(place)"
    }
  }
}
