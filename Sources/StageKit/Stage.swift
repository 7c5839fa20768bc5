import ArgumentParser
import Foundation
import Foundations
import Logging
import TensorStore
import Tensors

/// A step of the paper as a program: parse, validate, one library call, commit.
///
///     @main struct Evaluate: Stage {
///       static let configuration = CommandConfiguration(commandName: "evaluate", abstract: "...", discussion: example("evaluate --out ..."))
///       static let algorithmVersion = 1
///       @OptionGroup var shared: SharedOptions
///       func execute(_ run: StageRun) throws { ... }
///     }
///
/// A `Failure` ends the program with its sysexits code after one line `STAGE: FILE: ITEM: MESSAGE` on standard error.
public protocol Stage: ParsableCommand {
  /// Raised when the same inputs and parameters would give other outputs than before: the pipeline then runs the step again.
  static var algorithmVersion: Int { get }
  var shared: SharedOptions { get }
  func execute(_ run: StageRun) throws
}

extension Stage {
  public static func main() {
    WeightsReader.prepare()
    BLASEnvironment.prepare()
    // A reader that closes the pipe early, such as `head`, is no reason to die without a word.
    signal(SIGPIPE, SIG_IGN)
    if CommandLine.arguments.dropFirst().contains("--version") {
      exit(withError: CleanExit.message("\(_commandName), algorithm \(algorithmVersion), \(BLASEnvironment.description)"))
    }
    self.main(nil)
  }

  public mutating func run() throws {
    LoggingSystem.bootstrap { PlainLogHandler(label: $0) }
    let run = StageRun(stage: Self._commandName, algorithmVersion: Self.algorithmVersion, shared: shared)
    do {
      try execute(run)
    } catch let failure as Failure {
      FileHandle.standardError.write(Data("\(run.stage): \(failure)\n".utf8))
      throw ExitCode(failure.kind.rawValue)
    }
  }

  /// The discussion part of a stage's help, with an example command line.
  public static func example(_ commandLine: String, about: String = "") -> String {
    (about.isEmpty ? "" : about + "\n\n") + "Example:\n  \(commandLine)"
  }
}

/// What a running stage has at hand: its name, the shared options made good, the log.
public struct StageRun: Sendable {
  public let stage: String
  public let algorithmVersion: Int
  public let out: String
  public let shard: Shard
  /// At least 1.
  public let threads: Int
  public let seed: UInt64
  public let isQuiet: Bool
  public let hasProvenance: Bool
  public let log: Logger

  init(stage: String, algorithmVersion: Int, shared: SharedOptions) {
    self.stage = stage
    self.algorithmVersion = algorithmVersion
    out = shared.out
    shard = shared.shard
    threads = shared.threads > 0 ? shared.threads : ProcessInfo.processInfo.activeProcessorCount
    seed = shared.seed
    isQuiet = shared.quiet
    hasProvenance = !shared.withoutProvenance
    var log = Logger(label: stage)
    log.logLevel = shared.quiet ? .warning : .info
    self.log = log
  }

  public var kernels: CPUKernels { CPUKernels(threads: threads) }

  /// Kernels for networks whose weights stay as they are; where memory is limited they keep nothing beside them.
  public func inferenceKernels(memory: MemorySize? = nil) -> CPUKernels { CPUKernels(threads: threads, keepsWeights: memory == nil) }

  public func progress(total: Int, unit: String, alreadyDone: Int = 0) -> Progress {
    Progress(stage, total: total, unit: unit, alreadyDone: alreadyDone, quiet: isQuiet)
  }
}

/// `STAGE: MESSAGE` lines on standard error; warnings and errors say so.
struct PlainLogHandler: LogHandler {
  let label: String
  var logLevel = Logger.Level.info
  var metadata = Logger.Metadata()
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let severity = event.level >= .warning ? "\(event.level): " : ""
    FileHandle.standardError.write(Data("\(label): \(severity)\(event.message)\n".utf8))
  }
}
