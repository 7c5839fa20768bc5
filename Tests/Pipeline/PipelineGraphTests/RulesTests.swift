import Foundation
import Foundations
import PipelineGraph
import StageInterface
import StepFiles
import Testing

/// Plans and rules under real GNU make, with `stand-in` in the place of the stages.
@Suite(.enabled(if: BuiltPrograms.exist("stand-in"), "the programs are not built beside the tests"))
struct RulesTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    try bench.installFakeStages()
    try bench.write("imagenet", to: "net.pth")
    try bench.write(
      "name: x\nclasses: [{name: background, value: 0}, {name: a, value: 1}]\nitems: items.tsv\nimage: i/{id}.png\n",
      to: "data/manifest.yaml")
    try bench.write("id\tsplit\tlabels\n1\ttrain\ta\n2\ttrain\ta\n3\ttrain\ta\n4\tval\ta\n", to: "data/items.tsv")
    for id in 1...4 { try bench.write("image \(id)", to: "data/i/\(id).png") }
  }

  var yaml: String {
    """
    manifest: \(bench.path("data/manifest.yaml"))
    parameters: {split: train}
    steps:
      import: {stage: import-weights, inputs: {from: \(bench.path("net.pth"))}}
      cam-train: {stage: train-cam, inputs: {weights: import}, parameters: {epochs: 3}}
      cam: {stage: cam-infer, inputs: {weights: cam-train}, shards: 3, parameters: {flip: true}}
      side: {stage: train-cam, inputs: {weights: import}}
      score: {stage: evaluate, inputs: {masks: cam}, parameters: {name: CAM and more}}
      table: {stage: summarize, inputs: {evaluation: {CAM (train): score}}, final: true}

    """
  }

  let everything = ["cam 1/3", "cam 2/3", "cam 3/3", "cam-train", "import", "score", "side", "table"]
  let fromCam = ["cam 1/3", "cam 2/3", "cam 3/3", "score", "table"]

  func changed(_ old: String, _ new: String) throws -> Pipeline {
    #expect(yaml.contains(old))
    return try bench.pipeline(yaml.replacingOccurrences(of: old, with: new))
  }

  private func reason(_ pipeline: Pipeline, _ step: String, forced: [String] = []) throws -> String? {
    let planner = try Planner(pipeline, forced: forced)
    return planner.reason(of: try #require(planner.states().first { $0.step.name == step }))
  }

  @Test(arguments: [["-j1"], ["-j2"], ["-j8"]]) func runsEveryStepOnceAndThenNone(_ arguments: [String]) throws {
    let pipeline = try bench.pipeline(yaml)
    #expect(try bench.make(pipeline, arguments) == everything)
    #expect(try bench.make(pipeline, arguments) == [])
    #expect(try bench.text("commands").contains("--name CAM and more"))
    #expect(try bench.text("commands").contains("--evaluation CAM (train)="))
  }

  @Test func oneStepRunsWithWhatItNeeds() throws {
    let pipeline = try bench.pipeline(yaml)
    #expect(try bench.make(pipeline, ["cam-train"]) == ["cam-train", "import"])
    #expect(try bench.make(pipeline, ["score"]) == ["cam 1/3", "cam 2/3", "cam 3/3", "score"])
  }

  @Test func changedParameterRerunsThatStepAndWhatFollows() throws {
    try bench.make(try bench.pipeline(yaml))
    let flipped = try changed("flip: true", "flip: false")
    #expect(try reason(flipped, "cam") == "flip was true, is false")
    #expect(try reason(flipped, "score") == "it reads cam, which will run")
    #expect(try bench.make(flipped) == fromCam)
    #expect(try bench.make(flipped) == [])
    #expect(try bench.make(try changed("epochs: 3", "epochs: 4")) == (["cam-train"] + fromCam).sorted())
  }

  @Test func anotherSpellingAndOtherThreadsRerunNothing() throws {
    try bench.make(try bench.pipeline(yaml))
    #expect(try bench.make(try bench.pipeline(yaml, variables: ["THREADS": "3"])) == [])
    #expect(try bench.make(try changed("epochs: 3", "epochs: 03, batch: 16")) == [])
  }

  @Test func parameterSetBackBeforeTheStepRanRerunsNothing() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline)
    let other = try changed("flip: true", "flip: false")
    #expect(try bench.make(other, ["import"]) == [])
    #expect(try bench.make(pipeline) == [])
    // Once a shard ran with the other value, that shard's output alone is of no use for the old one. What it makes
    // again is the same.
    #expect(try bench.make(other, [bench.path("runs/test/cam/part-2-of-3.json")]) == ["cam 2/3"])
    #expect(try bench.make(pipeline) == ["cam 2/3"])
    #expect(try bench.make(pipeline) == [])
  }

  @Test func sameOutputMakesNothingAfterItStale() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.write("", to: "same-train-cam")
    try bench.make(pipeline)
    #expect(try bench.make(try changed("epochs: 3", "epochs: 4")) == ["cam-train"])
    #expect(try bench.make(pipeline, forced: ["cam-train"]) == ["cam-train"])
  }

  @Test func changedWiringRerunsTheStep() throws {
    try bench.make(try bench.pipeline(yaml))
    let rewired = try changed("inputs: {weights: cam-train}", "inputs: {weights: side}")
    #expect(try reason(rewired, "cam") == "its weights changed: side has other content than when it ran")
    #expect(try bench.make(rewired) == fromCam)
  }

  @Test func otherShardCountRerunsThatStepAndRemovesTheOldParts() throws {
    try bench.make(try bench.pipeline(yaml))
    let two = try changed("shards: 3", "shards: 2")
    #expect(try reason(two, "cam") == "its last run did not end")
    #expect(try bench.make(two) == ["cam 1/2", "cam 2/2", "score", "table"])
    let left = try FileManager.default.contentsOfDirectory(atPath: bench.path("runs/test/cam")).sorted()
    #expect(left == [1, 2].flatMap { part in [".h5", ".json", ".tsv"].map { "part-\(part)-of-2\($0)" } })
  }

  @Test func contentCountsAndTimesDoNot() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline)
    for file in ["net.pth", "data/items.tsv", "data/manifest.yaml", "data/i/1.png", "runs/test/cam/part-2-of-3.json"] {
      try bench.touch(file)
    }
    #expect(try bench.make(pipeline) == [])
    try bench.write("other weights", to: "net.pth")
    #expect(try reason(pipeline, "import") == "\(bench.path("net.pth")) has other content than when it ran")
    #expect(try bench.make(pipeline) == everything)
    try FileManager.default.removeItem(atPath: bench.path("runs/test/cam/part-2-of-3.json"))
    #expect(try bench.make(pipeline) == ["cam 2/3"])
    try FileManager.default.removeItem(atPath: bench.path("runs/test/cam"))
    #expect(try bench.make(pipeline) == ["cam 1/3", "cam 2/3", "cam 3/3"])
  }

  @Test func oneImageRerunsItsShardAndTheTrainings() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline, ["cam"])
    try bench.write("another image", to: "data/i/2.png")
    #expect(try reason(pipeline, "cam-train") == "images of the split train changed, or which there are")
    try bench.write("", to: "same-train-cam")
    #expect(try bench.make(pipeline, ["cam"]).contains("cam-train"))
    try bench.write("a third image", to: "data/i/2.png")
    #expect(try bench.make(pipeline, ["cam"]) == ["cam 2/3", "cam-train"])
    try bench.write("an image of the other split", to: "data/i/4.png")
    #expect(try bench.make(pipeline, ["cam"]) == [])
  }

  @Test func rebuiltProgramRerunsNothingButAnotherAlgorithmDoes() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline)
    try bench.installFakeStages()
    #expect(try bench.make(pipeline) == [])
    let newer = StageCatalogue.standard.replacing("cam-infer") { $0.algorithmVersion += 1 }
    #expect(
      try reason(try bench.pipeline(yaml, catalogue: newer), "cam")
        == "the stage cam-infer computes otherwise than before (algorithm 1, now 2)")
  }

  @Test func failedStepLeavesNoTargetAndTheNextMakeGoesOn() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.write("", to: "fail-cam-infer")
    #expect(
      try bench.make(pipeline, ["-k", "-j2"], expecting: 2).filter { $0.hasPrefix("score") || $0.hasPrefix("table") }
        == [])
    #expect(!bench.exists("runs/test/cam/part-1-of-3.json"))
    // Not even where make is told to go on in spite of errors.
    #expect(try bench.make(pipeline, ["-i"]).filter { $0.hasPrefix("score") || $0.hasPrefix("table") } == [])
    try FileManager.default.removeItem(atPath: bench.path("fail-cam-infer"))
    #expect(try bench.make(pipeline) == fromCam)
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.path("runs/test/cam")).count == 9)
  }

  @Test func failedRerunKeepsTheOldOutputsAndIsTriedAgain() throws {
    try bench.make(try bench.pipeline(yaml))
    let old = try bench.text("runs/test/cam-train/weights.h5")
    try bench.write("", to: "fail-train-cam")
    let other = try changed("epochs: 3", "epochs: 5")
    try bench.make(other, expecting: 2)
    #expect(try bench.text("runs/test/cam-train/weights.h5") == old)
    try bench.make(other, ["-t"])
    try FileManager.default.removeItem(atPath: bench.path("fail-train-cam"))
    #expect(try bench.make(other) == (["cam-train"] + fromCam).sorted())
  }

  @Test func stageThatWritesNothingFails() throws {
    try bench.write("#!/bin/sh\nexit 0\n", to: "programs/train-cam", mode: 0o755)
    #expect(try bench.make(try bench.pipeline(yaml), ["cam"], expecting: 2) == ["import"])
  }

  @Test func whatIsThereIsSaidWhereNothingSaysWhatMadeIt() throws {
    let pipeline = try bench.pipeline(yaml)
    #expect(try reason(pipeline, "side") == "it has not run yet")
    try bench.write("old", to: "runs/test/side/weights.h5")
    try bench.write("stage train-cam\n", to: "runs/test/side/.parameters")
    #expect(
      try reason(pipeline, "side")
        == "an earlier version of this project made it, which did not record what is needed here")
    try bench.make(pipeline)
    try bench.write("{}", to: "runs/test/side/step.json")
    #expect(try reason(pipeline, "side")?.contains("is not a completion file of this version") == true)
    try bench.make(pipeline)
    try bench.write("short", to: "runs/test/side/weights.h5")
    #expect(try reason(pipeline, "side") == "\(bench.path("runs/test/side/weights.h5")) has 5 bytes instead of 64")
    #expect(try bench.make(pipeline) == ["side"])
    #expect(try reason(pipeline, "side", forced: ["side"]) == "you ask for it (FORCE)")
  }

  @Test func overridesChangeParametersAndMisspeltOnesAreTold() throws {
    func overridden(_ text: String) throws -> Pipeline {
      try bench.write(yaml, to: "test.yaml")
      return try Pipeline(
        contentsOf: bench.path("test.yaml"), variables: ["OUT": bench.path("runs")],
        overrides: try Override.all(in: text))
    }
    try bench.make(try bench.pipeline(yaml))
    #expect(try reason(try overridden("cam.flip=false"), "cam") == "flip was true, is false")
    #expect(try reason(try overridden("*a*n.epochs=12"), "cam-train") == "epochs was 3, is 12")
    #expect(try bench.waiting(try overridden("cam.flip=true cam-train.epochs=3")) == [])
    for (text, message) in [
      ("cm.flip=false", "unknown step in SET \"cm\"; did you mean \"cam\"?"),
      ("cam.flp=false", "unknown parameter in SET for cam \"flp\"; did you mean \"flip\"?"),
      ("cam.flip=7", "flip"),
    ] {
      let problems = try #require(throws: PipelineProblems.self) { try overridden(text) }
      #expect(problems.description.contains(message), "\(problems)")
    }
    #expect(throws: Failure.self) { try Override.all(in: "flip") }
  }

  @Test func renamedStepIsAdoptedAndOrphansAreNamed() throws {
    try bench.make(try bench.pipeline(yaml))
    let renamed = try bench.pipeline(
      yaml.replacingOccurrences(of: "  cam: ", with: "  maps: ").replacingOccurrences(
        of: "masks: cam}", with: "masks: maps}"
      )
      .replacingOccurrences(of: "  side: {stage: train-cam, inputs: {weights: import}}\n", with: ""))
    #expect(renamed.orphans == ["cam", "side"])
    var moves: [String] = []
    try renamed.adopt { moves.append("\($1) -> \($0)") }
    #expect(moves == ["cam -> maps"])
    #expect(try bench.waiting(renamed) == [])
    #expect(renamed.orphans == ["side"])
  }

  @Test func verifyFindsWhatSizesDoNotTell() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline)
    let path = "runs/test/cam-train/weights.h5"
    let text = try bench.text(path)
    try bench.write(String(text.reversed()), to: path)
    #expect(try bench.waiting(pipeline) == [])
    let problems = try pipeline.verify { _, _ in }
    #expect(problems.map(\.problem) == ["\(bench.path(path)) has other content than when it was made"])
    #expect(problems.map(\.step.name) == ["cam-train"])
  }
}
