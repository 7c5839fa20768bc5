import Foundation
import PipelineGraph
import StageInterface
import Testing

/// The generated rules under real GNU make, with small scripts in the place of the stages.
@Suite struct RulesTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    try bench.installFakeStages()
    try bench.write("imagenet", to: "net.pth")
    try bench.write("items: items.tsv\n", to: "data/manifest.yaml")
    try bench.write("id\tsplit\tlabels\n", to: "data/items.tsv")
  }

  var yaml: String {
    """
    manifest: \(bench.path("data/manifest.yaml"))
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
    #expect(try bench.make(try changed("flip: true", "flip: false")) == fromCam)
    #expect(try bench.make(try changed("flip: true", "flip: false")) == [])
    let epochs = try changed("epochs: 3", "epochs: 4")
    #expect(try bench.make(epochs) == (["cam-train"] + fromCam).sorted())
  }

  @Test func anotherSpellingAndOtherThreadsRerunNothing() throws {
    try bench.make(try bench.pipeline(yaml))
    #expect(try bench.make(try bench.pipeline(yaml, variables: ["THREADS": "3"])) == [])
    #expect(try bench.make(try changed("epochs: 3", "epochs: 03")) == [])
  }

  @Test func parameterSetBackBeforeTheStepRanRerunsNothing() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline)
    let other = try changed("flip: true", "flip: false")
    #expect(try bench.make(other, ["import"]) == [])
    #expect(try bench.make(pipeline) == [])
    // Once a shard ran with the other value, only that shard's output is of no use for the old one.
    #expect(try bench.make(other, [bench.path("runs/test/cam/part-2-of-3.json")]) == ["cam 2/3"])
    #expect(try bench.make(pipeline) == fromCam)
    #expect(try bench.make(pipeline) == [])
  }

  @Test func changedWiringRerunsTheStep() throws {
    try bench.make(try bench.pipeline(yaml))
    #expect(try bench.make(try changed("inputs: {weights: cam-train}", "inputs: {weights: side}")) == fromCam)
  }

  @Test func otherShardCountRerunsAndRemovesTheOldParts() throws {
    try bench.make(try bench.pipeline(yaml))
    try bench.write("x", to: "runs/test/cam/part-3-of-3.h5")
    #expect(try bench.make(try changed("shards: 3", "shards: 2")) == ["cam 1/2", "cam 2/2", "score", "table"])
    let left = try FileManager.default.contentsOfDirectory(atPath: bench.path("runs/test/cam")).filter { $0.hasPrefix("part") }.sorted()
    #expect(left == ["part-1-of-2.json", "part-2-of-2.json"])
  }

  @Test func newerInputRerunsWhatDependsOnIt() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline)
    try bench.touch("net.pth")
    #expect(try bench.make(pipeline) == everything)
    try bench.touch("data/items.tsv")
    #expect(try bench.make(pipeline) == everything.filter { $0 != "import" })
    try bench.touch("runs/test/cam/part-2-of-3.json")
    #expect(try bench.make(pipeline) == ["score", "table"])
    try FileManager.default.removeItem(atPath: bench.path("runs/test/cam/part-2-of-3.json"))
    #expect(try bench.make(pipeline) == ["cam 2/3", "score", "table"])
    try FileManager.default.removeItem(atPath: bench.path("runs/test/cam"))
    #expect(try bench.make(pipeline) == fromCam)
  }

  @Test func rebuiltProgramRerunsNothingButAnotherAlgorithmDoes() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline)
    try bench.installFakeStages()
    #expect(try bench.make(pipeline) == [])
    let newer = StageCatalogue.standard.replacing("cam-infer") { $0.algorithmVersion += 1 }
    #expect(try bench.make(try bench.pipeline(yaml, catalogue: newer)) == fromCam)
    #expect(try bench.make(try bench.pipeline(yaml, catalogue: newer)) == [])
  }

  @Test func failedStepLeavesNoTargetAndTheNextMakeGoesOn() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.write("", to: "fail-cam-infer")
    #expect(try bench.make(pipeline, ["-k", "-j2"], expecting: 2).filter { $0.hasPrefix("score") || $0.hasPrefix("table") } == [])
    #expect(!bench.exists("runs/test/cam/part-1-of-3.json"))
    try FileManager.default.removeItem(atPath: bench.path("fail-cam-infer"))
    #expect(try bench.make(pipeline) == fromCam)
  }

  @Test func failedRerunKeepsTheOldOutputsAndIsTriedAgain() throws {
    try bench.make(try bench.pipeline(yaml))
    let old = try bench.text("runs/test/cam-train/weights.h5")
    try bench.write("", to: "fail-train-cam")
    let other = try changed("epochs: 3", "epochs: 5")
    try bench.make(other, expecting: 2)
    #expect(try bench.text("runs/test/cam-train/weights.h5") == old)
    try FileManager.default.removeItem(atPath: bench.path("fail-train-cam"))
    #expect(try bench.make(other) == (["cam-train"] + fromCam).sorted())
  }

  @Test func stageThatWritesNothingFails() throws {
    try bench.write("#!/bin/sh\nexit 0\n", to: "programs/train-cam", mode: 0o755)
    #expect(try bench.make(try bench.pipeline(yaml), ["cam"], expecting: 2) == ["import"])
  }

  @Test func stageThatFindsItsWorkDoneCountsAsDone() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline)
    let other = try changed("epochs: 3", "epochs: 6")
    try bench.write("#!/bin/sh\nexit 0\n", to: "programs/train-cam", mode: 0o755)
    #expect(try bench.make(other) == fromCam)
    #expect(try bench.make(other) == [])
  }

  @Test func dryRunTellsWhatWouldRunAndTouchesNothing() throws {
    let pipeline = try bench.pipeline(yaml)
    try bench.make(pipeline)
    let other = try changed("flip: true", "flip: false")
    let stamp = try bench.text("runs/test/cam/.parameters")
    try FileManager.default.removeItem(atPath: bench.path("programs"))
    for (pipeline, expected) in [(pipeline, []), (other, ["'== cam (1 of 3)'", "'== cam (2 of 3)'", "'== cam (3 of 3)'", "'== score'", "'== table'"])] {
      try MakeRules(pipeline, programs: bench.path("programs")).writeForDryRun(to: bench.path("dry.mk"))
      let result = try bench.run("/usr/bin/env", ["make", "-n", "-f", bench.path("dry.mk")])
      #expect(result.status == 0)
      let told = result.output.split(separator: "\n").filter { $0.hasPrefix("echo '==") }.map { String($0.dropFirst(5)) }
      #expect(told.sorted() == expected, "\(result.output)")
    }
    #expect(try bench.text("runs/test/cam/.parameters") == stamp)
  }

  @Test func statesTellWhy() throws {
    func reasons(_ pipeline: Pipeline, _ step: String) throws -> [StepState.Reason] {
      try #require(StepState.all(of: pipeline).first { $0.step.name == step }).reasons
    }
    let pipeline = try bench.pipeline(yaml)
    #expect(try reasons(pipeline, "import") == [.missing(bench.path("runs/test/import/weights.h5"))])
    try bench.make(pipeline)
    #expect(StepState.all(of: pipeline).allSatisfy { !$0.willRun && $0.seconds != nil })
    let other = try changed("epochs: 3", "epochs: 4")
    let difference = StepState.Reason.changed(removed: ["parameter epochs 3"], added: ["parameter epochs 4"])
    #expect(try reasons(other, "cam-train") == [difference])
    #expect(try reasons(other, "cam") == [.follows("cam-train")])
    #expect(try reasons(other, "side") == [])
    // The rules have been written but the step has not run yet.
    usleep(20_000)
    try MakeRules(other, programs: bench.path("programs")).write(to: bench.path("runs/test/rules.mk"))
    #expect(try reasons(other, "cam-train") == [difference])
    try bench.make(other)
    try bench.touch("data/items.tsv")
    #expect(try reasons(other, "side") == [.newer(bench.path("data/items.tsv"))])
    #expect(try reasons(other, "import") == [])
  }
}
