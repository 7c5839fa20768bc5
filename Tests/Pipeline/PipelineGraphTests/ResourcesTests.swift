import Foundation
import PipelineGraph
import StepFiles
import TestSupport
import Testing

/// `resources:` and `shards: auto` of a step.
struct ResourcesTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  private static let yaml = """
    manifest: {step: scenes}
    steps:
      scenes: {stage: make-scenes}
      net: {stage: train-cam, resources: {cores: 16, memory: 1.5G, time: 1-12:00:00, nodes: 2, ranks-per-node: 2,
          flags: [--x]}}
      cam: {stage: cam-infer, inputs: {weights: net}, shards: auto, parameters: {split: train}}

    """

  @Test func resourcesAreReadAndMakeNothingRunAgain() throws {
    let pipeline = try bench.pipeline(Self.yaml)
    let request = try #require(pipeline["net"]).resources
    #expect(
      request.cores == 16 && request.memory == 3 << 29 && request.seconds == 129_600 && request.nodes == 2
        && request.ranksPerNode == 2)
    #expect(
      request.flags == ["--x"] && request.partition == nil && pipeline["cam"]?.resources == ResourceRequest())
    let other = try bench.pipeline(Self.yaml.replacingOccurrences(of: "cores: 16", with: "cores: 8"))
    #expect(
      try pipeline.jobs(of: #require(pipeline["net"]))[0].assignment
        == other.jobs(of: #require(other["net"]))[0].assignment)
    var own = ResourceRequest(cores: 2)
    own.partition = "short"
    let filled = own.filled(from: request)
    #expect(
      filled.cores == 2 && filled.partition == "short" && filled.memory == 3 << 29 && filled.flags == ["--x"])
  }

  @Test func whatIsWrongIsToldAtItsPlace() throws {
    let wrong = Self.yaml.replacingOccurrences(of: "cores: 16", with: "core: 16").replacingOccurrences(
      of: "1.5G", with: "lots"
    )
    .replacingOccurrences(of: "[--x]", with: "[--dependency=afterok:1]")
    #expect(
      try bench.problems(wrong) == [
        "4:39: unknown key of resources of step net \"core\"; did you mean \"cores\"?",
        "4:57: memory: expected a size such as 800M or 12G, found \"lots\"",
        "5:15: flags: the pipeline itself tells sbatch --dependency",
      ])
    #expect(
      try bench.problems(
        Self.yaml.replacingOccurrences(of: "  net: {stage", with: "  logs: {stage: make-scenes}\n  net: {stage")
      )
      .first?.hasPrefix("4:3: a step cannot be named \"logs\": the pipeline keeps files of its own in that folder")
        == true)
    #expect(
      try bench.problems(Self.yaml.replacingOccurrences(of: "train-cam,", with: "train-cam, shards: auto,")).first?
        .contains("takes no shards") == true)
  }

  /// The fake scenes have three images in the split train.
  @Test(.enabled(if: BuiltPrograms.exist("pipeline"), "the programs are not built beside the tests"))
  func automaticShardsFollowTheImagesAndStay() throws {
    try bench.installFakeStages()
    func shards(_ imagesPerTask: Int?) throws -> Int? {
      try Pipeline(
        contentsOf: bench.path("test.yaml"), variables: ["OUT": bench.path("runs")], imagesPerTask: imagesPerTask)[
          "cam"]?.shards
    }
    let unmade = try bench.pipeline(Self.yaml)
    #expect(unmade["cam"]?.shards == 1)
    #expect(throws: PipelineProblems.self) { try shards(2) }
    try bench.make(unmade, ["scenes"])
    #expect(try [1, 2, 3, 100, nil].map(shards) == [3, 2, 1, 1, 1])
    let divided = try Pipeline(
      contentsOf: bench.path("test.yaml"), variables: ["OUT": bench.path("runs")], imagesPerTask: 2)
    #expect(try bench.make(divided) == ["cam 1/2", "cam 2/2", "net"])
    // Without a profile the division that is there stays.
    let plain = try Pipeline(contentsOf: bench.path("test.yaml"), variables: ["OUT": bench.path("runs")])
    #expect(plain["cam"]?.shards == 2)
    #expect(try bench.waiting(plain) == [])
    #expect(try shards(1) == 3)
  }
}
