import Foundation
import PipelineGraph
import Testing

/// The Makefile in a small project of its own: fake stages, a `swift` that only notes that it was called, the real `pipeline` program.
@Suite(.enabled(if: BuiltPrograms.exist("pipeline"), "the programs are not built beside the tests"))
struct MakefileTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    try bench.installFakeStages()
    try FileManager.default.copyItem(atPath: BuiltPrograms.path("pipeline"), toPath: bench.path("programs/pipeline"))
    try FileManager.default.copyItem(atPath: "\(projectRoot)/Makefile", toPath: bench.path("Makefile"))
    try bench.write("#!/bin/sh\n", to: ".ci/packages", mode: 0o755)
    try bench.write("// swift-tools-version: 6.1\n", to: "Package.swift")
    try bench.write("print(1)\n", to: "Sources/a.swift")
    try bench.write("print(2)\n", to: "Stages/b.swift")
    try bench.write(ReadingTests.small, to: "pipelines/quickstart.yaml")
    let swift = """
      #!/bin/sh
      echo "$*" >> \(bench.folder)/swift-calls
      mkdir -p .build/release && cp \(bench.folder)/programs/* .build/release/

      """
    try bench.write(swift, to: "bin/swift", mode: 0o755)
  }

  private func make(_ arguments: [String], environment: [String] = []) throws -> (status: Int32, output: String) {
    usleep(20_000)
    try? FileManager.default.removeItem(atPath: bench.path("log"))
    try? FileManager.default.removeItem(atPath: bench.path("swift-calls"))
    let path = "PATH=\(bench.path("bin")):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"
    return try bench.run("/usr/bin/env", [path] + environment + ["make"] + arguments)
  }

  private var ran: [String] { ((try? bench.text("log")) ?? "").split(separator: "\n").map(String.init).sorted() }
  private var hasBuilt: Bool { bench.exists("swift-calls") }
  private let everything = ["cam 1/2", "cam 2/2", "cam-train", "scenes", "score", "table"]

  @Test func dryRunInAFreshCloneBuildsAndRunsNothing() throws {
    let result = try make(["-n"])
    #expect(result.status == 0, "\(result.output)")
    #expect(result.output.contains("swift build"))
    #expect(!hasBuilt && !bench.exists(".build") && !bench.exists("runs"))
  }

  @Test(arguments: [[], ["-j2"]]) func buildsRunsAndThenDoesNothing(_ arguments: [String]) throws {
    let first = try make(arguments)
    #expect(first.status == 0, "\(first.output)")
    #expect(hasBuilt && ran == everything)
    #expect(first.output.contains("Pictures: runs/quickstart/table/pictures"))
    #expect(!first.output.contains("jobserver"))
    let start = ContinuousClock.now
    let second = try make(arguments)
    #expect(second.status == 0 && !hasBuilt && ran == [], "\(second.output)")
    #expect(second.output.contains("Pictures: runs/quickstart/table/pictures"))
    #expect(ContinuousClock.now - start < .seconds(2))
    let dry = try make(["-n"])
    #expect(dry.status == 0 && !dry.output.contains("'== "), "\(dry.output)")
  }

  @Test func changedSourceBuildsAndRerunsNothing() throws {
    #expect(try make([]).status == 0)
    try bench.touch("Sources/a.swift")
    #expect(try make([]).status == 0 && hasBuilt && ran == [])
    try FileManager.default.removeItem(atPath: bench.path("Stages/b.swift"))
    #expect(try make([]).status == 0 && hasBuilt && ran == [])
    #expect(try make([]).status == 0 && !hasBuilt)
  }

  @Test func anotherProcessorBuildsAgain() throws {
    #expect(try make(["build"]).status == 0 && hasBuilt)
    #expect(try make(["build"], environment: ["SSDD_MARCH=native"]).status == 0 && hasBuilt)
    #expect(try make(["build"], environment: ["SSDD_MARCH=native"]).status == 0 && !hasBuilt)
    #expect(try make(["build", "SSDD_MARCH=native"]).status == 0 && !hasBuilt)
    #expect(try make(["build", "SSDD_MARCH=it's $$(touch hacked)"]).status == 0 && hasBuilt)
    #expect(try make([]).status == 0 && hasBuilt && !bench.exists("hacked"))
  }

  @Test func stepsAsGoals() throws {
    #expect(try make(["cam-train"]).status == 0)
    #expect(ran == ["cam-train", "scenes"])
    #expect(try make(["-j2", "score", "cam"]).status == 0)
    #expect(ran == ["cam 1/2", "cam 2/2", "score"])
    let unknown = try make(["scor"])
    #expect(unknown.status == 2 && ran == [])
    #expect(unknown.output.contains("has no step \"scor\"; did you mean \"score\"?"), "\(unknown.output)")
  }

  @Test func variablesComeFromTheCommandLineOnly() throws {
    #expect(try make(["scenes", "OUT=results", "THREADS=3"], environment: ["OUT=elsewhere", "THREADS=5"]).status == 0)
    #expect(bench.exists("results/quickstart/scenes/manifest.yaml") && !bench.exists("elsewhere"))
    #expect(try bench.text("commands").contains("--threads 3"))
    #expect(try make(["scenes"], environment: ["OUT=elsewhere"]).status == 0)
    #expect(bench.exists("runs/quickstart/scenes/manifest.yaml") && !bench.exists("elsewhere"))
    let refused = try make(["scenes", "OUT=a b; touch hacked"])
    #expect(refused.status == 2 && refused.output.contains("OUT: a path must not have a space"), "\(refused.output)")
    let quoted = try make(["scenes", "DATA=it's `touch hacked` $$(touch hacked)"])
    #expect(quoted.status == 0, "\(quoted.output)")
    #expect(!bench.exists("hacked"))
  }

  @Test func wrongPipelineRunsNothingAndKeepsTheOutputs() throws {
    #expect(try make([]).status == 0)
    try bench.write(ReadingTests.small.replacingOccurrences(of: "epochs:", with: "epoch:"), to: "pipelines/quickstart.yaml")
    let result = try make([])
    #expect(result.status == 2 && ran == [])
    #expect(
      result.output.contains("pipelines/quickstart.yaml:5:46: unknown parameter of stage train-cam \"epoch\"; did you mean \"epochs\"?"), "\(result.output)")
    #expect(bench.exists("runs/quickstart/table/table.txt"))
  }

  @Test func cleanRemovesOnlyWhatThisPipelineMade() throws {
    #expect(try make(["scenes"]).status == 0)
    try bench.write("mine", to: "runs/other/file")
    #expect(try make(["clean-outputs"]).status == 0)
    #expect(!bench.exists("runs/quickstart") && bench.exists("runs/other/file"))
    try bench.write("mine", to: "photos/quickstart/file")
    let refused = try make(["clean-outputs", "OUT=photos"])
    #expect(refused.status == 2 && bench.exists("photos/quickstart/file"), "\(refused.output)")
  }

  @Test func helpStatusExplainAndCheck() throws {
    #expect(try make(["help"]).output.contains("make STEP"))
    #expect(try make(["check"]).output.hasSuffix("pipelines/quickstart.yaml: 5 steps, nothing wrong\n"))
    #expect(try make(["status"]).output.hasSuffix("0 of 5 steps done, 5 to run\n"))
    #expect(try make(["explain", "STEP=cam"]).output.hasPrefix("cam will run:\n"))
    #expect(try make(["explain"]).status == 2)
  }
}
