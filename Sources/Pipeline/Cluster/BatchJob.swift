import Foundation
import Foundations
import PipelineGraph
import StageInterface

/// The script of an array and the command that submits it.
public struct BatchJob: Sendable {
  public let array: PlannedArray
  public let pipeline: Pipeline
  public let profile: ClusterProfile
  public let programs: String
  /// Where the jobs run: paths are relative to it.
  public let workingFolder: String
  public let submission: String
  public let folder: ClusterFolder
  public let dependencies: [String]

  public init(
    _ array: PlannedArray, of pipeline: Pipeline, profile: ClusterProfile, programs: String, submission: String,
    dependencies: [String], workingFolder: String = FileManager.default.currentDirectoryPath
  ) {
    self.array = array
    self.pipeline = pipeline
    self.profile = profile
    self.programs = programs
    self.workingFolder = workingFolder
    self.submission = submission
    self.dependencies = dependencies
    folder = ClusterFolder(pipeline)
  }

  private var step: Step { array.step }
  private var isTraining: Bool { step.stage.isTraining }

  public var scriptPath: String { "\(folder.folder(of: submission))/\(array.name).sh" }
  public var token: String { "\(folder.tokenPrefix)-\(submission)/\(array.name)" }
  /// `runs/NAME/logs/STEP-%A_%a.log`; for a job that is no array `STEP-%j.log`.
  public var log: String { "\(pipeline.folder)/logs/\(step.name)-\(array.indices == nil ? "%j" : "%A_%a").log" }

  /// The log's pattern for `sbatch`. Slurm expands percent signs in the whole of it, the folder's name too.
  private var output: String {
    let folder = workingFolder.replacingOccurrences(of: "%", with: "%%")
    return log.hasPrefix("/") ? log : "\(folder == "/" ? "" : folder)/\(log)"
  }

  /// - Throws: `Failure(.configuration)` for a folder from which no job can run: a backslash turns the expansion of the
  ///   log's pattern off, and the queue is read by lines.
  public static func check(workingFolder: String) throws {
    guard !workingFolder.unicodeScalars.contains(where: { $0 == "\\" || $0.value < 32 || $0.value == 127 }) else {
      throw Failure(
        .configuration,
        "Slurm finds no log in a folder with a backslash or a control character in its name; work in another one",
        file: workingFolder)
    }
  }

  public var record: JobRecord {
    JobRecord(
      job: nil, submission: submission, array: array.name, step: step.name, isArray: array.indices != nil,
      offset: array.offset, shards: IndexList.text(array.shards), shortOfMemory: array.shortOfMemory,
      shortOfTime: array.shortOfTime, log: log, token: token)
  }

  /// Options of `sbatch`, then the script.
  public var words: [String] {
    var words = ["--parsable", "--job-name=ssdd.\(pipeline.name).\(step.name)", "--chdir=\(workingFolder)"]
    if let indices = array.indices {
      words.append("--array=\(IndexList.text(indices))\(profile.throttle.map { "%\($0)" } ?? "")")
    }
    words += ["--output=\(output)", "--open-mode=append", "--requeue"]
    words += array.request.options
    // Slurm sends the signal to the script alone, which is `pipeline` by then.
    if isTraining { words.append("--signal=B:TERM@\(profile.warningSeconds)") }
    if !dependencies.isEmpty {
      words += ["--dependency=afterok:\(dependencies.joined(separator: ":"))", "--kill-on-invalid-dep=yes"]
    }
    let shards = step.shards > 1 ? "shards \(IndexList.text(array.shards)) of \(step.shards) " : ""
    words.append("--comment=\(ShellText.comment("\(pipeline.file) \(step.name) \(shards)\(token)"))")
    return words + [scriptPath]
  }

  /// What a job does: it becomes `pipeline`, which looks once more whether there is anything to do.
  public var script: String {
    var words = ["\(programs)/pipeline", "cluster-task", folder.planPath(of: submission), step.name]
    words += ["--array", array.name, "--offset", "\(array.offset)", "--wait", "\(profile.inputSeconds)"]
    if let note { words += ["--note", note] }
    return """
      #!/bin/sh
      # Written by `make slurm`; changes here are lost. It was submitted by
      # sbatch \(ShellText.comment(ShellText.line(self.words)))
      cd \(ShellText.quoted(workingFolder)) || exit 66
      exec \(ShellText.line(words))

      """
  }

  /// What an attempt after a failure says in its log; nil for a first one.
  private var note: String? {
    var parts: [String] = []
    func add(_ count: Int, _ what: String, _ amount: String?) {
      guard count > 0, let amount else { return }
      parts.append("\(what) \(amount) after \(count) that had too little")
    }
    add(array.shortOfMemory, "memory", array.request.memory.map { "\(ResourceRequest.megabytes($0)) MB" })
    add(array.shortOfTime, "time", array.request.seconds.map(TimeLimit.text))
    return parts.isEmpty
      ? nil : "attempt \(1 + array.shortOfMemory + array.shortOfTime): \(parts.joined(separator: ", "))"
  }
}

extension ResourceRequest {
  static func megabytes(_ bytes: Int) -> Int { max((bytes + (1 << 20) - 1) >> 20, 1) }

  /// The request as options of `sbatch`, one word each.
  public var options: [String] {
    var words: [String] = []
    if let cores { words.append("--cpus-per-task=\(cores)") }
    if let memory { words.append("--mem=\(Self.megabytes(memory))M") }
    // Slurm counts whole minutes.
    if let seconds { words.append("--time=\((seconds + 59) / 60)") }
    if let partition { words.append("--partition=\(partition)") }
    if let account { words.append("--account=\(account)") }
    if let qos { words.append("--qos=\(qos)") }
    if let constraint { words.append("--constraint=\(constraint)") }
    if let nodes { words.append("--nodes=\(nodes)") }
    if let ranksPerNode { words.append("--ntasks-per-node=\(ranksPerNode)") }
    return words + (flags ?? [])
  }
}

extension StageDeclaration {
  /// Whether the stage trains: it saves a checkpoint and ends when it is told to, and goes on from there.
  public var isTraining: Bool { options.contains { $0.name == "checkpoint-every" } }
}
