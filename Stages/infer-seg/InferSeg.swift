import ArgumentParser
import Datasets
import DenseCRF
import Foundations
import Imaging
import Models
import NeuralNet
import SSDD
import StageKit
import TensorStore
import Tensors

@main
struct InferSeg: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "infer-seg", abstract: "Segment images with a trained network: several scales, mirrored too, CRF on request.",
    discussion: example(
      "infer-seg --manifest M.yaml --data DIR --split val --weights dynamic/weights.h5 --crf --out runs/val",
      about: """
        meanKeepingRatio: the image in its own ratio, mean of the softmaxes. softmaxOfSumSquare: the image squeezed to a square, softmax of the sum of the \
        softmaxes (the reference's way).
        """))

  @OptionGroup var shared: SharedOptions
  @OptionGroup var crfOptions: CRFOptions
  @OptionGroup var inference: InferenceMemoryOptions

  @Option(help: "Split of the manifest to work on.")
  var split = "val"
  @Option(help: ArgumentHelp("Trained network (train-seg, train-ddnet, train-seg-dynamic).", valueName: "FILE"))
  var weights: String
  @Option(help: "Sizes at which the image is seen, separated by commas.")
  var scales: NumberList = [0.5, 0.75, 1, 1.25, 1.5]
  @Flag(inversion: .prefixedNo, help: "See each size mirrored too.")
  var flip = true
  @Option(help: "Values of what paper and reference give differently, here --fusion: default, paper or reference.")
  var preset = Preset.default
  @Option(help: "How the sizes are made and joined: meanKeepingRatio or softmaxOfSumSquare. Default: the preset's.")
  var fusion: SSDDParameters.ScaleFusion?
  @Option(help: "Side of the square of softmaxOfSumSquare.")
  var side = 448
  @Option(help: "none: every class may occur; image: only those of the image-level labels.")
  var labels = LabelUse.none
  @Flag(inversion: .prefixedNo, help: "Write masks-crf/ too: the masks after a CRF.")
  var crf = false

  enum LabelUse: String, ExpressibleByArgument, CaseIterable { case none, image }

  func execute(_ run: StageRun) throws {
    guard (16...8192).contains(side) else { throw Failure(.usage, expected: "16 to 8192", found: "\(side)", item: "--side") }
    let data = try run.data(shared, split: split, labelled: labels == .image)
    let file = try NetworkFile(weights, accepting: [.segmentation, .staticDifference, .dynamicDifference])
    try file.requireClasses(data.classes)
    let network = try SegmentationModel(file.modelSpecification())
    try load(file.tensors.entries, into: network, unexpected: .prefixes(["seg_sub.", "dd"]), file: weights)
    let inference = MultiScaleSegmentation(
      network: network, scales: scales.values, flip: flip, fusion: fusion ?? SSDDParameters(preset).scaleFusion, side: side,
      kernels: run.inferenceKernels(memory: inference.memory),
      memory: inference.memory)
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

extension SSDDParameters.ScaleFusion: ExpressibleByArgument {}
