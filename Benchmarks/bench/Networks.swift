import CPUBackend
import Foundations
import LabelMasks
import Networks
import NeuralNet
import SSDD
import Tensors

extension Case {
  static func forward(_ width: Int, _ height: Int, name: String, target: Double? = nil) -> Case {
    Case(
      name: name, title: "ResNet-38 forward, \(width) x \(height), batch 1", unit: "image", items: 1, target: target,
      writeInputs: { _ in },
      make: { _, threads in ForwardWork(height: height, width: width, threads: threads) })
  }

  static func training(
    _ trunk: BackboneSpecification.Kind, side: Int, batch: Int, classes: Int = InputFolder.classes, name: String,
    target: Double? = nil
  ) -> Case {
    let specification = NetworkSpecification(backbone: BackboneSpecification(kind: trunk), classes: classes)
    let title = trunk == .resnet38 ? "ResNet-38" : "SqueezeNet"
    let extra = classes == InputFolder.classes ? "" : ", \(classes) classes"
    return Case(
      name: name, title: "training step, \(title) + segmentation head, \(side) x \(side), batch \(batch)\(extra)",
      unit: "image", items: batch,
      target: target, writeInputs: { try $0.writeTraining(side: side, batch: 8) },
      make: { try StepWork.segmentation($0, specification, side: side, batch: batch, threads: $1) })
  }

  static let dynamic = Case(
    name: "dynamic-448", title: "dynamic training step (CRF, two heads, two DD-Nets), 448 x 448, batch 2",
    unit: "image", items: 2,
    target: 3, writeInputs: { try $0.writeTraining(side: 448, batch: 8) },
    make: { try StepWork.dynamic($0, side: 448, batch: 2, threads: $1) })
}

/// Inference of the trunk.
private final class ForwardWork: Workload {
  private let network = ResNet38()
  private let kernels: CPUKernels
  private let x: Tensor
  private var result = Tensor(zeros: [1])

  init(height: Int, width: Int, threads: Int) {
    kernels = CPUKernels(threads: threads, keepsWeights: true)
    network.fillByName()
    x = NamedNumbers.tensor("image", [1, 3, height, width])
  }

  func check() throws -> String {
    try SampledConvolutions(kernels: kernels).check(
      network.layers(height: x.shape[2], width: x.shape[3]), gradients: false)
  }

  func run() {
    let context = Context(kernels: kernels)
    result = network.features(context.constant(x)).high.value
  }

  func sample() -> [[Double]] { [strided(result.values, count: 256)] }

  var operations: Double? { network.forwardOperations(height: x.shape[2], width: x.shape[3]) }
}

/// The loss and single elements of the gradients of some parameters, before the first update.
private func gradientSample(_ loss: Double?, _ module: some Module, _ names: [String]) -> [[Double]] {
  let byName = Dictionary(uniqueKeysWithValues: module.parameters.map { ($0.name, $0) })
  return [[loss ?? .nan]]
    + names.compactMap { byName[$0] }.map { strided(($0.gradient ?? Tensor(zeros: $0.shape)).values, count: 256) }
}

/// A training step with its SGD update.
private final class StepWork: Workload {
  private let network: any Module
  private let images: Shape
  private let kernels: CPUKernels
  private let pass: TrainingPass
  private let watched: [String]
  private let step: (TrainingPass) throws -> TrainingRecord
  private var optimizer: SGD
  private var first: [[Double]] = []

  private init(
    _ network: any Module, images: Shape, threads: Int, watched: [String], _ groups: [ParameterGroup],
    _ step: @escaping (TrainingPass) throws -> TrainingRecord
  ) {
    (self.network, self.images, self.watched, self.step) = (network, images, watched, step)
    kernels = CPUKernels(threads: threads)
    let plan = TrainingPlan(items: images[0], epochs: 1, batch: images[0])
    pass = TrainingPass(kernels: kernels, seed: 1, position: TrainingPosition(step: 0, plan: plan))
    optimizer = SGD(groups)
  }

  /// Of a segmentation network on given masks.
  static func segmentation(
    _ folder: InputFolder, _ specification: NetworkSpecification, side: Int, batch count: Int, threads: Int
  ) throws -> StepWork {
    let network = try SegmentationNetwork(specification)
    network.fillByName()
    network.backbone.freeze(.firstConvolution)
    let images = NamedNumbers.tensor("image", [count, 3, side, side])
    let batch = SegmentationBatch(images: images, masks: try masks(folder, side: side, batch: count))
    let step = SegmentationStep(network: network, parameters: parameters)
    return StepWork(
      network, images: images.shape, threads: threads, watched: trunk, ParameterGroups.segmentation(network)
    ) {
      try step.run(batch, $0)
    }
  }

  /// One iteration of the dynamic stage.
  static func dynamic(_ folder: InputFolder, side: Int, batch count: Int, threads: Int) throws -> StepWork {
    let network = try SSDDNetwork(.paper, stage: .dynamic)
    network.fillByName()
    network.segmentation.backbone.freeze(.firstConvolution)
    let images = NamedNumbers.tensor("image", [count, 3, side, side])
    let seeds = try masks(folder, side: side, batch: count)
    let area = side / 4 * (side / 4)
    let pixels = try folder.bytes(folder.thumbnailsPath(side: side))
    let foreground = (0..<count).map { n in
      Set(seeds.labels[n * area..<(n + 1) * area].map(Int.init)).subtracting([0, 255]).sorted()
    }
    let batch = DynamicBatch(
      images: images, thumbnails: (0..<count).map { Array(pixels[$0 * 3 * area..<($0 + 1) * 3 * area]) }, seeds: seeds,
      present: try PresentLabels(foreground, classes: InputFolder.classes))
    let step = DynamicStep(network: network, parameters: parameters, threads: threads)
    let heads = ["seg_sub.seg1.conv1.weight", "dd0.conv1abc.conv2.weight", "dd_head1.conv1ab.conv1.weight"]
    return StepWork(
      network, images: images.shape, threads: threads, watched: trunk + heads, ParameterGroups.segmentation(network)
    ) {
      try step.run(batch, $0)
    }
  }

  private static let trunk = [
    "encoder.b3.conv_branch2a.weight", "encoder.b5_1.conv_branch2b1.weight", "encoder.b7.conv_branch1.weight",
    "seg_main.seg1.conv1.weight",
  ]

  private static var parameters: SSDDParameters {
    var parameters = SSDDParameters()
    parameters.channelDropout = false
    return parameters
  }

  private static func masks(_ folder: InputFolder, side: Int, batch: Int) throws -> LabelMask {
    let out = side / 4
    return LabelMask(
      batch: batch, height: out, width: out,
      labels: Array(try folder.bytes(folder.masksPath(side: side)).prefix(batch * out * out)))
  }

  func check() throws -> String {
    try SampledConvolutions(kernels: kernels).check(
      network.layers(height: images[2], width: images[3]), gradients: true)
  }

  func run() throws {
    let log = try step(pass)
    if first.isEmpty { first = gradientSample(log["loss"], network, watched) }
    optimizer.step(rate: 1e-5, kernels: pass.kernels)
  }

  func sample() -> [[Double]] { first }

  var operations: Double? { Double(images[0]) * network.trainingOperations(height: images[2], width: images[3]) }
}
