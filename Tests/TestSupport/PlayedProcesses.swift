import Foundation
import NeuralNet
import Tensors

/// The processes of a data-parallel training, each played by a thread with a network and a share of the batch of its
/// own.
public enum PlayedProcesses {
  /// What one process did.
  public struct Outcome: Sendable {
    public let record: TrainingRecord
    /// Gradients by parameter name, added over all processes and finished.
    public let gradients: [String: Tensor]
    /// Names of the parameters in the order in which their gradients were complete.
    public let completed: [String]
  }

  /// Runs `body` once per share, all at the same time; it runs a step on the samples of its range with the share given
  /// and returns record and network.
  public static func run(
    _ ranges: [Range<Int>],
    _ body: @escaping @Sendable (Range<Int>, any BatchShare) throws -> (TrainingRecord, any Module)
  ) throws -> [Outcome] {
    let meeting = Meeting(count: ranges.count)
    let results = Results(count: ranges.count)
    for (rank, range) in ranges.enumerated() {
      let thread = Thread {
        let share = PlayedShare(rank: rank, firstSample: range.lowerBound, meeting: meeting)
        results.put(
          Result {
            let (record, module) = try body(range, share)
            let gradients = module.parameters.compactMap { parameter in parameter.gradient.map { (parameter.name, $0) }
            }
            return Outcome(
              record: record, gradients: Dictionary(uniqueKeysWithValues: gradients), completed: share.completed)
          }, at: rank)
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
    return try results.all().map { try $0.get() }
  }
}

/// One process's share: sums are made in the order of the processes.
private final class PlayedShare: BatchShare {
  let firstSample: Int
  private let rank: Int
  private let meeting: Meeting
  private(set) var completed: [String] = []

  init(rank: Int, firstSample: Int, meeting: Meeting) {
    self.rank = rank
    self.firstSample = firstSample
    self.meeting = meeting
  }

  func added(_ numbers: [Double]) -> [Double] { meeting.added(numbers, rank: rank) }

  func gradientIsComplete(_ parameter: Parameter) { completed.append(parameter.name) }

  func waitForGradients(of module: any Module) {
    for parameter in module.parameters where parameter.wantsGradient {
      let own = parameter.gradient?.values.map(Double.init) ?? [Double](repeating: 0, count: parameter.shape.count)
      let sum = added([parameter.gradient == nil ? 0 : 1] + own)
      parameter.gradient = sum[0] == 0 ? nil : Tensor(parameter.shape, sum.dropFirst().map { Float($0) })
    }
  }
}

/// Where all processes meet to add numbers up.
private final class Meeting: @unchecked Sendable {
  private let condition = NSCondition()
  private var numbers: [[Double]]
  private var sum: [Double] = []
  private var (arrived, round) = (0, 0)

  init(count: Int) { numbers = Array(repeating: [], count: count) }

  func added(_ own: [Double], rank: Int) -> [Double] {
    condition.lock()
    defer { condition.unlock() }
    numbers[rank] = own
    arrived += 1
    if arrived == numbers.count {
      sum = numbers.dropFirst().reduce(numbers[0]) { zip($0, $1).map(+) }
      (arrived, round) = (0, round + 1)
      condition.broadcast()
      return sum
    }
    let mine = round
    while round == mine { condition.wait() }
    return sum
  }
}

/// What the threads leave, for the one that waits.
private final class Results: @unchecked Sendable {
  private let condition = NSCondition()
  private var results: [Result<PlayedProcesses.Outcome, any Error>?]

  init(count: Int) { results = Array(repeating: nil, count: count) }

  func put(_ result: Result<PlayedProcesses.Outcome, any Error>, at rank: Int) {
    condition.lock()
    results[rank] = result
    condition.broadcast()
    condition.unlock()
  }

  func all() -> [Result<PlayedProcesses.Outcome, any Error>] {
    condition.lock()
    defer { condition.unlock() }
    while results.contains(where: { $0 == nil }) { condition.wait() }
    return results.compactMap { $0 }
  }
}
