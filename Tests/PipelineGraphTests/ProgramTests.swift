import Foundation
import PipelineGraph
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
    let rules = try bench.run(BuiltPrograms.path("pipeline"), ["rules", "small.yaml", "--programs", "programs"], in: place)
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
    #expect(wrong.output.contains("wrong.yaml:1:31: unknown key of step x \"parametres\"; did you mean \"parameters\"?\n"), "\(wrong.output)")
    let missing = try bench.run(BuiltPrograms.path("pipeline"), ["rules", "none.yaml"])
    #expect(missing.status == 66)
    #expect(missing.output == "none.yaml: no such file, or it is not readable as UTF-8 text\n")
    #expect(!bench.exists("runs"))
    #expect(try bench.run(BuiltPrograms.path("pipeline"), ["check", "wrong.yaml", "--set", "OUT"]).status == 64)
  }

  @Test(arguments: StageCatalogue.standard.stages.map(\.name)) func catalogueAgreesWithTheProgram(_ name: String) throws {
    let stage = try #require(StageCatalogue.standard[name])
    let help = try bench.run(BuiltPrograms.path(name), ["--experimental-dump-help"])
    guard !help.output.contains("not built yet") else { return }
    let options = try Self.options(inHelp: help.output)
    // `--check` asks and writes nothing, `--merge` joins what shards left: no parameters of a step.
    let shared: Set = [
      "manifest", "data", "out", "shard", "threads", "seed", "quiet", "no-provenance", "help", "version", "generate-completion-script", "check", "merge",
    ]
    var expected = Set(stage.inputs.map(\.name))
    for parameter in stage.parameters {
      expected.insert(parameter.name)
      if case .flag = parameter.kind { expected.insert("no-\(parameter.name)") }
    }
    #expect(options.subtracting(shared).sorted() == expected.sorted())
    let version = try bench.run(BuiltPrograms.path(name), ["--version"])
    #expect(version.output.contains("\(name), algorithm \(stage.algorithmVersion),"), "\(version.output)")
  }

  /// The long names of all options of a program, from the JSON that ArgumentParser prints.
  static func options(inHelp text: String) throws -> Set<String> {
    struct Help: Decodable { let command: Command }
    struct Command: Decodable { let arguments: [Argument]? }
    struct Argument: Decodable { let names: [Name]? }
    struct Name: Decodable {
      let kind: String
      let name: String
    }
    let help = try JSONDecoder().decode(Help.self, from: Data(text.utf8))
    return Set((help.command.arguments ?? []).flatMap { $0.names ?? [] }.filter { $0.kind == "long" }.map(\.name))
  }
}
