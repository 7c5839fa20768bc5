import Foundation
import Foundations

/// Ends the program, naming the input, where one takes more than 5 s of processor time, 600 s by the clock or 1 GiB of
/// memory beyond the start, or ends in a signal.
struct Watchdog {
  /// Seconds of processor time for one input.
  static let mostSeconds = 5
  /// Seconds by the clock for one input, for what waits instead of working. On a busy machine a reading process may
  /// wait long for the two seconds of the processor that it has.
  static let mostWaiting: UInt32 = 600
  /// Memory that inputs may take beside what the program had at its start, in KiB.
  static let mostMemory = 1 << 20

  private let start = Watchdog.peakMemory

  init(target: String) {
    watched.begin(target)
    // Its own stack, so that one that ran over is told too.
    var stack = stack_t(
      ss_sp: UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 16), ss_flags: 0, ss_size: 1 << 16)
    sigaltstack(&stack, nil)
    for number in [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGPROF, SIGALRM] {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { watched.tell(signal: $0) }
      action.sa_flags = SA_ONSTACK
      sigaction(number, &action, nil)
    }
  }

  /// Runs `body` for input number `index`; returns the seconds that it took by the clock.
  func watch(_ index: Int, _ body: () throws -> Void) throws -> Double {
    watched.index = index
    Self.setTimer(Self.mostSeconds)
    alarm(Self.mostWaiting)
    let clock = ContinuousClock()
    let began = clock.now
    defer {
      Self.setTimer(0)
      alarm(0)
    }
    try body()
    let taken = Self.peakMemory - start
    guard taken <= Self.mostMemory else {
      throw Failure(.software, "took \(taken) KiB of memory; \(Self.mostMemory) are allowed")
    }
    return Double((clock.now - began).components.attoseconds) * 1e-18 + Double((clock.now - began).components.seconds)
  }

  /// The most memory that this process had in use, in KiB.
  static var peakMemory: Int {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return usage.ru_maxrss
  }

  private static func setTimer(_ seconds: Int) {
    var timer = itimerval(it_interval: timeval(), it_value: timeval(tv_sec: seconds, tv_usec: 0))
    setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
  }
}

/// What a signal's handler tells. It is written before and read within a handler, so it is nothing but memory that
/// was set aside.
private struct Watched {
  private let text = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
  private var length = 0
  var index = 0

  mutating func begin(_ target: String) {
    let bytes = Array("fuzz \(target): input ".utf8.prefix(128))
    text.update(from: bytes, count: bytes.count)
    length = bytes.count
  }

  /// Writes `fuzz TARGET: input N: signal S` and ends the program.
  func tell(signal: Int32) -> Never {
    var end = append(index, at: length)
    for byte in ": signal ".utf8 {
      text[end] = byte
      end += 1
    }
    end = append(Int(signal), at: end)
    text[end] = 10
    write(2, text, end + 1)
    _exit(1)
  }

  private func append(_ number: Int, at start: Int) -> Int {
    var (rest, digits) = (number, 1)
    while rest >= 10 { (rest, digits) = (rest / 10, digits + 1) }
    rest = number
    for place in stride(from: start + digits - 1, through: start, by: -1) {
      text[place] = UInt8(48 + rest % 10)
      rest /= 10
    }
    return start + digits
  }
}

nonisolated(unsafe) private var watched = Watched()
