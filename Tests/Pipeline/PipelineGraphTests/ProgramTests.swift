import Foundation
import Foundations
import PipelineGraph
import StageInterface
import Testing

/// The `pipeline` program and the help of the stages, as built with these tests.
@Suite(.enabled(if: BuiltPrograms.exist("pipeline"), "the programs are not built beside the tests"))
struct ProgramTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  @Test func rulesRunInAFolderWithSpaces() throws {
    let place = "a folder, of mine"
    try bench.installFakeStages()
    try bench.write(ReadingTests.small, to: "\(place)/small.yaml")
    try FileManager.default.moveItem(atPath: bench.path("programs"), toPath: bench.path("\(place)/programs"))
    let rules = try bench.run(
      BuiltPrograms.path("pipeline"), ["rules", "small.yaml", "--programs", "programs"], in: place)
    #expect(rules.status == 0, "\(rules.output)")
    let made = try bench.run("/usr/bin/env", ["make", "-j2", "-f", "runs/small/rules.mk"], in: place)
    #expect(made.status == 0, "\(made.output)")
    #expect(made.output.contains("Pictures: runs/small/table/pictures"))
    let status = try bench.run(BuiltPrograms.path("pipeline"), ["status", "small.yaml"], in: place)
    #expect(status.output.hasSuffix("5 of 5 steps done\n"), "\(status.output)")
    let explained = try bench.run(BuiltPrograms.path("pipeline"), ["explain", "small.yaml", "cam"], in: place)
    #expect(explained.output.hasPrefix("cam is up to date\n"))
  }

  @Test func problemsEndWithTheirCode() throws {
    try bench.write("steps: {x: {stage: train-cam, parametres: {}}}\nmanifest: {step: x}\n", to: "wrong.yaml")
    let wrong = try bench.run(BuiltPrograms.path("pipeline"), ["check", "wrong.yaml"])
    #expect(wrong.status == 78)
    #expect(
      wrong.output.contains("wrong.yaml:1:31: unknown key of step x \"parametres\"; did you mean \"parameters\"?\n"),
      "\(wrong.output)")
    let missing = try bench.run(BuiltPrograms.path("pipeline"), ["rules", "none.yaml"])
    #expect(missing.status == 66)
    #expect(missing.output == "none.yaml: no such file, or it is not readable as UTF-8 text\n")
    #expect(!bench.exists("runs"))
    #expect(try bench.run(BuiltPrograms.path("pipeline"), ["check", "wrong.yaml", "--set", "OUT"]).status == 64)
  }

  /// A built program offers what the declaration says, option by option: names, and help with range, unit and default.
  @Test(arguments: StageCatalogue.standard.stages.map(\.name)) func programsOfferWhatIsDeclared(_ name: String) throws {
    let stage = try #require(StageCatalogue.standard[name])
    let help = try bench.run(BuiltPrograms.path(name), ["--experimental-dump-help"])
    var offered = try Self.options(inHelp: help.output)
    for own in ["help", "version", "generate-completion-script"] { offered[own] = nil }
    var declared: [String: String] = [:]
    for option in stage.options {
      declared[option.name] = option.fullHelp
      if option.kind == .flag, option.role == .parameter { declared["no-\(option.name)"] = option.fullHelp }
    }
    #expect(offered.keys.sorted() == declared.keys.sorted())
    for (option, help) in offered where !help.isEmpty { #expect(help == declared[option], "--\(option)") }
    #expect(offered.values.count { !$0.isEmpty } >= stage.options.count)
    let version = try bench.run(BuiltPrograms.path(name), ["--version"])
    #expect(
      version.output.hasPrefix("\(name) \(ProjectVersion.current), algorithm \(stage.algorithmVersion), "),
      "\(version.output)")
  }

  /// Whatever a pipeline's check makes of a command line, the program makes of it too: it gets as far as its files, or
  /// ends with the same words.
  @Test(arguments: [
    ("train-cam", ["--epochs", "0"]), ("train-cam", ["--resize-min", "64", "--resize-max", "32"]),
    ("train-cam", ["--shard", "1/2"]),
    ("cam-infer", ["--weights", "w", "--background-power", "0"]),
    ("crf", ["--scores", "s", "--gaussian-spread", "1e-5"]),
    ("train-seg", ["--weights", "w", "--seeds", "s", "--crop", "64"]),
    ("infer-seg", ["--weights", "w", "--side", "8"]),
  ])
  func programsRefuseWhatTheCheckRefuses(name: String, arguments: [String]) throws {
    let stage = try #require(StageCatalogue.standard[name])
    let command = ["--manifest", "none.yaml", "--out", "o"] + arguments
    let failure = try #require(throws: Failure.self) { try stage.canonicalParameters(of: command) }
    let outcome = try bench.run(BuiltPrograms.path(name), command)
    #expect(outcome.status == 64)
    #expect(outcome.output == "\(name): \(failure.message); see \(name) --help\n")
  }

  @Test func pipelineTellsItsVersion() throws {
    let version = try bench.run(BuiltPrograms.path("pipeline"), ["--version"])
    #expect(version.status == 0 && version.output == "pipeline \(ProjectVersion.current)\n")
  }

  @Test func stagesDocumentIsCurrent() throws {
    let document = try bench.run(BuiltPrograms.path("pipeline"), ["document"])
    #expect(document.status == 0 && document.output == StageDocument().markdown)
    let stored = try String(contentsOfFile: "\(projectRoot)/docs/stages.md", encoding: .utf8)
    #expect(stored == document.output, "docs/stages.md is out of date: make document")
  }

  /// The long names of all options of a program with their help, from the JSON that ArgumentParser prints.
  static func options(inHelp text: String) throws -> [String: String] {
    struct Help: Decodable { let command: Command }
    struct Command: Decodable { let arguments: [Argument]? }
    struct Argument: Decodable {
      let names: [Name]?
      let abstract: String?
    }
    struct Name: Decodable {
      let kind: String
      let name: String
    }
    let help = try JSONDecoder().decode(Help.self, from: Data(text.utf8))
    let pairs = (help.command.arguments ?? []).flatMap { argument in
      (argument.names ?? []).filter { $0.kind == "long" }.map { ($0.name, argument.abstract ?? "") }
    }
    return Dictionary(pairs) { first, _ in first }
  }
}
