import Foundation
import Synchronization
import TestSupport
import Testing

/// A folder with a pipeline, the programs, and the commands of a person at a cluster's login machine. The stages are
/// `stand-in`s where not said otherwise: see there for how they are made to wait or to fail.
final class ClusterBench {
  let folder: String
  let slurm: LocalSlurm

  static let programs = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .path
  static let areBuilt = ["pipeline", "stand-in", "train-cam", "make-scenes"].allSatisfy {
    FileManager.default.isExecutableFile(atPath: "\(programs)/\($0)")
  }

  /// - Parameters:
  ///   - name: of a folder within the temporary one, whatever a person may call it.
  ///   - isReal: whether the stages are the real programs.
  init(_ slurm: LocalSlurm, name: String = "work", isReal: Bool = false) throws {
    self.slurm = slurm
    folder = "\(NSTemporaryDirectory())cluster-tests-\(UUID().uuidString)/\(name)"
    try FileManager.default.createDirectory(atPath: path("bin"), withIntermediateDirectories: true)
    for stage in ["make-scenes", "train-cam", "cam-infer", "crf", "evaluate", "summarize"] {
      try link(isReal ? stage : "stand-in", as: stage)
    }
    try link("pipeline", as: "pipeline")
  }

  deinit { try? FileManager.default.removeItem(atPath: (folder as NSString).deletingLastPathComponent) }

  private func link(_ program: String, as name: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: path("bin/\(name)"), withDestinationPath: "\(Self.programs)/\(program)")
  }

  func path(_ name: String) -> String { "\(folder)/\(name)" }
  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
  func text(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }
  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }

  func write(_ text: String, to name: String) throws {
    let file = path(name)
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
  }

  /// Scenes, a training, two sharded steps, a score and a table.
  func writePipeline(shards: Int = 3, train: Int = 8, scoring extra: String = "") throws {
    let yaml = """
      manifest: {step: scenes}
      parameters: {seed: 7, threads: 1, split: train}
      steps:
        scenes: {stage: make-scenes, parameters: {val: 4, train: \(train)}}
        net: {stage: train-cam, parameters: {epochs: 3}}
        cam: {stage: cam-infer, inputs: {weights: net}, shards: \(shards), parameters: {scales: [1], flip: false}}
        crf: {stage: crf, inputs: {scores: cam}, shards: \(shards)}
        score: {stage: evaluate, inputs: {masks: crf}, parameters: {split: train}\(extra)}
        table: {stage: summarize, inputs: {evaluation: {CRF: score}}, final: true}

      """
    try write(yaml, to: "small.yaml")
  }

  /// Six scenes and a training of some seconds that saves a checkpoint only when it is told to stop. For real programs.
  func writeTraining() throws {
    let size = "width: 0.0625, depth: 0.1, batch: 3, crop: 48, resize-min: 48, resize-max: 64"
    let yaml = """
      manifest: {step: scenes}
      parameters: {seed: 1, threads: 1, split: train}
      steps:
        scenes: {stage: make-scenes, parameters: {train: 6, val: 3, width: 64, height: 48}}
        net: {stage: train-cam, parameters: {\(size), epochs: 60, momentum: 0.9, checkpoint-every: 100000}}

      """
    try write(yaml, to: "small.yaml")
  }

  /// A process in the folder with the cluster's environment; not started.
  func process(_ program: String, _ arguments: [String], _ variables: [String: String] = [:]) -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let own = ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"]
    process.environment = ProcessInfo.processInfo.environment.filter { !own.contains($0.key) }
      .merging(slurm.environment) { $1 }.merging(["STAND_IN_FOLDER": folder]) { $1 }.merging(variables) { $1 }
    return process
  }

  @discardableResult
  func run(
    _ program: String, _ arguments: [String], _ variables: [String: String] = [:]
  ) throws -> (status: Int32, output: String) {
    let process = process(program, arguments, variables)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  /// `pipeline COMMAND small.yaml`, with the programs of `bin` for the commands that take them.
  @discardableResult
  func pipeline(
    _ command: String, _ arguments: [String] = [], _ variables: [String: String] = [:]
  ) throws -> (status: Int32, output: String) {
    let takesPrograms = ["slurm", "make", "list", "status", "task"].contains(command)
    return try run(
      path("bin/pipeline"), [command, "small.yaml"] + (takesPrograms ? ["--programs", "bin"] : []) + arguments,
      variables)
  }

  /// Submits, and expects it to succeed.
  @discardableResult
  func submit(_ arguments: [String] = []) throws -> String {
    let outcome = try pipeline("slurm", arguments)
    #expect(outcome.status == 0, "\(outcome.output)")
    return outcome.output
  }

  var status: String { (try? pipeline("status").output) ?? "`pipeline status` cannot be run" }

  /// The line of a step in `status`, and those that belong to it.
  func status(of step: String) -> String {
    var lines: [Substring] = []
    for line in status.split(separator: "\n") {
      if line.hasPrefix("\(step) ") {
        lines = [line]
      } else if line.hasPrefix("   "), !lines.isEmpty {
        lines.append(line)
      } else if !lines.isEmpty {
        break
      }
    }
    return lines.joined(separator: "\n")
  }

  /// The ids of jobs and tasks in the queue whose name ends so, and their states.
  func queue(_ step: String) throws -> [(id: String, state: String)] {
    let output = try slurm.run("squeue", ["-h", "-r", "-o", "%j %i %T %Z"]).output
    return output.split(separator: "\n").compactMap { line in
      let cells = line.split(separator: " ", maxSplits: 3).map(String.init)
      return cells[0] == "ssdd.small.\(step)" && cells[3] == folder ? (cells[1], cells[2]) : nil
    }
  }

  /// Every file of every step's folder and its bytes, but not what the pipeline keeps for itself.
  func contents(of out: String) throws -> [String: Data] {
    let root = path("\(out)/small")
    let names = try FileManager.default.subpathsOfDirectory(atPath: root).filter {
      $0.contains("/") && !$0.hasPrefix("cluster/") && !$0.hasPrefix("logs/")
    }
    return Dictionary(
      uniqueKeysWithValues: names.compactMap { name in
        FileManager.default.contents(atPath: "\(root)/\(name)").map { (name, $0) }
      })
  }

  /// The steps that ran, with their shards, sorted.
  var ran: [String] { ((try? text("log")) ?? "").split(separator: "\n").map(String.init).sorted() }

  /// Ids of the processes of a part of a stage in this folder, by their command lines.
  func processes(_ stage: String, containing words: [String]) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter { id in
      guard let data = FileManager.default.contents(atPath: "/proc/\(id)/cmdline"),
        let here = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/cwd"), here == folder
      else { return false }
      let line = String(decoding: data, as: UTF8.self).split(separator: "\0").map(String.init)
      return line.first == "bin/\(stage)" && words.allSatisfy(line.contains)
    }
  }
}

/// Gives a suite one cluster for all its tests.
struct ClusterTrait: SuiteTrait, TestTrait, TestScoping {
  @TaskLocal static var current: LocalSlurm?

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let slurm = try LocalSlurm(largestArray: 4)
    defer { slurm.stop() }
    try await Self.$current.withValue(slurm) { try await function() }
  }
}

extension Trait where Self == ClusterTrait {
  static var cluster: ClusterTrait { ClusterTrait() }
}
