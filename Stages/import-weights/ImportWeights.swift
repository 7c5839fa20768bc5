import ArgumentParser
import Datasets
import Foundations
import Models
import NeuralNet
import StageKit
import TensorStore

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

  @Option(help: "What the weights are of, so that other stages take them for it: any, classifier or affinity. Names and shapes are checked.")
  var network = Network.any
  @Option(help: "Trunk of that network: resnet38 or squeezenet.")
  var backbone = BackboneSpecification.Kind.resnet38

  enum Network: String, ExpressibleByArgument, CaseIterable { case any, classifier, affinity }
  enum Format: String, ExpressibleByArgument, CaseIterable { case auto, pytorch, safetensors, mxnet, hdf5 }

  func execute(_ run: StageRun) throws {
    var weights = try WeightsSource(from, format: WeightsSource.Format(rawValue: format.rawValue), keepingNames: keepNames)
    if !stripPrefix.isEmpty {
      weights = try weights.renamed { $0.hasPrefix(stripPrefix) ? String($0.dropFirst(stripPrefix.count)) : $0 }
    }
    let provenance = try run.provenance(inputs: [("from", from)])
    switch network {
    case .any: try WeightsFile.save(weights, to: "\(run.out)/weights.h5", provenance: provenance)
    case .classifier, .affinity: try saveNetwork(weights.load(), run, provenance)
    }
    run.log.info("\(weights.items.count) tensors, \(weights.elementCount) values")
  }

  /// Checks that the weights are those of the network and writes them as that, for the manifest's classes.
  private func saveNetwork(_ weights: NamedTensors, _ run: StageRun, _ provenance: Provenance) throws {
    let classes = try Manifest(contentsOf: try shared.requireManifest(), dataRoot: shared.data).classes
    let specification = ModelSpecification(backbone: BackboneSpecification(kind: backbone), classes: classes.count)
    let trunk = try specification.backbone.build()
    let module: any Module = network == .classifier ? CAMClassifier(backbone: trunk, classes: classes.objectCount) : AffinityNet(backbone: trunk)
    try load(weights.entries, into: module, unexpected: .prefixes(network == .affinity ? ["fc8."] : []), file: from)
    try NetworkFile.save(
      module, kind: network == .classifier ? .classifier : .affinity, specification: specification.json, classes: classes,
      to: "\(run.out)/weights.h5", provenance: provenance)
  }
}
