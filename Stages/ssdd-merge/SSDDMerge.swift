import ArgumentParser
import Datasets
import Foundations
import Imaging
import Models
import NeuralNet
import SSDD
import StageKit
import TensorStore
import Tensors

@main
struct SSDDMerge: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "ssdd-merge", abstract: "Decide between knowledge and advice pixel by pixel: m^D0 = SSDD(m^K0, m^A0) (paper, Eqs. 3 to 5 and 10).",
    discussion: example("ssdd-merge --manifest M.yaml --data DIR --weights ddnet/weights.h5 --knowledge psa --advice crf --out runs/merge"))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var difference: SSDDOptions

  @Option(help: "Split of the manifest to work on.")
  var split = "train"
  @Option(help: ArgumentHelp("Network of the static stage (train-ddnet).", valueName: "FILE"))
  var weights: String
  @Option(help: ArgumentHelp("Score maps p^K0 (psa-infer).", valueName: "DIR"))
  var knowledge: String
  @Option(help: ArgumentHelp("Score maps p^A0 (crf).", valueName: "DIR"))
  var advice: String
  @Flag(name: .customLong("class-guard"), inversion: .prefixedNo, help: "Hold on to the knowledge of a class whose area the advice shrinks below half.")
  var classGuard = true

  func execute(_ run: StageRun) throws {
    var parameters = difference.parameters(merging: true)
    if !classGuard { parameters.shrinkThreshold = 0 }
    let data = try run.data(shared, split: split)
    let file = try NetworkFile(weights, accepting: [.staticDifference])
    try file.requireClasses(data.classes)
    // What the DD-Net's output means was decided when it was trained.
    if let target = file.tensors.attributes["difference_target"]?.asString.flatMap(SSDDParameters.DifferenceTarget.init(rawValue:)) {
      parameters.differenceTarget = target
    }
    let network = try SSDDModel(file.modelSpecification(), stage: .static)
    try load(file.tensors.entries, into: network, file: weights)
    let merge = SeedMerge(model: network, parameters: parameters)
    let kernels = run.inferenceKernels()
    let knowledgeScores = try SeedScores(knowledge, for: data.items, classes: data.classes, kernels: kernels)
    let adviceScores = try SeedScores(advice, for: data.items, classes: data.classes, kernels: kernels)
    let provenance = try run.provenance(inputs: [("weights", weights), ("knowledge", knowledge), ("advice", advice)])
    try run.writeMaps(data, hasMaps: true, provenance: provenance) { item in
      let image = try item.image()
      func scores(_ source: SeedScores) throws -> SeedScores.Scores { try source.scores(of: item, width: image.width, height: image.height) }
      let merged = try merge.run(
        image: image.networkInput, knowledge: try scores(knowledgeScores), advice: try scores(adviceScores),
        present: try PresentLabels([item.labels ?? []], classes: data.classes.count), kernels: kernels)
      return MapResult(
        maps: [("knowledge", merged.knowledgeDifference), ("advice", merged.adviceDifference)],
        masks: [("masks", LabelMask(width: image.width, height: image.height, labels: merged.mask.labels))],
        attributes: [("bad_sample", AttributeValue(merged.isBad ? 1 : 0)), ("advice_share", AttributeValue(merged.adviceShare))])
    }
  }
}
