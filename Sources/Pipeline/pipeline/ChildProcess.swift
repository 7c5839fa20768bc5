import CProcess
import Foundation
import Foundations

/// A program that is started and waited for. Unlike Foundation's `Process` it stays in this process group, so that an
/// interrupt at the terminal reaches it, and it inherits open files, so that it holds the locks that make holds.
enum ChildProcess {
  enum End: Equatable {
    case exit(Int32)
    case signal(Int32)
  }

  /// Runs a program to its end. A SIGTERM to this process goes on to it, so that it can save what it has.
  ///
  /// - Parameter words: path of the program, and its arguments.
  /// - Returns: how it ended, and the most bytes of memory that it held.
  static func run(_ words: [String], adding variables: [String: String]) throws -> (end: End, memory: Int) {
    let environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
    let arguments = words.map { strdup($0) } + [nil]
    let values = environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (arguments + values).forEach { free($0) } }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // This program ignores interrupts; the one that it starts does not.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    cprocess_forward_terminations()
    var process: pid_t = 0
    let code = posix_spawn(&process, words[0], nil, &attributes, arguments, values)
    guard code == 0 else { throw Failure(.noInput, "cannot start: \(String(cString: strerror(code)))", file: words[0]) }
    cprocess_forward_to(process)
    var status: Int32 = 0
    var usage = rusage()
    while wait4(process, &status, 0, &usage) < 0, errno == EINTR {}
    cprocess_forward_to(0)
    let signal = status & 0x7f
    return (signal == 0 ? .exit((status >> 8) & 0xff) : .signal(signal), usage.ru_maxrss << 10)
  }
}
