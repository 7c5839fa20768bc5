import ArgumentParser
import Datasets
import DenseCRF
import Foundations
import Imaging
import Models
import NeuralNet
import StageKit
import TensorStore
import Tensors

@main
struct InferSeg: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "infer-seg", abstract: "Segment images with a trained network: several scales and mirrored, softmax averaged, CRF on request.",
    discussion: example("infer-seg --manifest M.yaml --data DIR --split val --weights dynamic/weights.h5 --crf --out runs/val"))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var crfOptions: CRFOptions

  @Option(help: "Split of the manifest to work on.")
  var split = "val"
  @Option(help: ArgumentHelp("Trained network (train-seg, train-ddnet, train-seg-dynamic).", valueName: "FILE"))
  var weights: String
  @Option(help: "Sizes at which the image is seen, separated by commas.")
  var scales: NumberList = [0.5, 0.75, 1, 1.25, 1.5]
  @Flag(inversion: .prefixedNo, help: "See each size mirrored too.")
  var flip = true
  @Option(help: "none: every class may occur; image: only those of the image-level labels.")
  var labels = LabelUse.none
  @Flag(inversion: .prefixedNo, help: "Write masks-crf/ too: the masks after a CRF.")
  var crf = false

  enum LabelUse: String, ExpressibleByArgument, CaseIterable { case none, image }

  func execute(_ run: StageRun) throws {
    let data = try run.data(shared, split: split, labelled: labels == .image)
    let file = try NetworkFile(weights, accepting: [.segmentation, .staticDifference, .dynamicDifference])
    try file.requireClasses(data.classes)
    let network = try SegmentationModel(file.modelSpecification())
    try load(file.tensors.entries, into: network, unexpected: .prefixes(["seg_sub.", "dd"]), file: weights)
    let inference = MultiScaleSegmentation(network: network, scales: scales.values, flip: flip, kernels: run.kernels)
    let parameters = try crfOptions.parameters(iterations: 10)
    let cache = DenseCRFCache()
    try run.writeMaps(data, hasMaps: false, provenance: try run.provenance(inputs: [("weights", weights)])) { item in
      let image = try item.image()
      let classes = labels == .image ? item.presentClasses : Array(0..<data.classes.count)
      let probabilities = try inference.probabilities(of: image, classes: classes)
      var masks = [("masks", LabelMask(ofScores: probabilities, labels: classes))]
      if crf {
        let field = try DenseCRF(
          width: image.width, height: image.height, rgb: image.pixels, parameters: parameters, threads: run.threads, cache: cache)
        masks.append(("masks-crf", LabelMask(ofScores: try field.infer(probabilities: probabilities), labels: classes)))
      }
      return MapResult(masks: masks)
    }
  }
}
