import Foundations
import PipelineGraph
import TestSupport

/// Pipeline files: keys, values, anchors, matrices; and what `SET` may say.
struct PipelineTarget: FuzzTarget {
  static let name = "pipelines"
  static let about = "pipeline files in YAML, keys too, and values of SET"
  static let refusals: Set<Failure.Kind> = [.data, .noInput, .usage, .configuration]
  private let seeds: [Seed]
  private let folder: String

  private static let yaml = """
    name: p
    manifest: {step: scenes}
    variables: {WHERE: here}
    parameters: &all {seed: 1, threads: 0}
    steps:
      scenes: {stage: make-scenes, parameters: {train: 48}}
      net: {stage: train-cam, parameters: &small {epochs: 3, batch: 4, crop: 64}}
      cam: {stage: cam-infer, inputs: {weights: net}, shards: 2, parameters: {scales: [0.5, 1], flip: true}}
      crf:
        stage: crf
        inputs: {scores: cam}
        parameters: {background-power: 4, seed: 2}
        matrix: {gaussian-weight: [1, 3], iterations: [0, 10]}
      import: {stage: import-weights, inputs: {from: {path: $WHERE/w.pth}}}
      score: {stage: evaluate, inputs: {masks: {step: crf, cell: {iterations: 10}}}}
      table: {stage: summarize, inputs: {evaluation: {CRF: score}, masks: {CAM: cam}}, final: true}

    """

  init(_ setting: FuzzSetting) throws {
    folder = setting.folder.path
    try AtomicFile.createFolder("\(folder)/here")
    try AtomicFile.write("x", to: "\(folder)/here/w.pth")
    let text = Self.yaml.replacing("WHERE: here", with: "WHERE: \(folder)/here")
    let words = [
      "stage", "inputs", "parameters", "matrix", "shards", "final", "steps", "manifest", "step", "path", "cell", "seed",
      "threads", "crf", "cam", "train-seg", "evaluate", "9999", "10000", "*small", "*all", "&b [*b, *b]",
      "? *small\n: 1",
      "{? [a, b] : c}", "<<: *small", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
    ]
    seeds = [.text("pipeline", text, words: words)]
    try read(Array(text.utf8), [])
  }

  func run(_ index: Int) throws {
    let bytes = seeds.input(index).bytes
    var draw = Mutations("set", index)
    let overrides =
      index % 3 == 0
      ? try Override.all(
        in: "\(draw.pick(["crf", "*", "net", "cr*", ""])).\(draw.pick(["epochs", "seed", "scales"]))=\(draw.pick([]))")
      : []
    try read(bytes, overrides)
  }

  private func read(_ bytes: [UInt8], _ overrides: [Override]) throws {
    try Seed.write(bytes, to: "\(folder)/p.yaml")
    do {
      let pipeline = try Pipeline(
        contentsOf: "\(folder)/p.yaml", variables: ["OUT": "\(folder)/runs"], overrides: overrides)
      _ = pipeline.dot()
      for step in pipeline.steps.prefix(100) { _ = pipeline.command(of: step, shard: 1) }
    } catch let problems as PipelineProblems {
      guard problems.diagnostics.allSatisfy({ Self.refusals.contains($0.kind) }) else {
        throw Failure(.software, "\(problems)")
      }
      throw Failure(.data, "\(problems)")
    }
  }
}
