import Foundation
import PipelineGraph
import Recipes
import StepFiles
import Testing

/// How long a pipeline that has not run yet will take, by its stages, images and options.
@Suite struct CostEstimateTests {
  private let bench: Workbench

  init() throws { bench = try Workbench() }

  private static let yaml = """
    manifest: {step: scenes}
    steps:
      scenes: {stage: make-scenes, parameters: {train: 100, val: 20}}
      net: {stage: train-cam, parameters: {epochs: 2, crop: 224, width: 0.5, depth: 0.5}}
      cam: {stage: cam-infer, inputs: {weights: net}, shards: 4, parameters: {scales: [1, 2], flip: false}}
      crf: {stage: crf, inputs: {scores: cam}, parameters: {background-power: 4}}
      weights: {stage: import-weights, inputs: {from: {path: PATH}}}

    """

  private func plan(_ cores: Int, times: String = "") throws -> Plan {
    try bench.write("x", to: "w.pth")
    let pipeline = try bench.pipeline(Self.yaml.replacing("PATH", with: bench.path("w.pth")))
    if !times.isEmpty { try bench.write(times, to: "runs/test/times.tsv") }
    let model = CostEstimate(pipeline, maker: RecipeMaker(cache: DigestCache(nil)), cores: cores)
    return Plan(pipeline, try bench.states(pipeline), programs: "programs", costs: model)
  }

  @Test func jobsAreEstimatedByStageImagesAndOptions() throws {
    let plan = try plan(2)
    func seconds(_ step: String) throws -> Double { try #require(plan.time(of: step)).seconds }
    #expect(abs(try seconds("scenes") - 1.2) < 1e-9)
    // 100 images, 2 epochs, a quarter of the crop's pixels, a quarter of the channels' products, half the blocks.
    #expect(abs(try seconds("net") - 3.05 * 100 * 2 / 4 / 8) < 1e-9)
    // Four parts of 25 images, five times the pixels, the same trunk.
    #expect(abs(try seconds("cam") - 0.97 * 100 * 5 / 8) < 1e-9)
    #expect(abs(try seconds("crf") - 0.034 * 100) < 1e-9)
    #expect(plan.jobs.allSatisfy { $0.source == .estimated })
    #expect(plan.jobs[0].left.source == .estimated && plan.jobs[0].left.words == "very roughly ")
    let sum = try ["scenes", "net", "cam", "crf", "weights"].map(seconds).reduce(0, +)
    #expect(abs(plan.jobs[0].left.seconds - sum) < 1e-6)
  }

  @Test func coresShareWorkOverImagesAndATrainingLess() throws {
    let (two, eight) = (try plan(2), try plan(8))
    func ratio(_ step: String) throws -> Double {
      try #require(two.time(of: step)).seconds / (try #require(eight.time(of: step)).seconds)
    }
    #expect(abs(try ratio("crf") - 4) < 1e-9)
    #expect(try (2...3).contains(ratio("net")))
  }

  @Test func theLastRunIsBetterThanTheModel() throws {
    let plan = try plan(2, times: "crf\t77.0\n")
    let time = try #require(plan.time(of: "crf"))
    #expect(abs(time.seconds - 77) < 1e-9 && time.source == .measured && time.sign.isEmpty && time.words == "about ")
    // One that is not known makes the whole an estimate.
    #expect(plan.jobs[0].left.source == .estimated && plan.jobs[0].left.sign == "~")
  }
}
