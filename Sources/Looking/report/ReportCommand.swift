import ArgumentParser
import Foundation
import Foundations
import PipelineGraph
import Reporting

@main
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Show what a pipeline made: tables, figures, curves and every image, as pages that open from disk.",
    discussion: """
      It reads outputs and changes none. It works on an unfinished run too and says what is missing.

      Example:
        report page pipelines/quickstart.yaml
        report compare runs/first runs/second --out runs/comparison
      """,
    subcommands: [PageCommand.self, CompareCommand.self], defaultSubcommand: PageCommand.self)
}

/// Runs `body`; a `Failure` is printed and ends the program with its sysexits code.
func reportingFailure<R>(_ body: () throws -> R) throws -> R {
  do {
    return try body()
  } catch let failure as Failure {
    FileHandle.standardError.write(Data("report: \(failure)\n".utf8))
    throw ExitCode(failure.kind.rawValue)
  }
}

struct PageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "page", abstract: "Write the report of one pipeline's outputs.",
    discussion: """
      Example:
        report page pipelines/quickstart.yaml --out /tmp/report
      """)

  @Argument(help: ArgumentHelp("The pipeline.", valueName: "FILE"))
  var file: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("A variable of the pipeline file; may be repeated.", valueName: "NAME=VALUE"))
  var assignments: [String] = []

  @Option(help: ArgumentHelp("Folder of the report; default: OUT/NAME/report.", valueName: "DIR"))
  var out: String?

  @Option(help: "Worker threads; 0 for every core.")
  var threads = 0

  @Option(help: "Images of each split that get pictures and a view of their own, at most; scores are of all.")
  var pictures = 2000

  @Option(help: "Seed of the random draw of images in the figures.")
  var seed: UInt64 = 1

  func validate() throws {
    guard threads >= 0, pictures >= 1 else {
      throw ValidationError("--threads is at least 0 and --pictures at least 1.")
    }
  }

  func run() throws {
    var variables: [String: String] = [:]
    for assignment in assignments {
      guard let equals = assignment.firstIndex(of: "=") else {
        throw ValidationError("--set: expected NAME=VALUE, found \"\(assignment)\"")
      }
      variables[String(assignment[..<equals])] = String(assignment[assignment.index(after: equals)...])
    }
    let pipeline: Pipeline
    do { pipeline = try Pipeline(contentsOf: file, variables: variables) } catch let problems as PipelineProblems {
      FileHandle.standardError.write(Data("\(problems)\n".utf8))
      throw ExitCode(problems.exitCode)
    }
    try reportingFailure {
      let builder = ReportBuilder(
        pipeline, folder: out, threads: threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount,
        pictures: pictures, seed: seed)
      let report = try builder.build()
      for note in report.notes { FileHandle.standardError.write(Data("report: \(note)\n".utf8)) }
      print("\(builder.folder)/index.html")
    }
  }
}
