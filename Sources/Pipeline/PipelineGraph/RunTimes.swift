import Foundation
import Foundations
import StageInterface

/// How long each job took the last time, in `times.tsv` beside the rules. Outputs hold no times, so this file is the
/// pipeline's own. `memory.tsv` has the most bytes that each job held, in the same way.
public struct RunTimes {
  private var seconds: [String: Double] = [:]

  /// An unreadable file counts as empty.
  public init(_ path: String) {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return }
    for line in text.split(separator: "\n") {
      let cells = line.split(separator: "\t")
      if cells.count == 2, let value = Double(cells[1]), value >= 0 { seconds[String(cells[0])] = value }
    }
  }

  /// The job's last time; nil where it is not known.
  public func seconds(of job: Job) -> Double? { value(of: job) }

  /// The job's last number, whatever the file is of.
  public func value(of job: Job) -> Double? {
    seconds[Self.key(job.step, job.assignment.shards > 1 ? job.assignment.shard : nil)]
  }

  /// The sum over a step's parts; nil unless all are known.
  func seconds(of step: String, parts: Int) -> Double? {
    let known = (1...max(parts, 1)).compactMap { seconds[Self.key(step, parts > 1 ? $0 : nil)] }
    return known.count == parts ? known.reduce(0, +) : nil
  }

  private static func key(_ step: String, _ shard: Int?) -> String { shard.map { "\(step) \($0)" } ?? step }

  /// Adds a time. Jobs that end together write one after the other; the last line of a job counts.
  public static func add(_ value: Double, of job: Job, to path: String) {
    let key = key(job.step, job.assignment.shards > 1 ? job.assignment.shard : nil)
    let line = "\(key)\t\(String(format: "%.1f", value))\n"
    let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { return }
    _ = Foundation.write(file, line, line.utf8.count)
    close(file)
  }
}

extension Pipeline {
  /// Files of the pipeline itself, beside its steps' folders.
  public var timesPath: String { "\(folder)/times.tsv" }
  public var memoryPath: String { "\(folder)/memory.tsv" }
  public var digestsPath: String { "\(folder)/digests.tsv" }
  public var lockPath: String { "\(folder)/.lock" }
  public var planPath: String { "\(folder)/plan.json" }
  public var rulesPath: String { "\(folder)/rules.mk" }

  /// `Failure(.usage)` that tells the nearest name of a step.
  public func unknownStep(_ name: String) -> Failure {
    let family = name.split(separator: "/").first.map(String.init) ?? name
    let names = name.contains("/") && families.contains(family) ? cells(of: family).map(\.name) : families
    let nearest =
      nearestName(to: name, among: names).map { "; did you mean \"\($0)\"?" } ?? "; `make status` lists them"
    return Failure(.usage, "has no step \"\(name)\"\(nearest)", file: file)
  }
}

extension Pipeline {
  /// Whether some stage has a parameter of that name.
  public static func isParameterName(_ name: String) -> Bool {
    StageCatalogue.standard.stages.contains { $0.parameter(name) != nil }
      || PipelineReader.commonParameters.contains(name)
  }
}
