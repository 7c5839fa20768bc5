import Foundation
import PipelineGraph
import Recipes
import StepFiles
import Testing

@Suite struct ReadingTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  static let small = """
    manifest: {step: scenes}
    parameters: {seed: 7, threads: 2, split: train}
    steps:
      scenes: {stage: make-scenes, parameters: {val: 4, train: 8}}
      cam-train: {stage: train-cam, parameters: {epochs: 3, learning-rate: 1e-2, jitter: false, seed: 9}}
      cam: {stage: cam-infer, inputs: {weights: cam-train}, shards: 2, parameters: {scales: [0.5, 1], flip: true, \
      background-threshold: -1}}
      score: {stage: evaluate, inputs: {masks: cam}, parameters: {name: CAM of "all", split: val}}
      table: {stage: summarize, inputs: {evaluation: {PSA + CRF: score, other: score}}, final: true}

    """.replacingOccurrences(of: "CAM of \"all\"", with: "CAM of all")

  @Test func commandsCarryDefaultsAndOwnValuesInTheOrderOfTheCatalogue() throws {
    let pipeline = try bench.pipeline(Self.small)
    let runs = bench.path("runs/test")
    func command(_ step: String, shard: Int = 1) throws -> String {
      pipeline.command(of: try #require(pipeline[step]), shard: shard).joined(separator: " ")
    }
    #expect(try command("scenes") == "make-scenes --out \(runs)/scenes --threads 2 --seed 7 --train 8 --val 4")
    let data = "--manifest \(runs)/scenes/manifest.yaml --data \(runs)/scenes"
    #expect(
      try command("cam-train")
        == "train-cam \(data) --out \(runs)/cam-train --threads 2 --seed 9 --split train --epochs 3 --learning-rate "
        + "0.01 --no-jitter"
    )
    #expect(
      try command("cam", shard: 2)
        == "cam-infer \(data) --out \(runs)/cam --shard 2/2 --threads 2 --seed 7 --weights "
        + "\(runs)/cam-train/weights.h5 "
        + "--split train --scales 0.5,1.0 --flip --background-threshold=-1.0")
    #expect(
      try command("score")
        == "evaluate \(data) --out \(runs)/score --threads 2 --seed 7 --masks \(runs)/cam --split val --name CAM of all"
    )
    #expect(
      try command("table")
        == "summarize \(data) --out \(runs)/table --threads 2 --seed 7 --evaluation PSA + "
        + "CRF=\(runs)/score/evaluation.json "
        + "--evaluation other=\(runs)/score/evaluation.json --split train")
    #expect(pipeline.final?.name == "table")
  }

  /// What of a step's recipe does not depend on files.
  private static func recipe(_ pipeline: Pipeline, _ step: String) -> Recipe? {
    pipeline[step].flatMap { pipeline.jobs(of: $0).first }.map { RecipeMaker.own($0.assignment) }
  }

  @Test func threadsOnTheCommandLineWinAndLeaveTheRecipeAlone() throws {
    let before = try bench.pipeline(Self.small)
    let after = try bench.pipeline(Self.small, variables: ["THREADS": "1"])
    for step in after.steps {
      #expect(step.threads == 1)
      #expect(Self.recipe(after, step.name) == Self.recipe(before, step.name))
    }
  }

  @Test func recipeDoesNotDependOnOrderSpellingOrPlace() throws {
    let one = try bench.pipeline(Self.small)
    let other = try bench.pipeline(
      Self.small.replacingOccurrences(of: "val: 4, train: 8", with: "train: 8, val: 4").replacingOccurrences(
        of: "1e-2", with: "0.010"),
      variables: ["OUT": bench.path("elsewhere")])
    for step in one.steps { #expect(Self.recipe(one, step.name) == Self.recipe(other, step.name)) }
  }

  @Test func anEmptyTextReachesTheProgram() throws {
    try bench.write("weights", to: "net.pth")
    let yaml =
      "steps: {a: {stage: import-weights, inputs: {from: \(bench.path("net.pth"))}, parameters: {strip-prefix: \"\"}}}"
    let pipeline = try bench.pipeline(yaml)
    #expect(pipeline.command(of: try #require(pipeline["a"])).suffix(2) == ["--strip-prefix", ""])
  }

  /// What a step is remade for are values, not words: defaults written out change nothing, checkpoints neither.
  @Test func defaultsWrittenOutLeaveTheRecipeAlone() throws {
    let one = try bench.pipeline(Self.small)
    let other = try bench.pipeline(
      Self.small.replacingOccurrences(
        of: "jitter: false, seed: 9", with: "jitter: false, seed: 9, batch: 16, momentum: 0.0, checkpoint-every: 7"
      )
      .replacingOccurrences(of: "flip: true, background-threshold: -1", with: "background-power: 16"))
    for step in one.steps { #expect(Self.recipe(one, step.name) == Self.recipe(other, step.name)) }
    let step = try #require(one["cam-train"])
    #expect(step.request.parameters.contains { $0.name == "learning-rate" && $0.value == "0.01" })
    #expect(step.request.parameters.contains { $0.name == "statistics" && $0.value == "batch" })
  }

  @Test func stepsMayStandInAnyOrder() throws {
    let lines = Self.small.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let pipeline = try bench.pipeline((lines[0...2] + lines[3..<8].reversed()).joined(separator: "\n"))
    #expect(pipeline.steps.map(\.name) == ["table", "score", "cam", "cam-train", "scenes"])
    #expect(pipeline.inOrder.map(\.name) == ["scenes", "cam-train", "cam", "score", "table"])
  }

  @Test func variablesInBothSpellingsAndWithDefaults() throws {
    try bench.write("weights", to: "net.pth")
    let yaml = """
      variables: {BATCH: 4, FORMAT: hdf5}
      steps:
        a: {stage: import-weights, inputs: {from: "${WEIGHTS}"}, parameters: {format: $FORMAT}}
        b: {stage: import-weights, inputs: {from: $WEIGHTS}}
      """
    let pipeline = try bench.pipeline(yaml, variables: ["WEIGHTS": bench.path("net.pth"), "FORMAT": "pytorch"])
    #expect(pipeline["a"]?.inputs.first?.source == .file(bench.path("net.pth")))
    #expect(pipeline["a"]?.parameters.first?.value == .text("pytorch"))
    #expect(
      try bench.problems(yaml, variables: ["WEIGHTS": bench.path("net.pth"), "FORMATS": "x"]).first?.contains(
        "did you mean \"FORMAT\"?") == true)
  }

  @Test func manifestWithoutItsTableIsTold() throws {
    try bench.write("items: lists/items.tsv\n", to: "manifests/animals.yaml")
    try bench.write("id\tsplit\tlabels\n", to: "data/lists/items.tsv")
    let yaml = "manifest: \(bench.path("manifests/animals.yaml"))\ndata: $DATA\nsteps: {c: {stage: train-cam}}\n"
    let pipeline = try bench.pipeline(yaml, variables: ["DATA": bench.path("data")])
    #expect(pipeline["c"]?.manifest?.items == bench.path("data/lists/items.tsv"))
    try FileManager.default.removeItem(atPath: bench.path("data/lists"))
    #expect(
      try bench.problems(yaml, variables: ["DATA": bench.path("data")]).first?.contains(
        "names the table lists/items.tsv, which is missing") == true)
  }

  /// Every file in pipelines/ with a data set and weights that are not there, but for the names of the files.
  @Test(
    arguments: try FileManager.default.contentsOfDirectory(atPath: "\(projectRoot)/pipelines").filter {
      $0.hasSuffix(".yaml")
    }.sorted())
  func shippedPipelinesAreRight(_ name: String) throws {
    try bench.write("id\tsplit\tlabels\n", to: "data/labels.tsv")
    try bench.write("items: labels.tsv\n", to: "data/manifest.yaml")
    for file in ["res38_cls.pth", "res38_aff.pth", "ilsvrc-cls_rna-a1_cls1000_ep-0001.params"] {
      try bench.write("weights", to: "weights/\(file)")
    }
    let pipeline = try Pipeline(
      contentsOf: "\(projectRoot)/pipelines/\(name)",
      variables: ["DATA": bench.path("data"), "WEIGHTS": bench.path("weights"), "OUT": bench.path("runs")])
    #expect(pipeline.final != nil)
    // Whatever is not summed up was forgotten, unless it makes files for the user.
    let read = Set(pipeline.steps.flatMap { pipeline.dependencies(of: $0).map(\.name) })
    let ends = pipeline.steps.filter { !read.contains($0.name) }
    #expect(ends.allSatisfy { $0.stage.output.contents.contains(.table) }, "\(ends.map(\.name))")
    let plan = Plan(pipeline, try bench.states(pipeline), programs: "programs")
    let rules = MakeRules(pipeline, plan, planPath: "plan.json").text
    #expect(plan.jobs.map(\.number) == Array(1...pipeline.steps.map(\.shards).reduce(0, +)))
    for step in pipeline.steps { #expect(rules.contains("\n\(step.name): ")) }
  }

  @Test func makefileKeepsTheReservedNames() throws {
    let makefile = try String(contentsOfFile: "\(projectRoot)/Makefile", encoding: .utf8)
    let line = try #require(makefile.split(separator: "\n").first { $0.hasPrefix("OWN_GOALS") })
    #expect(line.split(separator: " ").dropFirst(2).map(String.init) == Pipeline.reservedNames)
  }

  @Test func dotNamesEveryStepAndArrow() throws {
    let dot = try bench.pipeline(Self.small).dot()
    #expect(dot.contains("\"cam\" [label=\"cam\\ncam-infer x2\"];"))
    #expect(dot.contains("\"cam-train\" -> \"cam\" [label=\"weights\"];"))
    #expect(dot.contains("\"score\" -> \"table\" [label=\"PSA + CRF\"];"))
  }
}
