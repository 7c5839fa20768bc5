import Foundation

/// A last word of programs that Swift stops.
///
/// A failed check ends a release build by a signal and without a text, and an array for which there is no memory by
/// another and with the runtime's own: `failed to allocate N bytes`. The handler says what helps and lets the signal
/// end the program as it would have.
enum CrashMessage {
  /// What the handler writes: made before, since it must not take memory.
  private nonisolated(unsafe) static var outOfMemory = [UInt8]()
  private nonisolated(unsafe) static var either = [UInt8]()

  /// Address space that a program has left which is not out of memory.
  private static let enough = 64 << 20

  static func prepare(program: String) {
    let remedy = "--memory SIZE, fewer --threads or smaller images take less"
    outOfMemory = Array("\(program): out of memory: the system gives no more; \(remedy)\n".utf8)
    either = Array(
      ("\(program): stopped by a check of its own: a mistake in the program, to be reported with this command line, "
        + "or a lack of memory (\(remedy))\n")
        .utf8)
    for number in [SIGILL, SIGTRAP, SIGABRT] {
      var present = sigaction()
      // Swift's backtracer, where it is on, says more.
      guard sigaction(number, nil, &present) == 0, present.__sigaction_handler.sa_handler == nil else { continue }
      signal(number) { number in
        signal(number, SIG_DFL)
        let area = mmap(nil, CrashMessage.enough, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        let text = area == MAP_FAILED ? CrashMessage.outOfMemory : CrashMessage.either
        text.withUnsafeBytes { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
        raise(number)
      }
    }
  }
}
