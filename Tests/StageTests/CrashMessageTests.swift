import Foundation
import TestSupport
import Testing

extension StageSuites {
  /// Programs that the system gives no memory: real ones, with an address space that is too small for what they are
  /// asked.
  @Suite(.workshop) struct CrashMessageTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// Runs a program with an address space of at most so many KiB.
    private func run(_ command: [String], within kilobytes: Int) throws -> Programs.Outcome {
      let words = ([Programs.path(command[0])] + command.dropFirst()).map { "'\($0)'" }.joined(separator: " ")
      return try Programs.run(
        "/bin/bash", ["-c", "ulimit -v \(kilobytes); export SWIFT_BACKTRACE=enable=no; exec \(words)"],
        in: workshop.folder.path)
    }

    /// Swift ends the program by a signal where an array, here of 268 MB, gets no memory. Tensors fail otherwise:
    /// `RealDataTests`.
    @Test(arguments: [150_000, 250_000]) func outOfMemoryIsSaidWithWhatHelps(kilobytes: Int) throws {
      let command = [
        "make-scenes", "--train", "1", "--val", "1", "--width", "4096", "--height", "4096", "--out", "large",
        "--threads", "1",
      ]
      let outcome = try run(command, within: kilobytes)
      #expect(outcome.wasKilled && [SIGABRT, SIGILL, SIGTRAP].contains(outcome.status), "\(outcome)")
      // Where some memory is left the handler cannot tell a lack of it from a mistake, and says both.
      let remedy = "--memory SIZE, fewer --threads or smaller images take less"
      #expect(
        outcome.output.hasSuffix("make-scenes: out of memory: the system gives no more; \(remedy)\n")
          || outcome.output.hasSuffix("with this command line, or a lack of memory (\(remedy))\n"), "\(outcome.output)")
      #expect(!workshop.exists("large/manifest.yaml"))
    }

    /// OpenBLAS tries for ever where it gets no buffer: limits at which it gets none end a training with a word, and
    /// none hangs.
    @Test(arguments: [900_000, 1_200_000, 1_500_000, 1_800_000]) func aProductWithoutABufferEndsTheProgram(
      kilobytes: Int
    ) throws {
      let command = try workshop.command("cam-train", out: "limited-\(kilobytes)")
      let words = ([Programs.path(command[0])] + command.dropFirst()).map { "'\($0)'" }.joined(separator: " ")
      let outcome = try Programs.run(
        "/bin/bash", ["-c", "ulimit -v \(kilobytes); exec timeout 120 \(words)"], in: workshop.folder.path)
      #expect(outcome.status == 0 || outcome.status == 71 || outcome.wasKilled, "\(outcome)")
      #expect(outcome.status != 124, "hangs")
      if outcome.status == 71 { #expect(outcome.output.contains("out of memory: the system refuses "), "\(outcome)") }
    }

    /// A limit as such is no hindrance for what fits.
    @Test func whatFitsRuns() throws {
      try workshop.output("scenes")
      let outcome = try run(try workshop.command("cam-train", out: "small"), within: 8_000_000)
      #expect(outcome == Programs.Outcome(status: 0, output: ""))
    }
  }
}
