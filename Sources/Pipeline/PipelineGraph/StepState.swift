import Foundation
import Foundations
import Recipes
import StepFiles

/// What is to be done about one job.
public enum JobState: Equatable, Sendable {
  case upToDate
  case stale(Cause)
  /// Whether it runs depends on what these steps, which will run, make.
  case waits(for: [String])

  public var isUpToDate: Bool { self == .upToDate }
}

/// What is to be done about a step, by the content of what it reads and holds.
public struct StepState: Sendable {
  public let step: Step
  /// One for each part.
  public let jobs: [JobState]
  /// Wall time of the last run over all parts, where that is known of all.
  public let seconds: Double?

  public var isUpToDate: Bool { jobs.allSatisfy(\.isUpToDate) }
  public var done: Int { jobs.count { $0.isUpToDate } }
  /// Why its first job that will surely run does.
  public var cause: Cause? { jobs.lazy.compactMap { if case .stale(let cause) = $0 { cause } else { nil } }.first }
  /// The steps whose outcome decides, where nothing else does.
  public var awaited: [String] {
    jobs.lazy.compactMap { if case .waits(let names) = $0 { names } else { nil } }.first ?? []
  }
}

/// Finds out what a pipeline has to do, and tells why.
///
/// It compares what made each output with what would make it now. Times decide nothing.
public struct Planner {
  public let pipeline: Pipeline
  public let maker: RecipeMaker
  /// Names of steps or of families that are to run although they are up to date.
  public let forced: Set<String>
  private let times: RunTimes

  /// - Throws: `Failure(.usage)` for a forced step that there is not.
  public init(_ pipeline: Pipeline, maker: RecipeMaker? = nil, forced: [String] = []) throws {
    self.pipeline = pipeline
    self.maker = maker ?? RecipeMaker(cache: DigestCache(pipeline.digestsPath))
    for name in forced where pipeline.cells(of: name).isEmpty { throw pipeline.unknownStep(name) }
    self.forced = Set(forced)
    times = RunTimes(pipeline.timesPath)
  }

  /// All steps, each after those that it reads.
  public func states() -> [StepState] {
    let order = pipeline.inOrder
    let found = Self.inspect(order.map { (pipeline.stepFolder(of: $0), pipeline.parts(of: $0)) })
    var running: Set<String> = []
    return zip(order, found).map { step, found in
      let awaited = pipeline.dependencies(of: step).map(\.name).filter(running.contains)
      let jobs = zip(pipeline.jobs(of: step), found).map { job, found in
        self.state(of: job, step, found, awaited: awaited)
      }
      let result = StepState(step: step, jobs: jobs, seconds: times.seconds(of: step.name, parts: jobs.count))
      if !result.isUpToDate { running.insert(step.name) }
      return result
    }
  }

  // MARK: One job

  /// What lies in a step's folder for one part.
  private enum Found: Sendable {
    case nothing
    case outputs
    case unreadable(String)
    case completion(Completion, defect: String?)
  }

  /// Looks at completion files and lists of all steps, on all processors.
  private static func inspect(_ steps: [(folder: StepFolder, parts: [Part?])]) -> [[Found]] {
    let all = steps.enumerated().flatMap { index, step in step.parts.indices.map { (index, $0) } }
    let results = Slots<Found>(count: all.count, .nothing)
    DispatchQueue.concurrentPerform(iterations: all.count) { place in
      let (step, part) = all[place]
      results.set(place, inspect(steps[step].folder, steps[step].parts[part]))
    }
    var result = steps.map { $0.parts.map { _ in Found.nothing } }
    for (place, (step, part)) in all.enumerated() { result[step][part] = results.values[place] }
    return result
  }

  private static func inspect(_ folder: StepFolder, _ part: Part?) -> Found {
    do {
      guard let completion = try folder.completion(part) else {
        let isEmpty = folder.names.allSatisfy { $0.hasPrefix(".lock") }
        return isEmpty ? .nothing : .outputs
      }
      return .completion(completion, defect: try folder.defect(of: part, completion))
    } catch let failure as Failure {
      return .unreadable("\(failure)")
    } catch {
      return .unreadable("\(error)")
    }
  }

  private func state(of job: Job, _ step: Step, _ found: Found, awaited: [String]) -> JobState {
    if forced.contains(step.name) || forced.contains(step.family) { return .stale(.forced) }
    switch found {
    case .nothing: return .stale(.missing)
    case .outputs: return .stale(hasOldStamp(step) ? .unknownMaker(Self.oldStamp) : .incomplete)
    case .unreadable(let what): return .stale(.unknownMaker(what))
    case .completion(let completion, let defect):
      let stored = Recipe(completion.recipe)
      if stored.isEmpty { return .stale(.unknownMaker("its outputs do not say what made them (--no-provenance)")) }
      let own = RecipeMaker.own(job.assignment).differences(from: stored.own)
      if !own.isEmpty { return .stale(.differs(own)) }
      if let defect { return .stale(.damaged(defect)) }
      return state(of: job, stored, awaited)
    }
  }

  /// Compares what the job reads; of steps that will run it cannot know yet.
  private func state(of job: Job, _ stored: Recipe, _ awaited: [String]) -> JobState {
    let unknown = Set(
      awaited.flatMap { name in pipeline[name].map { [pipeline.output(of: $0), pipeline.folder(of: $0)] } ?? [] })
    do {
      let (recipe, open) = try maker.recipe(of: job.assignment, without: unknown)
      let differences = recipe.differences(from: stored).filter { !open($0.name) }
      if !differences.isEmpty { return .stale(.differs(differences)) }
      return awaited.isEmpty ? .upToDate : .waits(for: awaited)
    } catch let failure as Failure {
      return .stale(.unreadable("\(failure)"))
    } catch {
      return .stale(.unreadable("\(error)"))
    }
  }

  private static let oldStamp = "an earlier version of this project made it, which did not record what is needed here"

  private func hasOldStamp(_ step: Step) -> Bool { FileStatus("\(pipeline.folder(of: step))/.parameters") != nil }

  // MARK: Telling

  /// The first cause, in words: `bilateral-spread was 80, is 60`.
  public func reason(of state: StepState) -> String? {
    if let cause = state.cause { return CauseText(pipeline: pipeline, step: state.step).text(of: cause) }
    guard !state.isUpToDate else { return nil }
    return "it reads \(state.awaited.joined(separator: ", ")), which will run"
  }

  /// The first cause of a step and, one line each, the chain of steps to the one that it comes from.
  public func explanation(of state: StepState, among states: [StepState]) -> [String] {
    var lines: [String] = []
    var seen: Set<String> = []
    var next: StepState? = state
    while let current = next, seen.insert(current.step.name).inserted, let reason = reason(of: current) {
      lines.append("\(String(repeating: "  ", count: lines.count))\(current.step.name): \(reason)")
      if let maker = remadeInput(of: current, among: states) {
        let indent = String(repeating: "  ", count: lines.count)
        lines.append(
          "\(indent)\(maker) itself is up to date: it ran since and gave other bits, as other threads or processors do")
      }
      next =
        current.cause == nil ? current.awaited.first.flatMap { name in states.first { $0.step.name == name } } : nil
    }
    return lines
  }
}

extension Planner {
  /// The step, itself up to date, whose output is other than when `state`'s step read it, where that is the first
  /// cause.
  private func remadeInput(of state: StepState, among states: [StepState]) -> String? {
    guard case .differs(let differences)? = state.cause, let first = differences.first, first.old != nil,
      first.new != nil,
      let input = state.step.inputs.first(where: { "input \($0.recipeName)" == first.name }),
      case .step(let name) = input.source,
      states.first(where: { $0.step.name == name })?.isUpToDate == true
    else { return nil }
    return name
  }
}

extension Recipe {
  /// The entries that depend on no file.
  var own: Recipe {
    Recipe(
      entries.filter { name, _ in
        !name.hasPrefix("manifest ") && (!name.hasPrefix("input ") || name.hasSuffix(", order"))
      })
  }
}

/// Places that several threads fill, each its own.
private final class Slots<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private(set) var values: [Value]

  init(count: Int, _ value: Value) { values = Array(repeating: value, count: count) }

  func set(_ place: Int, _ value: Value) { lock.withLock { values[place] = value } }
}
