import Foundation
import PipelineGraph
import StepFiles
import Testing

/// The Makefile in a small project of its own: fake stages, a `swift` that only notes that it was called, the real
/// `pipeline` program.
@Suite(.enabled(if: BuiltPrograms.exist("pipeline"), "the programs are not built beside the tests"))
struct MakefileTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    try bench.installFakeStages()
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
    try? FileManager.default.removeItem(atPath: bench.path("log"))
    try? FileManager.default.removeItem(atPath: bench.path("swift-calls"))
    let path = "PATH=\(bench.path("bin")):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"
    return try bench.run("/usr/bin/env", [path] + environment + ["make"] + arguments)
  }

  private var ran: [String] { bench.ran }
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
    #expect(dry.status == 0 && dry.output.contains("nothing to do"), "\(dry.output)")
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
  }

  @Test func stepsAsGoals() throws {
    #expect(try make(["cam-train"]).status == 0)
    #expect(ran == ["cam-train", "scenes"])
    #expect(try make(["-j2", "score", "cam"]).status == 0)
    #expect(ran == ["cam 1/2", "cam 2/2", "score"])
    #expect(try make(["score", "FORCE=cam score"]).status == 0)
    #expect(ran == ["cam 1/2", "cam 2/2", "score"])
    let listed = try make(["-n"])
    #expect(
      listed.output.contains("table") && listed.output.contains("1 of 5 steps to run") && ran == [], "\(listed.output)")
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
    let refused = try make(["scenes", "OUT=a b"])
    #expect(refused.status == 2 && refused.output.contains("OUT: a path must not have a space"), "\(refused.output)")
  }

  /// Whatever stands on the command line, nothing of it is run, and what make would swallow is told.
  @Test(arguments: [
    (["help", "OUT='; touch hacked; '"], "OUT: a value must not have quotes"),
    (["help", "PIPELINE=`touch hacked`"], "PIPELINE: a value must not have"),
    (["clean-outputs", "OUT=x; touch hacked"], "OUT: a value must not have"),
    (["-n", "DATA=$(shell touch hacked)"], "DATA: a value must not have a dollar sign"),
    (["DATA=a$b"], "DATA: a value must not have a dollar sign"), (["/;touch hacked"], "a goal is the name of a step"),
    (["build", "SSDD_MARCH=it's `touch hacked`"], "SSDD_MARCH: a value must not have"),
    (["scenes'; touch hacked; '"], "a goal is the name of a step"),
    (["SET=cam.flip=true;touch hacked"], "SET: a value must not have"),
    (["slurm", "PROFILE=x;touch hacked"], "PROFILE: a value must not have"),
    (["slurm", "a;touch hacked"], "a goal is the name of a step"),
    (["slurm", "PROFILE='a b'"], "PROFILE: a value must not have quotes"),
    (["bench", "BENCH_OPTIONS=; touch hacked"], "BENCH_OPTIONS: a value"),
  ])
  func nothingOfTheCommandLineIsRun(arguments: [String], message: String) throws {
    #expect(try make(["build"]).status == 0)
    let refused = try make(arguments)
    #expect(refused.status == 2 && refused.output.contains(message), "\(refused.output)")
    #expect(!bench.exists("hacked") && ran == [])
  }

  @Test func unknownVariablesAreErrorsWithTheNearestName() throws {
    #expect(try make(["build"]).status == 0)
    for (given, meant) in [
      ("epochs=3", "epochs is a parameter of steps: make SET=\"STEP.epochs=VALUE\""),
      ("DATTA=x", "DATTA; did you mean DATA?"),
      ("PIPLINE=x", "PIPLINE; did you mean PIPELINE?"),
    ] {
      let refused = try make([given])
      #expect(refused.status == 2 && refused.output.contains("make knows no variable: \(meant)"), "\(refused.output)")
    }
  }

  @Test func oneLineAsAStepStartsAndOneAsItEnds() throws {
    let first = try make(["score"])
    let lines = first.output.split(separator: "\n").map(String.init).filter { $0.hasPrefix("[") }
    #expect(
      lines.first?.contains(/^\[1\/5\] scenes(  ~[0-9:]+ left)?$/) == true
        && lines.contains { $0.hasPrefix("[1/5] scenes  done in 0:0") }, "\(first.output)")
    #expect(
      lines.count == 10 && lines.contains { $0.hasPrefix("[3/5] cam 1/2  2 images") }
        && !first.output.contains("--manifest"),
      "\(first.output)")
    #expect(try make(["score", "FORCE=score", "V=1"]).output.contains("/evaluate --manifest"))
    // Two makes at once: the second says who is at work and does nothing.
    let lock = try FolderLock(bench.path("runs/quickstart/.lock"), program: "make", isInherited: true, what: "it")
    let refused = try make(["FORCE=scenes"])
    #expect(
      refused.status == 2
        && refused.output.contains(
          "another process is working on this pipeline's outputs: make, process \(getpid()) on ")
    )
    #expect(ran == [])
    lock.release()
  }

  @Test func wrongPipelineRunsNothingAndKeepsTheOutputs() throws {
    #expect(try make([]).status == 0)
    try bench.write(
      ReadingTests.small.replacingOccurrences(of: "epochs:", with: "epoch:"), to: "pipelines/quickstart.yaml")
    let result = try make([])
    #expect(result.status == 2 && ran == [])
    #expect(
      result.output.contains(
        "pipelines/quickstart.yaml:5:46: unknown parameter of stage train-cam \"epoch\"; did you mean \"epochs\"?"),
      "\(result.output)")
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
    for arguments in [["explain", "STEP=cam"], ["explain", "cam"]] {
      #expect(try make(arguments).output.hasPrefix("cam: it has not run yet\n"))
    }
    #expect(try make(["explain"]).status == 2)
    #expect(try make(["table"]).status == 0)
    #expect(try make(["verify"]).output.hasSuffix(" files, all as they were made\n"))
    try bench.write("other", to: "runs/quickstart/score/evaluation.json")
    let found = try make(["verify"])
    #expect(found.status == 2 && found.output.contains("evaluation.json has 5 bytes instead of 64"), "\(found.output)")
    #expect(try make(["status"]).output.contains("3 of 5 steps done, 2 to run\n"))
  }
}
