import Foundations

/// Which task of an array this process is, as schedulers say it in the environment.
public struct TaskIndex: Equatable, Sendable {
  /// The variable that told it.
  public let variable: String
  public let index: Int
  /// How many tasks the array has, where the scheduler tells.
  public let count: Int?

  /// What a scheduler sets: the index, the highest index, how many tasks there are.
  private static let schedulers: [(index: String, last: String?, count: String?)] = [
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT"), ("PBS_ARRAY_INDEX", nil, nil),
    ("PBS_ARRAYID", nil, nil), ("SGE_TASK_ID", "SGE_TASK_LAST", nil), ("LSB_JOBINDEX", "LSB_JOBINDEX_END", nil),
  ]

  /// Nil where no scheduler says that this is a task of an array.
  ///
  /// - Throws: `Failure(.usage)` for a variable that is no number, or for two schedulers that say different things.
  public init?(_ environment: [String: String]) throws {
    var found: TaskIndex?
    for scheduler in Self.schedulers {
      // SGE sets "undefined" and LSF 0 for a job that is no array.
      guard let text = environment[scheduler.index], text != "undefined", text != "0" else { continue }
      guard let index = Int(text), index >= 1 else {
        throw Failure(.usage, expected: "the number of a task, from 1", found: "\"\(text)\"", item: scheduler.index)
      }
      let last = scheduler.last.flatMap { environment[$0] }.flatMap { Int($0) }
      let count = scheduler.count.flatMap { environment[$0] }.flatMap { Int($0) }
      let task = TaskIndex(variable: scheduler.index, index: index, count: last ?? count)
      if let found, found.index != index {
        throw Failure(.usage, "\(found.variable) says \(found.index) and \(scheduler.index) says \(index)")
      }
      found = found ?? task
    }
    guard let found else { return nil }
    self = found
  }

  init(variable: String, index: Int, count: Int?) {
    self.variable = variable
    self.index = index
    self.count = count
  }

  /// The shard that a task of an array over all shards runs.
  ///
  /// - Parameter given: this process's task; nil where there is none.
  /// - Throws: `Failure(.usage)` where the array has another number of tasks than the step has shards.
  public static func shard(of shards: Int, step: String, _ given: TaskIndex?) throws -> Int {
    guard let given else {
      guard shards == 1 else {
        throw Failure(
          .usage,
          "has \(shards) shards, and no scheduler says which is meant: set one of "
            + schedulers.map(\.index).joined(separator: ", "),
          item: "step \(step)")
      }
      return 1
    }
    guard given.index <= shards, given.count ?? shards == shards else {
      let found = given.count.map { "an array that ends with \($0)" } ?? "\(given.variable)=\(given.index)"
      throw Failure(
        .usage, expected: "an array of tasks 1-\(shards), one per shard", found: found, item: "step \(step)")
    }
    return given.index
  }
}
