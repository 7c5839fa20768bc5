import ArgumentParser
import Datasets
import MethodChoices
import Networks
import NeuralNet
import SSDD
import StageInterface
import StageKit
import TensorStore
import Tensors

@main
struct SSDDMerge: Stage {
  @OptionGroup var options: SSDDMergeOptions

  func execute(_ run: StageRun) throws {
    let (weights, knowledge, advice) = (options.inputs.weights, options.inputs.knowledge, options.inputs.advice)
    var parameters = options.difference.parameters(merging: true)
    parameters.seedDecision = options.seedDecision
    parameters.differenceStorage = options.differenceStorage
    if !options.classGuard { parameters.shrinkThreshold = 0 }
    let data = try run.data(options.data, split: options.split)
    let file = try NetworkFile(weights, accepting: [.staticDifference])
    try file.requireClasses(data.classes)
    // What the DD-Net's output means was decided when it was trained.
    let target = file.tensors.attributes["difference_target"]?.asString
    parameters.differenceTarget = target.flatMap(DifferenceTarget.init(rawValue:)) ?? parameters.differenceTarget
    let network = try SSDDNetwork(file.networkSpecification(), stage: .static)
    try load(file.tensors.entries, into: network, file: weights)
    let merge = SeedMerge(network: network, parameters: parameters)
    let kernels = run.inferenceKernels()
    let knowledgeScores = try SeedScores(knowledge, for: data.items, classes: data.classes, kernels: kernels)
    let adviceScores = try SeedScores(advice, for: data.items, classes: data.classes, kernels: kernels)
    let provenance = try run.provenance(inputs: [("weights", weights), ("knowledge", knowledge), ("advice", advice)])
    try run.writeMaps(data, hasMaps: true, provenance: provenance) { item in
      let image = try item.image()
      func scores(_ source: SeedScores) throws -> ClassScores {
        try source.scores(of: item, width: image.width, height: image.height)
      }
      let merged = merge.merge(
        image: image.networkInput, knowledge: try scores(knowledgeScores), advice: try scores(adviceScores),
        present: try PresentLabels([item.labels ?? []], classes: data.classes.count), kernels: kernels)
      return MapResult(
        maps: [("knowledge", merged.knowledgeDifference), ("advice", merged.adviceDifference)],
        masks: [("masks", merged.mask)],
        attributes: [
          ("bad_sample", AttributeValue(merged.isBad ? 1 : 0)), ("advice_share", AttributeValue(merged.adviceShare)),
        ])
    }
  }
}
