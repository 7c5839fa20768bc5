import ArgumentParser
import Datasets
import DenseCRF
import Foundations
import Imaging
import PSA
import StageKit
import TensorStore
import Tensors

@main
struct CRF: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "crf", abstract: "Sharpen score maps along image edges with a fully connected CRF (mean field, permutohedral lattice).",
    discussion: example("crf --manifest M.yaml --data DIR --scores runs/psa --out runs/psa-crf"))

  @OptionGroup var shared: SharedOptions

  @Option(help: "Split of the manifest to work on.")
  var split = "train"
  @Option(help: ArgumentHelp("Score maps of cam-infer or psa-infer.", valueName: "DIR"))
  var scores: String
  @Option(
    name: .customLong("background-power"),
    help: "For maps without background: put (1 - max)^POWER in front; -1 where the maps have one.")
  var backgroundPower: Float = -1
  @Option(help: "Mean-field iterations.")
  var iterations = 10
  @Option(name: .customLong("gaussian-spread"), help: "Spread of the position-only kernel in pixels.")
  var gaussianSpread: Float = 3
  @Option(name: .customLong("gaussian-weight"), help: "Weight of the position-only kernel.")
  var gaussianWeight: Float = 3
  @Option(name: .customLong("bilateral-spread"), help: "Spread of the bilateral kernel in pixels.")
  var bilateralSpread: Float = 80
  @Option(name: .customLong("colour-spread"), help: "Spread of the bilateral kernel in grey levels.")
  var colourSpread: Float = 13
  @Option(name: .customLong("bilateral-weight"), help: "Weight of the bilateral kernel.")
  var bilateralWeight: Float = 10

  func execute(_ run: StageRun) throws {
    let parameters = DenseCRFParameters(
      gaussianSpread: gaussianSpread, gaussianWeight: gaussianWeight, bilateralSpread: bilateralSpread, colourSpread: colourSpread,
      bilateralWeight: bilateralWeight, iterations: iterations)
    try parameters.validate()
    let data = try run.data(shared, split: split)
    let source = try SeedScores(scores, for: data.items, classes: data.classes, kernels: run.kernels)
    let cache = DenseCRFCache()
    try run.writeMaps(data, hasMaps: true, provenance: try run.provenance(inputs: [("scores", scores)])) { item in
      let image = try item.image()
      var map = try source.scores(of: item, width: image.width, height: image.height)
      try addBackground(to: &map)
      let field = try DenseCRF(
        width: image.width, height: image.height, rgb: image.pixels, parameters: parameters, threads: run.threads, cache: cache)
      let refined = try field.infer(probabilities: map.values)
      return MapResult(
        scores: ScoreMap(scores: refined, labels: data.classes.values(of: map.labels), height: image.height, width: image.width),
        masks: [("masks", LabelMask(ofScores: refined, labels: map.labels))])
    }
  }

  private func addBackground(to map: inout SeedScores.Scores) throws {
    let hasBackground = map.labels.contains(0)
    guard backgroundPower >= 0 else {
      guard hasBackground else {
        throw Failure(.usage, "the maps have no background; give --background-power, PSA's is 16", file: scores, item: "--background-power")
      }
      return
    }
    guard !hasBackground else {
      throw Failure(.usage, "the maps have a background already; leave --background-power out", file: scores, item: "--background-power")
    }
    guard backgroundPower > 0 else { throw Failure(.usage, expected: "above 0, or -1", found: "\(backgroundPower)", item: "--background-power") }
    map = SeedScores.Scores(values: withBackground(map.values, alpha: backgroundPower), labels: [0] + map.labels)
  }
}
