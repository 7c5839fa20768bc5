import ArgumentParser
import Datasets
import DenseCRF
import Foundations
import PSA
import SSDD
import StageInterface
import StageKit
import TensorStore
import Tensors

@main
struct CRF: Stage {
  @OptionGroup var options: CRFStageOptions

  func execute(_ run: StageRun) throws {
    let parameters = try options.crf.parameters()
    if options.folders.areGiven {
      try FolderCRF.refine(options, run, parameters: parameters)
    } else if let scores = options.inputs.scores {
      try refine(scores, run, parameters: parameters)
    }
  }

  private func refine(_ scores: String, _ run: StageRun, parameters: DenseCRFParameters) throws {
    let data = try run.data(options.data, split: options.split)
    let foreign: NumpyFolder.Content = options.backgroundPower < 0 ? .withBackground : .objectsOnly
    let source = try SeedScores(scores, for: data.items, classes: data.classes, kernels: run.kernels, foreign: foreign)
    let cache = DenseCRFCache()
    let provenance = try run.provenance(inputs: [("scores", scores)])
    try run.writeMaps(data, hasMaps: true, writesNumpy: options.writesNumpy ?? false, provenance: provenance) { item in
      let image = try item.image()
      var map = try source.scores(of: item, width: image.width, height: image.height)
      try addBackground(to: &map)
      let field = try DenseCRF(
        width: image.width, height: image.height, rgb: image.pixels, parameters: parameters, threads: run.threads,
        cache: cache)
      let softened = tempered(map.values, temperature: Float(options.crf.temperature))
      let refined = try field.infer(probabilities: softened)
      // The mask that is scored is the one that is learned: later steps decide from the scores as they are stored.
      let stored = ClassScores(values: refined.inHalfPrecision, labels: map.labels)
      return MapResult(
        scores: .init(stored, size: (image.width, image.height)), masks: [("masks", run.kernels.argMax(stored))])
    }
  }

  private func addBackground(to map: inout ClassScores) throws {
    // An image without classes has background alone, whatever the others need.
    if map.labels == [0] { return }
    let (hasBackground, scores) = (map.labels.contains(0), options.inputs.scores)
    guard options.backgroundPower > 0 else {
      guard hasBackground else {
        throw Failure(
          .usage, "the maps have no background; give --background-power, PSA's is 16", file: scores,
          item: "--background-power")
      }
      return
    }
    guard !hasBackground else {
      throw Failure(
        .usage, "the maps have a background already; leave --background-power out", file: scores,
        item: "--background-power")
    }
    let values = withBackground(map.values, power: Float(options.backgroundPower))
    map = ClassScores(values: values, labels: [0] + map.labels)
  }
}
