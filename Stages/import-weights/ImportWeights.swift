import ArgumentParser
import Datasets
import Foundations
import Models
import NeuralNet
import StageKit
import TensorStore
import Tensors

@main
struct ImportWeights: Stage {
  static let algorithmVersion = 1
  static let configuration = CommandConfiguration(
    commandName: "import-weights", abstract: "Read weights of PyTorch, safetensors, MXNet or HDF5 and write them as weights.h5.",
    discussion: example(
      "import-weights --from squeezenet1_1.pth --out runs/imagenet",
      about: "Nothing in a checkpoint is executed: only what a state dict needs is understood, anything else is refused by name."))

  @OptionGroup var shared: SharedOptions

  @Option(help: ArgumentHelp("The weights to read.", valueName: "FILE"))
  var from: String
  @Option(help: "Format of the file: auto (told by its content), pytorch, safetensors, mxnet or hdf5.")
  var format = Format.auto
  @Flag(inversion: .prefixedNo, help: "Leave the names of an MXNet file as they are, instead of changing them to PyTorch's.")
  var keepNames = false
  @Option(name: .customLong("strip-prefix"), help: ArgumentHelp("Taken off the front of every name that has it, such as `module.`.", valueName: "TEXT"))
  var stripPrefix = ""

  @Option(
    help: """
      What the weights are of, so that other stages take them for it: any, classifier, affinity, segmentation, static or dynamic (what train-ddnet and \
      train-seg-dynamic make). Names and shapes are checked.
      """)
  var network = Network.any
  @Option(help: "Trunk of that network: resnet38 or squeezenet.")
  var backbone = BackboneSpecification.Kind.resnet38

  enum Network: String, ExpressibleByArgument, CaseIterable { case any, classifier, affinity, segmentation, `static`, dynamic }
  enum Format: String, ExpressibleByArgument, CaseIterable { case auto, pytorch, safetensors, mxnet, hdf5 }

  func execute(_ run: StageRun) throws {
    var weights = try WeightsSource(from, format: WeightsSource.Format(rawValue: format.rawValue), keepingNames: keepNames)
    if !stripPrefix.isEmpty {
      weights = try weights.renamed { $0.hasPrefix(stripPrefix) ? String($0.dropFirst(stripPrefix.count)) : $0 }
    }
    let provenance = try run.provenance(inputs: [("from", from)])
    if let kind = NetworkFile.Kind(rawValue: network.rawValue) {
      try saveNetwork(weights, kind, run, provenance)
    } else {
      try WeightsFile.save(weights, to: "\(run.out)/weights.h5", provenance: provenance)
    }
    run.log.info("\(weights.items.count) tensors, \(weights.elementCount) values")
  }

  /// Checks that the weights are those of the network and writes them as that, for the manifest's classes, a tensor at a time.
  private func saveNetwork(_ weights: WeightsSource, _ kind: NetworkFile.Kind, _ run: StageRun, _ provenance: Provenance) throws {
    let classes = try Manifest(contentsOf: try shared.requireManifest(), dataRoot: shared.data).classes
    let specification = ModelSpecification(backbone: BackboneSpecification(kind: backbone), classes: classes.count)
    let wanted = try Self.parameters(of: kind, specification)
    try checkFit(weights.items.map { ($0.name, $0.shape) }, wanted, unexpected: .prefixes(kind == .affinity ? ["fc8."] : []), file: from)
    try NetworkFile.save(
      weights.selecting(wanted.map(\.name)), kind: kind, specification: specification.json, classes: classes, to: "\(run.out)/weights.h5",
      provenance: provenance)
  }

  /// Names and shapes; the network itself is let go, so that its memory is free for tensors.
  private static func parameters(of kind: NetworkFile.Kind, _ specification: ModelSpecification) throws -> [(name: String, shape: Shape)] {
    let module: any Module
    switch kind {
    case .affinity: module = AffinityNet(backbone: try specification.backbone.build())
    case .segmentation: module = try SegmentationModel(specification, hasSubHead: false)
    case .staticDifference: module = try SSDDModel(specification, stage: .static)
    case .dynamicDifference: module = try SSDDModel(specification, stage: .dynamic)
    case .classifier, .imported: module = CAMClassifier(backbone: try specification.backbone.build(), classes: specification.classes - 1)
    }
    return module.parameters.map { ($0.name, $0.shape) }
  }
}
