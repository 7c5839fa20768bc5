import Foundations
import Models
import NeuralNet
import SSDD
import Tensors

extension Case {
  static func forward(_ width: Int, _ height: Int, name: String, target: Double? = nil) -> Case {
    Case(
      name: name, title: "ResNet-38 forward, \(width) x \(height), batch 1", unit: "image", items: 1, target: target, writeInputs: { _ in },
      make: { _, threads in ForwardWork(height: height, width: width, threads: threads) })
  }

  static func training(
    _ trunk: BackboneSpecification.Kind, side: Int, batch: Int, classes: Int = InputFolder.classes, name: String, target: Double? = nil
  ) -> Case {
    let specification = ModelSpecification(backbone: BackboneSpecification(kind: trunk), classes: classes)
    let title = trunk == .resnet38 ? "ResNet-38" : "SqueezeNet"
    let extra = classes == InputFolder.classes ? "" : ", \(classes) classes"
    return Case(
      name: name, title: "training step, \(title) + segmentation head, \(side) x \(side), batch \(batch)\(extra)", unit: "image", items: batch,
      target: target, writeInputs: { try $0.writeTraining(side: side, batch: 8) },
      make: { try TrainingWork($0, specification, side: side, batch: batch, threads: $1) })
  }

  static let dynamic = Case(
    name: "dynamic-448", title: "dynamic training step (CRF, two heads, two DD-Nets), 448 x 448, batch 2", unit: "image", items: 2,
    target: 3, writeInputs: { try $0.writeTraining(side: 448, batch: 8) }, make: { try DynamicWork($0, side: 448, batch: 2, threads: $1) })
}

/// Inference of the trunk.
private final class ForwardWork: Workload {
  private let network = ResNet38()
  private let kernels: CPUKernels
  private let x: Tensor
  private var result = Tensor(zeros: [1])

  init(height: Int, width: Int, threads: Int) {
    kernels = CPUKernels(threads: threads)
    network.fillByName()
    x = NamedNumbers.tensor("image", [1, 3, height, width])
  }

  func check() throws -> String {
    try SampledConvolutions(kernels: kernels).check(network.layers(height: x.shape[2], width: x.shape[3]), gradients: false)
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
  return [[loss ?? .nan]] + names.compactMap { byName[$0] }.map { strided(($0.gradient ?? Tensor(zeros: $0.shape)).values, count: 256) }
}

private let watched = [
  "encoder.b3.conv_branch2a.weight", "encoder.b5_1.conv_branch2b1.weight", "encoder.b7.conv_branch1.weight", "seg_main.seg1.conv1.weight",
]

/// Forward, backward and SGD of a segmentation network on given masks.
private final class TrainingWork: Workload {
  private let network: SegmentationModel
  private let step: SegmentationStep
  private let batch: SegmentationBatch
  private let pass: TrainingPass
  private var optimizer: SGD
  private var first: [[Double]] = []

  init(_ folder: InputFolder, _ specification: ModelSpecification, side: Int, batch count: Int, threads: Int) throws {
    network = try SegmentationModel(specification)
    network.fillByName()
    network.backbone.freeze(.firstConvolution)
    let out = side / 4
    let labels = Array(try folder.bytes(folder.masksPath(side: side)).prefix(count * out * out))
    batch = SegmentationBatch(
      images: NamedNumbers.tensor("image", [count, 3, side, side]), masks: LabelBatch(batch: count, height: out, width: out, labels: labels))
    var parameters = SSDDParameters()
    parameters.channelDropout = false
    step = SegmentationStep(model: network, parameters: parameters)
    pass = TrainingPass(kernels: CPUKernels(threads: threads), seed: 1, step: 0, microBatch: count)
    optimizer = SGD(ParameterGroups.segmentation(network))
  }

  func check() throws -> String {
    let (height, width) = (batch.images.shape[2], batch.images.shape[3])
    return try SampledConvolutions(kernels: CPUKernels(threads: pass.kernels.threads)).check(
      network.layers(height: height, width: width), gradients: true)
  }

  func run() throws {
    let log = try step.run(batch, pass)
    if first.isEmpty { first = gradientSample(log["loss"], network, watched) }
    optimizer.step(rate: 1e-5, kernels: pass.kernels)
  }

  func sample() -> [[Double]] { first }

  var operations: Double? {
    Double(batch.images.shape[0]) * network.trainingOperations(height: batch.images.shape[2], width: batch.images.shape[3])
  }
}

/// One iteration of the dynamic stage with its SGD update.
private final class DynamicWork: Workload {
  private let network: SSDDModel
  private let step: DynamicStep
  private let batch: DynamicBatch
  private let pass: TrainingPass
  private var optimizer: SGD
  private var first: [[Double]] = []

  init(_ folder: InputFolder, side: Int, batch count: Int, threads: Int) throws {
    network = try SSDDModel(.paper, stage: .dynamic)
    network.fillByName()
    network.segmentation.backbone.freeze(.firstConvolution)
    let out = side / 4
    let labels = Array(try folder.bytes(folder.masksPath(side: side)).prefix(count * out * out))
    let pixels = try folder.bytes(folder.thumbnailsPath(side: side))
    let foreground = (0..<count).map { n in Set(labels[n * out * out..<(n + 1) * out * out].map(Int.init)).subtracting([0, 255]).sorted() }
    batch = DynamicBatch(
      images: NamedNumbers.tensor("image", [count, 3, side, side]),
      thumbnails: (0..<count).map { Array(pixels[$0 * 3 * out * out..<($0 + 1) * 3 * out * out]) },
      seeds: LabelBatch(batch: count, height: out, width: out, labels: labels),
      present: try PresentLabels(foreground, classes: InputFolder.classes))
    var parameters = SSDDParameters()
    parameters.channelDropout = false
    step = DynamicStep(model: network, parameters: parameters)
    pass = TrainingPass(kernels: CPUKernels(threads: threads), seed: 1, step: 0, microBatch: count)
    optimizer = SGD(ParameterGroups.segmentation(network))
  }

  func check() throws -> String {
    let (height, width) = (batch.images.shape[2], batch.images.shape[3])
    return try SampledConvolutions(kernels: CPUKernels(threads: pass.kernels.threads)).check(
      network.layers(height: height, width: width), gradients: true)
  }

  func run() throws {
    let log = try step.run(batch, pass)
    if first.isEmpty {
      let more = ["seg_sub.seg1.conv1.weight", "dd0.conv1abc.conv2.weight", "dd_head1.conv1ab.conv1.weight"]
      first = gradientSample(log["loss"], network, watched + more)
    }
    optimizer.step(rate: 1e-5, kernels: pass.kernels)
  }

  func sample() -> [[Double]] { first }

  var operations: Double? {
    Double(batch.images.shape[0]) * network.trainingOperations(height: batch.images.shape[2], width: batch.images.shape[3])
  }
}
