import Foundation
import StageInterface
import Yams

/// What the job of a step asks of a cluster; what is nil is left to the next who is asked: the step's key
/// `resources:`, then the site's profile, then what the last run took.
///
/// It decides where and how a step runs, never what it makes, so it is no part of a recipe.
public struct ResourceRequest: Codable, Equatable, Sendable {
  /// Processor cores of each process. A step with `threads: 0` computes with as many threads.
  public var cores: Int?
  /// Bytes of memory on each node.
  public var memory: Int?
  /// The time limit in seconds.
  public var seconds: Int?
  public var partition: String?
  public var account: String?
  public var qos: String?
  public var constraint: String?
  public var nodes: Int?
  /// Processes on each node, for a stage that runs as several.
  public var ranksPerNode: Int?
  /// Further options of `sbatch`, each one word, passed on as they are.
  public var flags: [String]?

  public init(cores: Int? = nil, memory: Int? = nil, seconds: Int? = nil) {
    self.cores = cores
    self.memory = memory
    self.seconds = seconds
  }

  /// The same with what it leaves open taken from `other`.
  public func filled(from other: ResourceRequest) -> ResourceRequest {
    var result = self
    result.cores = cores ?? other.cores
    result.memory = memory ?? other.memory
    result.seconds = seconds ?? other.seconds
    result.partition = partition ?? other.partition
    result.account = account ?? other.account
    result.qos = qos ?? other.qos
    result.constraint = constraint ?? other.constraint
    result.nodes = nodes ?? other.nodes
    result.ranksPerNode = ranksPerNode ?? other.ranksPerNode
    result.flags = flags ?? other.flags
    return result
  }
}

/// A length of time as people write it for a scheduler.
public enum TimeLimit {
  /// Seconds of `90s`, `30m`, `12h`, `2d`, `12:30:00`, `2-12:00:00`; nil for anything else, for zero and for more than
  /// a year. A bare number is refused, since schedulers disagree about its unit.
  public static func seconds(_ text: String) -> Int? {
    let longest = 366 * 86_400
    let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    if let unit = text.last.flatMap({ units[$0] }) {
      guard let count = number(text.dropLast()), count > 0, count <= longest / unit else { return nil }
      return count * unit
    }
    let halves = text.split(separator: "-", omittingEmptySubsequences: false)
    guard halves.count <= 2, let clock = halves.last else { return nil }
    let days = halves.count == 2 ? number(halves[0]) : 0
    let fields = clock.split(separator: ":", omittingEmptySubsequences: false).map { number($0) }
    guard fields.count == 3, let days, days <= 366, let hours = fields[0], let minutes = fields[1],
      let seconds = fields[2], hours < 10_000, minutes < 60, seconds < 60
    else { return nil }
    let total = days * 86_400 + hours * 3600 + minutes * 60 + seconds
    return total > 0 && total <= longest ? total : nil
  }

  /// Digits only: `Int` would take a sign.
  private static func number(_ text: Substring) -> Int? {
    text.isEmpty || text.utf8.count > 9 || !text.utf8.allSatisfy { (48...57).contains($0) } ? nil : Int(text)
  }

  /// `2-12:00:00`, or `0:30:00` below a day: what `seconds` reads.
  public static func text(_ seconds: Int) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
    let clock = String(format: "%d:%02d:%02d", hours, minutes, seconds % 60)
    return days > 0 ? "\(days)-\(clock)" : clock
  }
}

extension YAMLReading {
  static let resourceKeys = [
    "cores", "memory", "time", "partition", "account", "qos", "constraint", "nodes", "ranks-per-node", "flags",
  ]

  /// A mapping of resources; reports every key and value that is wrong.
  ///
  /// - Parameter what: whose they are, for messages: `resources of step cam`.
  mutating func resources(_ node: Node?, _ what: String) -> ResourceRequest {
    var request = ResourceRequest()
    for (key, name, value) in pairs(node, what) {
      switch name {
      case "cores": request.cores = integer(value, "cores", in: 1...4096)
      case "nodes": request.nodes = integer(value, "nodes", in: 1...100_000)
      case "ranks-per-node": request.ranksPerNode = integer(value, "ranks-per-node", in: 1...4096)
      case "memory": request.memory = memory(value)
      case "time": request.seconds = duration(value, "time")
      case "partition": request.partition = schedulerName(value, name)
      case "account": request.account = schedulerName(value, name)
      case "qos": request.qos = schedulerName(value, name)
      case "constraint": request.constraint = schedulerName(value, name)
      case "flags": request.flags = schedulerFlags(value)
      default: reportUnknown("key of \(what)", name, among: Self.resourceKeys, at: key)
      }
    }
    return request
  }

  /// Bytes of `12G`.
  mutating func memory(_ node: Node) -> Int? {
    guard let text = text(node, "memory such as 12G") else { return nil }
    // A bare number would be bytes to us and megabytes to Slurm.
    guard let last = text.last, "KMGkmg".contains(last), let size = MemorySize(argument: text) else {
      report("memory: expected a size such as 800M or 12G, found \"\(text)\"", at: node)
      return nil
    }
    return size.bytes
  }

  mutating func duration(_ node: Node, _ what: String) -> Int? {
    guard let text = text(node, "\(what) such as 12h or 1-12:00:00") else { return nil }
    guard let seconds = TimeLimit.seconds(text) else {
      report("\(what): expected a time such as 30m, 12h, 2d, 12:30:00 or 2-12:00:00, found \"\(text)\"", at: node)
      return nil
    }
    return seconds
  }

  /// A name or an expression of the site's. It reaches `sbatch` as one word, without a shell between.
  private mutating func schedulerName(_ node: Node, _ what: String) -> String? {
    guard let text = text(node, what) else { return nil }
    guard !text.isEmpty, !text.hasPrefix("-"), Self.isPrintable(text) else {
      report("\(what): expected a name without line breaks that starts with no \"-\", found \"\(text)\"", at: node)
      return nil
    }
    return text
  }

  /// What the pipeline itself tells `sbatch`, by long names; a profile that set it would undo what is recorded.
  private static let ownFlags: Set<String> = [
    "array", "chdir", "comment", "dependency", "error", "help", "hold", "job-name",
    "kill-on-invalid-dep", "no-requeue", "open-mode", "output", "parsable", "quiet", "requeue", "signal", "test-only",
    "usage", "version", "wait", "wrap",
  ]

  private mutating func schedulerFlags(_ node: Node) -> [String]? {
    guard let items = node.sequence else {
      report("flags: expected a list such as [--exclusive], found \(node.found)", at: node)
      return nil
    }
    var flags: [String] = []
    for item in items {
      guard let text = text(item, "an option of sbatch") else { continue }
      let name = text.dropFirst(2).prefix { $0 != "=" }
      guard text.hasPrefix("--"), !name.isEmpty, Self.isPrintable(text) else {
        report("flags: expected long options as one word each, such as --mail-type=FAIL, found \"\(text)\"", at: item)
        continue
      }
      guard !Self.ownFlags.contains(where: { $0.hasPrefix(name) }) else {
        report("flags: the pipeline itself tells sbatch --\(name)", at: item)
        continue
      }
      flags.append(text)
    }
    return flags
  }

  static func isPrintable(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
  }
}
