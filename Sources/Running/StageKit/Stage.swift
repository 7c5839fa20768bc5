import ArgumentParser
import CPUBackend
import Foundation
import Foundations
import Logging
import Recipes
import StageInterface
import StepFiles
import TensorStore
import Tensors

/// A step of the paper as a program: parse, validate, one library call, commit.
///
///     @main struct Blur: Stage {
///       @OptionGroup var options: BlurOptions
///       func execute(_ run: StageRun) throws { ... }
///     }
///
/// Its command line is declared in `StageInterface`, where a pipeline's check reads it too. A `Failure` and a wrong
/// command line end the program with a sysexits code after one line `STAGE: FILE: ITEM: MESSAGE` on standard error.
public protocol Stage: ParsableCommand {
  associatedtype Options: StageOptions
  var options: Options { get }
  func execute(_ run: StageRun) throws
}

extension Stage {
  public static var configuration: CommandConfiguration {
    let stage = Options.stage
    let details = stage.details.isEmpty ? "" : stage.details + "\n\n"
    return CommandConfiguration(
      commandName: stage.name, abstract: stage.summary,
      discussion: "\(details)Example:\n  \(stage.name) \(stage.example)",
      version: version)
  }

  /// `cam-infer 0.1.0, algorithm 1, OpenBLAS ...`
  private static var version: String {
    "\(Options.stage.name) \(ProjectVersion.current), algorithm \(Options.stage.algorithmVersion), "
      + "\(BLASEnvironment.description)"
  }

  public static func main() {
    IsolatedHDF5.prepare()
    ParentWatch.prepare()
    BLASEnvironment.prepare()
    CrashMessage.prepare(program: Options.stage.name)
    // A reader that closes the pipe early, such as `head`, is no reason to die without a word.
    signal(SIGPIPE, SIG_IGN)
    do {
      var stage = try parseAsRoot()
      try stage.run()
    } catch {
      end(with: error)
    }
  }

  /// Help and the like as ArgumentParser prints them; a wrong command line as every other failure, in one line.
  private static func end(with error: any Error) -> Never {
    let code = exitCode(for: error)
    let message = message(for: error)
    if code.isSuccess || message.isEmpty { exit(withError: error) }
    report("\(message); see \(Options.stage.name) --help")
    exit(withError: code)
  }

  private static func report(_ message: String) {
    FileHandle.standardError.write(Data("\(Options.stage.name): \(message)\n".utf8))
  }

  public mutating func run() throws {
    LoggingSystem.bootstrap { PlainLogHandler(label: $0) }
    do {
      let owner = try StepOwner(options)
      defer { owner.release() }
      try execute(StageRun(options))
    } catch let failure as Failure {
      Self.report("\(failure)")
      throw ExitCode(failure.kind.rawValue)
    } catch let stopped as Stopped {
      Self.report("\(stopped); what is computed so far is saved, and the same command goes on from there")
      throw ExitCode(Stopped.exitCode)
    }
  }
}

/// What a running stage has at hand: its name, what its options say of every stage, the log.
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
  /// Every parameter that decides the outputs, defaults included, in canonical spelling and by increasing name: what
  /// provenance, digests and fingerprints are made of.
  public let parameters: [CanonicalParameter]
  public let log: Logger
  /// One for the whole run, so that all its computations share their scratch memory.
  public let kernels: CPUKernels
  /// The output folder, and the part of the output that this run makes; nil for a stage that writes one whole.
  let folder: StepFolder
  let part: Part?
  /// What makes the output: taken down before the stage reads anything. A failure is one of something that the stage
  /// will not be able to read.
  let recipe: Result<Recipe, Failure>
  /// Whether damaged images are left out.
  let skipsDamaged: Bool

  init(_ options: some StageOptions) {
    let (header, common) = (type(of: options).stage, options.common)
    stage = header.name
    algorithmVersion = header.algorithmVersion
    out = common.out
    shard = options.shard
    threads = common.threads > 0 ? common.threads : ProcessInfo.processInfo.activeProcessorCount
    seed = UInt64(common.seed)
    isQuiet = common.isQuiet
    hasProvenance = !common.withoutProvenance
    parameters = options.canonicalParameters
    var log = Logger(label: stage)
    log.logLevel = common.isQuiet ? .warning : .info
    self.log = log
    kernels = CPUKernels(threads: threads)
    folder = StepFolder(common.out)
    part = options.part
    skipsDamaged = options.skipsDamaged
    let assignment = Assignment(
      options.request, stage: header.name, algorithm: header.algorithmVersion,
      part: header.output.target == .parts ? options.shard : nil)
    do {
      recipe = .success(try RecipeMaker(cache: Self.digestCache).recipe(of: assignment))
    } catch {
      recipe = .failure(error as? Failure ?? Failure(.io, "\(error)"))
    }
  }

  /// Digests that a pipeline keeps of files from outside; a stage only reads it.
  static var digestCache: DigestCache { DigestCache(ProcessInfo.processInfo.environment["SSDD_DIGESTS"]) }

  /// Kernels for networks whose weights stay as they are; where memory is limited they keep nothing beside them.
  public func inferenceKernels(memory: MemorySize? = nil) -> CPUKernels {
    CPUKernels(threads: threads, keepsWeights: memory == nil)
  }

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
