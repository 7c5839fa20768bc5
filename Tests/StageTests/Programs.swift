import Foundation
import Testing

/// The programs that were built with these tests, and how to run them.
enum Programs {
  /// The folder that holds the test bundle's executable holds the programs too.
  static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
  static func path(_ name: String) -> String { "\(folder)/\(name)" }

  static let stages = [
    "make-scenes", "import-voc", "import-weights", "train-cam", "cam-infer", "train-affinity", "psa-infer", "crf",
    "train-ddnet", "ssdd-merge", "train-seg",
    "train-seg-dynamic", "infer-seg", "evaluate", "summarize", "export-weights",
  ]
  static let areBuilt = (stages + ["pipeline"]).allSatisfy { FileManager.default.isExecutableFile(atPath: path($0)) }

  /// How a program ended.
  struct Outcome: Equatable {
    let status: Int32
    /// Standard output and error together.
    let output: String
    /// Whether a signal ended it; `status` is then the signal.
    var wasKilled = false
  }

  static func run(_ program: String, _ arguments: [String], in folder: String) throws -> Outcome {
    let process = prepared(program, arguments, in: folder)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, output: String(decoding: data, as: UTF8.self),
      wasKilled: process.terminationReason == .uncaughtSignal)
  }

  /// The steps that a make says it has run, or tried to run, each once.
  static func steps(in output: String) -> Set<String> {
    let lines = output.split(separator: "\n").filter {
      $0.hasPrefix("[") && ($0.contains("  done in ") || $0.contains("  failed after "))
    }
    return Set(lines.compactMap { line in line.split(separator: " ").dropFirst().first.map(String.init) })
  }

  /// Runs a program and kills it and its children (SIGKILL) as soon as `condition` holds, looking every millisecond.
  static func run(_ program: String, _ arguments: [String], in folder: String, killingWhen condition: () -> Bool) throws
    -> Outcome
  {
    let process = prepared(program, arguments, in: folder)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    while process.isRunning, !condition() { usleep(1000) }
    // Foundation gives each child a process group of its own.
    if kill(-process.processIdentifier, SIGKILL) != 0 { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, output: "", wasKilled: process.terminationReason == .uncaughtSignal)
  }

  static func prepared(_ program: String, _ arguments: [String], in folder: String) -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program.contains("/") ? program : path(program))
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    // A make that runs these tests must not hand its own options down.
    process.environment = ProcessInfo.processInfo.environment.filter {
      !["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"].contains($0.key)
    }
    return process
  }
}

/// Everything that runs programs: one after another, so that the machine is not asked for more than it has.
@Suite(.serialized, .enabled(if: Programs.areBuilt, "the programs are not built beside the tests")) enum StageSuites {}
