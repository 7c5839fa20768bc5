import Foundation
import Foundations

/// What the files of a step say about it, by the rules that make follows.
public struct StepState: Sendable {
  /// Why a step would run; the first of these that holds for any of its targets.
  public enum Reason: Equatable, Sendable, CustomStringConvertible {
    case missing(String)
    /// The parameters differ from those of the outputs: lines that went and lines that came.
    case changed(removed: [String], added: [String])
    /// A file that the step reads is newer than its output.
    case newer(String)
    /// A step that it reads will run.
    case follows(String)

    public var description: String {
      switch self {
      case .missing(let target): "\(target) does not exist"
      case .changed(let removed, let added):
        removed.isEmpty && added.isEmpty
          ? "its parameters changed"
          : "its parameters changed: " + (removed.map { "- \($0)" } + added.map { "+ \($0)" }).joined(separator: ", ")
      case .newer(let path): "\(path) is newer than its output"
      case .follows(let step): "the step \(step), which it reads, will run"
      }
    }
  }

  public let step: Step
  /// Empty for a step that is up to date by its own files.
  public let reasons: [Reason]
  /// How many of its targets are up to date.
  public let done: Int
  /// Wall time of the last run over all shards, where all have finished; nil otherwise.
  public let seconds: Double?

  /// The step's own files alone; a step that will run because of another is seen by `all(of:)`.
  public init(of step: Step, in pipeline: Pipeline) {
    self.init(of: step, in: pipeline, following: [])
  }

  private init(of step: Step, in pipeline: Pipeline, following: [String]) {
    self.step = step
    let stamp = pipeline.stamp(of: step)
    var reasons: [Reason] = []
    var done = 0
    for target in pipeline.targets(of: step) {
      let found = Self.reason(for: target, of: step, in: pipeline, stamp: stamp)
      if let found, !reasons.contains(found) { reasons.append(found) }
      if found == nil { done += 1 }
    }
    if reasons.isEmpty { reasons = following.map(Reason.follows) }
    self.reasons = reasons
    self.done = following.isEmpty ? done : 0
    seconds = Self.wallTime(of: step, in: pipeline)
  }

  public var willRun: Bool { !reasons.isEmpty }

  /// All steps, each after those it reads.
  public static func all(of pipeline: Pipeline) -> [StepState] {
    var running: Set<String> = []
    return pipeline.inOrder.map { step in
      let following = pipeline.dependencies(of: step).map(\.name).filter(running.contains)
      let state = StepState(of: step, in: pipeline, following: following)
      if state.willRun { running.insert(step.name) }
      return state
    }
  }

  /// A file touched when a shard starts, so that its wall time can be told from two time stamps.
  static func startMark(folder: String, shard: Int) -> String { "\(folder)/.started-\(shard)" }

  private static func reason(for target: String, of step: Step, in pipeline: Pipeline, stamp: String) -> Reason? {
    guard let made = modified(target) else { return .missing(target) }
    let content = pipeline.stampContent(of: step)
    let stored = try? String(contentsOfFile: stamp, encoding: .utf8)
    if stored != content { return difference(from: stored, to: content) }
    if let stamped = modified(stamp), stamped > made {
      return difference(from: try? String(contentsOfFile: "\(stamp).previous", encoding: .utf8), to: content)
    }
    for path in pipeline.prerequisites(of: step) where path != stamp {
      if let time = modified(path), time > made { return .newer(path) }
    }
    return nil
  }

  private static func difference(from old: String?, to new: String) -> Reason {
    guard let old else { return .changed(removed: [], added: []) }
    let before = old.split(separator: "\n").map(String.init)
    let after = new.split(separator: "\n").map(String.init)
    return .changed(removed: before.filter { !after.contains($0) }, added: after.filter { !before.contains($0) })
  }

  private static func wallTime(of step: Step, in pipeline: Pipeline) -> Double? {
    var total = 0.0
    for (index, target) in pipeline.targets(of: step).enumerated() {
      guard let end = modified(target), let start = modified(startMark(folder: pipeline.folder(of: step), shard: index + 1)), end >= start else { return nil }
      total += end.seconds(since: start)
    }
    return total
  }

  /// A time stamp to the nanosecond, as make compares them.
  struct Time: Comparable {
    let whole: Int
    let nanoseconds: Int

    static func < (a: Time, b: Time) -> Bool { (a.whole, a.nanoseconds) < (b.whole, b.nanoseconds) }
    func seconds(since other: Time) -> Double { Double(whole - other.whole) + Double(nanoseconds - other.nanoseconds) * 1e-9 }
  }

  static func modified(_ path: String) -> Time? {
    var information = stat()
    guard stat(path, &information) == 0 else { return nil }
    return Time(whole: information.st_mtim.tv_sec, nanoseconds: information.st_mtim.tv_nsec)
  }
}
