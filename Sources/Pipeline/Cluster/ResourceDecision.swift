import Foundations
import PipelineGraph

/// Decides what a step's jobs ask for.
///
/// From the most particular to the least: the profile's `steps:`, the step's `resources:` in the pipeline file, the
/// profile's `stages:`, what its last run took with a margin, the profile's `defaults:`. A key that none of them has is
/// not asked for, which leaves it to the site.
public struct ResourceDecision {
  public let profile: ClusterProfile
  private let times: RunTimes
  private let memory: RunTimes

  /// - Parameters:
  ///   - times: seconds that jobs took.
  ///   - memory: bytes that they held at most.
  public init(_ profile: ClusterProfile, times: RunTimes, memory: RunTimes) {
    self.profile = profile
    self.times = times
    self.memory = memory
  }

  /// How much more is asked for after `count` jobs that had too little: 1, 1.5, 2, 4, 8 times and so on.
  public static func factor(_ count: Int) -> Double {
    count < 2 ? [1, 1.5][max(count, 0)] : Double(1 << min(count - 1, 20))
  }

  /// - Parameters:
  ///   - jobs: of the step, those that will run.
  ///   - shortOfMemory: how often they ran out of it before; so `shortOfTime`.
  /// - Throws: `Failure(.configuration)` where they had as much as the limits let and it was not enough.
  public func request(_ step: Step, _ jobs: [Job], shortOfMemory: Int = 0, shortOfTime: Int = 0) throws
    -> ResourceRequest
  {
    var request = (profile.steps[step.family] ?? ResourceRequest()).filled(from: step.resources)
    request = request.filled(from: profile.stages[step.stage.name] ?? ResourceRequest())
    request = request.filled(from: known(step, jobs)).filled(from: profile.defaults)
    request.cores = request.cores ?? 1
    request.memory = try grown(request.memory, shortOfMemory, limit: profile.largestMemory, "memory", step)
    request.seconds = try grown(request.seconds, shortOfTime, limit: profile.longestSeconds, "time", step)
    return request
  }

  /// What the last run of these jobs took: its memory half as much again, its time twice and five minutes.
  private func known(_ step: Step, _ jobs: [Job]) -> ResourceRequest {
    let seconds = jobs.map { times.value(of: $0) }
    let bytes = jobs.map { memory.value(of: $0) }
    let longest = seconds.contains { $0 == nil } ? nil : seconds.compactMap { $0 }.max()
    let largest = bytes.contains { $0 == nil } ? nil : bytes.compactMap { $0 }.max()
    return ResourceRequest(
      cores: step.threads > 0 ? step.threads : nil, memory: largest.map { Int($0 * 1.5) + (256 << 20) },
      seconds: longest.map { Int(($0 * 2 + 300).rounded(.up)) })
  }

  private func grown(_ base: Int?, _ count: Int, limit: Int?, _ what: String, _ step: Step) throws -> Int? {
    guard let base else { return nil }
    let wanted = Int(Double(base) * Self.factor(count))
    guard let limit, wanted > limit else { return wanted }
    let before = count > 0 ? Int(Double(base) * Self.factor(count - 1)) : 0
    guard count == 0 || before < limit else {
      throw Failure(
        .configuration,
        "ran out of \(what) with as much as `limits:` of the profile lets; a larger limit, or less to do, helps",
        item: "step \(step.name)")
    }
    return limit
  }
}
