import Foundation
import PipelineGraph
import StageInterface
import TestSupport
import Testing

/// A folder under the system's temporary one, removed with the object: a pipeline file, fake stages, and GNU make to
/// run them.
final class Workbench {
  let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "pipeline-tests-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  func write(_ text: String, to name: String, mode: Int = 0o644) throws {
    try FileManager.default.createDirectory(
      atPath: URL(fileURLWithPath: path(name)).deletingLastPathComponent().path, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(name))
  }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
  func text(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

  /// Reads `yaml` as the pipeline `test`, with outputs under `runs`.
  func pipeline(_ yaml: String, variables: [String: String] = [:], catalogue: StageCatalogue = .standard) throws
    -> Pipeline
  {
    try write(yaml, to: "test.yaml")
    return try Pipeline(
      contentsOf: path("test.yaml"), variables: variables.merging(["OUT": path("runs")]) { given, _ in given },
      catalogue: catalogue)
  }

  /// What is wrong with `yaml`, as `LINE:COLUMN: MESSAGE`; the folder is shortened to `~`.
  func problems(_ yaml: String, variables: [String: String] = [:]) throws -> [String] {
    do {
      _ = try pipeline(yaml, variables: variables)
      return []
    } catch let problems as PipelineProblems {
      return problems.diagnostics.map {
        $0.description.replacingOccurrences(of: path("test.yaml:"), with: "").replacingOccurrences(
          of: folder, with: "~")
      }
    }
  }

  // MARK: Fake stages

  /// Copies of `stand-in` under the names of the stages: see there for what they note, and how they are made to fail.
  /// And the `pipeline` program.
  func installFakeStages() throws {
    try FileManager.default.createDirectory(atPath: path("programs"), withIntermediateDirectories: true)
    for stage in StageCatalogue.standard.stages { try install("stand-in", as: stage.name) }
    try install("pipeline", as: "pipeline")
  }

  private func install(_ program: String, as name: String) throws {
    try? FileManager.default.removeItem(atPath: path("programs/\(name)"))
    try FileManager.default.copyItem(atPath: BuiltPrograms.path(program), toPath: path("programs/\(name)"))
  }

  /// What the pipeline has to do, each step after those that it reads.
  func states(_ pipeline: Pipeline, forced: [String] = []) throws -> [StepState] {
    try Planner(pipeline, forced: forced).states()
  }

  /// The names of the steps that are not up to date.
  func waiting(_ pipeline: Pipeline) throws -> [String] {
    try states(pipeline).filter { !$0.isUpToDate }.map(\.step.name)
  }

  /// Plans the pipeline and runs make on the rules; the steps that ran, sorted, with their shards.
  @discardableResult
  func make(_ pipeline: Pipeline, _ arguments: [String] = [], forced: [String] = [], expecting status: Int32 = 0) throws
    -> [String]
  {
    let plan = Plan(pipeline, try states(pipeline, forced: forced), programs: path("programs"))
    try MakeRules(pipeline, plan, planPath: path("runs/test/plan.json")).write(to: path("runs/test/rules.mk"))
    return try runMake(path("runs/test/rules.mk"), arguments, expecting: status)
  }

  @discardableResult
  func runMake(_ rules: String, _ arguments: [String], expecting status: Int32 = 0) throws -> [String] {
    try? FileManager.default.removeItem(atPath: path("log"))
    let result = try run("/usr/bin/env", ["make", "--no-print-directory", "-f", rules] + arguments)
    #expect(result.status == status, "\(result.output)")
    return ran
  }

  /// The steps that ran since the last make began, sorted, with their shards.
  var ran: [String] { ((try? text("log")) ?? "").split(separator: "\n").map(String.init).sorted() }

  /// Runs a program in the folder; its standard output and error together.
  func run(_ program: String, _ arguments: [String], in subfolder: String? = nil) throws -> (
    status: Int32, output: String
  ) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: subfolder.map(path) ?? folder)
    // A make that runs these tests must not hand its own options down.
    process.environment = ProcessInfo.processInfo.environment.filter {
      !["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"].contains($0.key)
    }
    .merging(["STAND_IN_FOLDER": folder]) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  func touch(_ name: String) throws {
    try FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: path(name))
  }
}

/// The programs that were built with the tests.
enum BuiltPrograms {
  static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
  static func path(_ name: String) -> String { "\(folder)/\(name)" }
  static func exist(_ name: String) -> Bool { FileManager.default.isExecutableFile(atPath: path(name)) }
}

/// Root of the package.
let projectRoot = Golden.packageRoot
