import Foundation
import Synchronization

/// The threads behind `Parallel`: as many as are asked for, at most one fewer than processors, started when first
/// needed and kept.
///
/// A loop of a kernel takes a tenth of a millisecond as often as not, and to wake a sleeping thread takes as long. So
/// a thread that has run out of work looks for more for a while before it sleeps, giving way to other threads of the
/// machine meanwhile.
final class Workers: Sendable {
  static let shared = Workers()

  /// How long a thread looks for work, or for the end of what others do, before it sleeps.
  private static let patience: UInt64 = 200_000

  private struct State {
    var threads = 0
    var sleeping = 0
    /// Jobs that may have units which nobody has begun.
    var jobs: [Job] = []
  }

  private let most = ProcessInfo.processInfo.activeProcessorCount - 1
  // Both conditions guard what is beside them.
  private let awake = NSCondition()
  nonisolated(unsafe) private var state = State()
  private let finished = NSCondition()
  /// Number of jobs so far.
  private let generation = Atomic<Int>(0)

  /// Calls `body(unit)` once for every unit of 0..<units, on this thread and up to `helpers` others. Returns when all
  /// are done.
  ///
  /// Units are begun in order; any thread may run any of them. Units may call this too.
  func run(_ units: Int, helpers: Int, _ body: (Int) -> Void) {
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { body in
        let job = Job(units: units, body: body)
        publish(job, helpers: min(helpers, most))
        job.help(finished)
        withdraw(job)
        wait(for: job)
      }
    }
  }

  private func publish(_ job: Job, helpers: Int) {
    awake.lock()
    state.jobs.append(job)
    generation.add(1, ordering: .sequentiallyConsistent)
    let wakeups = min(helpers, state.sleeping)
    while state.threads < helpers {
      state.threads += 1
      Thread.detachNewThread { self.work() }
    }
    awake.unlock()
    for _ in 0..<wakeups { awake.signal() }
  }

  private func withdraw(_ job: Job) {
    awake.lock()
    if let index = state.jobs.lastIndex(where: { $0 === job }) { state.jobs.remove(at: index) }
    awake.unlock()
  }

  private func wait(for job: Job) {
    if Self.isSoon({ job.isFinished }) { return }
    finished.lock()
    job.isAwaited.store(true, ordering: .sequentiallyConsistent)
    while !job.isFinished { finished.wait() }
    finished.unlock()
  }

  /// What a thread of the pool does for ever.
  private func work() {
    while true {
      let (job, seen) = next()
      if let job {
        job.help(finished)
      } else if !Self.isSoon({ self.generation.load(ordering: .acquiring) != seen }) {
        sleep(seen)
      }
    }
  }

  private func next() -> (job: Job?, generation: Int) {
    awake.lock()
    defer { awake.unlock() }
    return (state.jobs.last(where: \.hasUnits), generation.load(ordering: .relaxed))
  }

  /// Until there is a job later than `seen`.
  private func sleep(_ seen: Int) {
    awake.lock()
    state.sleeping += 1
    while generation.load(ordering: .relaxed) == seen { awake.wait() }
    state.sleeping -= 1
    awake.unlock()
  }

  /// Whether `condition` came true while patience lasted.
  @inline(__always)
  private static func isSoon(_ condition: () -> Bool) -> Bool {
    let start = clock
    repeat {
      for _ in 0..<256 where condition() { return true }
      sched_yield()
    } while clock &- start < patience
    return condition()
  }

  private static var clock: UInt64 { DispatchTime.now().uptimeNanoseconds }
}

/// A loop that several threads share. Its body lives in the frame of the call that waits for the end: whoever has
/// begun a unit may use it.
private final class Job: @unchecked Sendable {
  private let units: Int
  private let body: UnsafePointer<(Int) -> Void>
  private let begun = Atomic<Int>(0)
  private let done = Atomic<Int>(0)
  /// Whether somebody sleeps until the end.
  let isAwaited = Atomic<Bool>(false)

  init(units: Int, body: UnsafePointer<(Int) -> Void>) {
    self.units = units
    self.body = body
  }

  var hasUnits: Bool { begun.load(ordering: .relaxed) < units }
  var isFinished: Bool { done.load(ordering: .sequentiallyConsistent) == units }

  /// Runs units until all are begun.
  func help(_ finished: NSCondition) {
    while hasUnits {
      let unit = begun.add(1, ordering: .relaxed).oldValue
      guard unit < units else { return }
      run(unit)
      let count = done.add(1, ordering: .sequentiallyConsistent).newValue
      if count == units, isAwaited.load(ordering: .sequentiallyConsistent) {
        finished.lock()
        finished.broadcast()
        finished.unlock()
      }
    }
  }

  /// In a function of its own, so that nothing of the body is held when the unit counts as done.
  @inline(never) private func run(_ unit: Int) { body.pointee(unit) }
}
