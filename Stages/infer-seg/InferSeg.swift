import ArgumentParser
import Datasets
import DenseCRF
import Networks
import NeuralNet
import SSDD
import StageInterface
import StageKit
import TensorStore
import Tensors

@main
struct InferSeg: Stage {
  @OptionGroup var options: InferSegOptions

  func execute(_ run: StageRun) throws {
    let (weights, labels) = (options.inputs.weights, options.labels)
    let data = try run.data(options.data, split: options.split, labelled: labels == .image)
    let file = try NetworkFile(weights, accepting: [.segmentation, .staticDifference, .dynamicDifference])
    try file.requireClasses(data.classes)
    let network = try SegmentationNetwork(file.networkSpecification())
    try load(file.tensors.entries, into: network, unexpected: .prefixes(["seg_sub.", "dd"]), file: weights)
    let inference = MultiScaleSegmentation(
      network: network, scales: options.scales.values, flip: options.flip, fusion: options.fusion, side: options.side,
      kernels: run.inferenceKernels(memory: options.memory))
    let memory = InferenceMemory(limit: options.memory, modules: [network], threads: run.threads)
    let parameters = try options.crf.parameters()
    let cache = DenseCRFCache()
    try run.writeMaps(data, hasMaps: false, provenance: try run.provenance(inputs: [("weights", weights)])) { item in
      let image = try item.image()
      let classes = labels == .image ? item.presentClasses : Array(0..<data.classes.count)
      let probabilities = try memory.probabilities(by: inference, of: image, classes: classes)
      var masks = [("masks", run.kernels.argMax(ClassScores(values: probabilities, labels: classes)))]
      if options.isWithCRF {
        let field = try DenseCRF(
          width: image.width, height: image.height, rgb: image.pixels, parameters: parameters, threads: run.threads,
          cache: cache)
        let softened = tempered(probabilities, temperature: Float(options.crf.temperature))
        let refined = ClassScores(values: try field.infer(probabilities: softened), labels: classes)
        masks.append(("masks-crf", run.kernels.argMax(refined)))
      }
      return MapResult(masks: masks)
    }
  }
}
