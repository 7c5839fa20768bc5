import Foundation

/// Tells how far a long piece of work is: one line that rewrites itself on a terminal, a plain line now and then in a
/// log.
///
/// Not thread-safe: one thread reports.
public final class Progress {
  private let name: String
  private let unit: String
  private let total: Int
  private let isQuiet: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let start = ContinuousClock.now
  private var done: Int
  private let startedAt: Int
  private var nextReport: ContinuousClock.Instant
  private var interval = Duration.seconds(2)

  /// - Parameters:
  ///   - unit: what is counted, in the plural: `images`, `steps`.
  ///   - alreadyDone: how many were done before, in a run that is resumed; they do not count for the rate.
  public init(_ name: String, total: Int, unit: String, alreadyDone: Int = 0, quiet: Bool = false) {
    self.name = name
    self.unit = unit
    self.total = total
    self.done = alreadyDone
    self.startedAt = alreadyDone
    self.isQuiet = quiet
    nextReport = start.advanced(by: .milliseconds(isTerminal ? 200 : 2000))
  }

  /// One more is done; `note` is a short extra such as `loss 0.123`.
  public func advance(_ note: @autoclosure () -> String = "") {
    done += 1
    let now = ContinuousClock.now
    guard !isQuiet, now >= nextReport || (isTerminal && done == total) else { return }
    // A log gets fewer lines the longer the work runs: after 2 s, 4 s, 8 s ... at most one per minute.
    if !isTerminal { interval = min(interval * 2, .seconds(60)) }
    nextReport = now.advanced(by: isTerminal ? .milliseconds(200) : interval)
    let line = self.line(after: now - start, note: note())
    write(isTerminal ? "\r\u{1B}[K\(line)" : "\(line)\n")
  }

  /// Ends the line with what the whole took.
  public func finish() {
    guard !isQuiet else { return }
    let elapsed = ContinuousClock.now - start
    write("\(isTerminal ? "\r\u{1B}[K" : "")\(name): \(done) \(unit) in \(Self.clock(elapsed))\n")
  }

  /// `cam-infer: 120/751 images, 8.2/s, 1:17 left, NOTE`.
  func line(after elapsed: Duration, note: String) -> String {
    let seconds = max(elapsed / .seconds(1), 1e-6)
    let rate = Double(done - startedAt) / seconds
    let left = rate > 0 ? Duration.seconds(Double(total - done) / rate) : .zero
    let speed = rate >= 1 || rate == 0 ? String(format: "%.1f/s", rate) : String(format: "%.1f s each", 1 / rate)
    return "\(name): \(done)/\(total) \(unit), \(speed), \(Self.clock(left)) left\(note.isEmpty ? "" : ", \(note)")"
  }

  /// `0:07`, `12:30`, `2:05:00`.
  public static func clock(_ duration: Duration) -> String {
    let seconds = Int((duration / .seconds(1)).rounded())
    return seconds < 3600
      ? String(format: "%d:%02d", seconds / 60, seconds % 60)
      : String(format: "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60)
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
