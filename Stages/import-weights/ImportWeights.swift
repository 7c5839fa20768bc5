import ArgumentParser
import Datasets
import Foundations
import Networks
import NeuralNet
import StageInterface
import StageKit
import TensorStore
import Tensors

@main
struct ImportWeights: Stage {
  @OptionGroup var options: ImportWeightsOptions

  func execute(_ run: StageRun) throws {
    let (from, prefix) = (options.inputs.from, options.stripPrefix)
    var weights = try WeightsSource(
      from, format: WeightsSource.Format(rawValue: options.format.rawValue), keepingNames: options.keepNames,
      key: options.key.isEmpty ? nil : options.key)
    if !prefix.isEmpty {
      guard weights.items.contains(where: { $0.name.hasPrefix(prefix) }) else {
        let some = weights.items.prefix(3).map(\.name).joined(separator: ", ")
        throw Failure(
          .usage, expected: "a prefix that some name has, such as \(some)", found: "`\(prefix)`", file: from,
          item: "--strip-prefix")
      }
      weights = try weights.renamed { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 }
    }
    let provenance = try run.provenance(inputs: [("from", from)])
    if let kind = NetworkFile.Kind(rawValue: options.network.rawValue) {
      try run.write { try saveNetwork(weights, kind, to: $0, provenance) }
    } else {
      try run.write { try WeightsFile.save(weights, to: "\($0)/weights.h5", provenance: provenance) }
    }
    if let remark = weights.remark { run.log.info("\(remark)") }
    run.log.info("\(weights.items.count) tensors, \(weights.elementCount) values")
  }

  /// Checks that the weights are those of the network and writes them as that, for the manifest's classes, one tensor
  /// at a time.
  private func saveNetwork(
    _ weights: WeightsSource, _ kind: NetworkFile.Kind, to folder: String, _ provenance: Provenance
  ) throws {
    let data = options.data
    let classes = try Manifest(contentsOf: try data.requireManifest(), dataRoot: data.data).classes
    let specification = try specification(of: weights, classes: classes.count)
    let wanted = try Self.parameters(of: kind, specification)
    try checkFit(
      weights.items.map { ($0.name, $0.shape) }, wanted, unexpected: .prefixes(kind == .affinity ? ["fc8."] : []),
      file: options.inputs.from)
    try NetworkFile.save(
      weights.selecting(wanted.map(\.name)), kind: kind, specification: specification.json, classes: classes,
      to: "\(folder)/weights.h5",
      provenance: provenance)
  }

  /// As the tensors tell, where no option says otherwise.
  private func specification(of weights: WeightsSource, classes: Int) throws -> NetworkSpecification {
    let shapes = Dictionary(weights.items.map { ($0.name, $0.shape) }) { $1 }
    let size = options.size
    var specification = NetworkSpecification(
      tensors: shapes, classes: classes, headDilation: size.headDilation, headStatistics: size.headStatistics)
    if let backbone = size.backbone { specification.backbone.kind = backbone }
    specification.backbone.normalisedTaps = options.normalisedTaps
    if size.width != 0 { specification.backbone.width = size.width }
    if size.depth != 0 { specification.backbone.depth = size.depth }
    if size.headChannels != 0 { specification.headChannels = size.headChannels }
    if size.differenceChannels != 0 { specification.differenceChannels = size.differenceChannels }
    try specification.validate()
    return specification
  }

  /// Names and shapes; the network itself is let go, so that its memory is free for tensors.
  private static func parameters(of kind: NetworkFile.Kind, _ specification: NetworkSpecification) throws -> [(
    name: String, shape: Shape
  )] {
    let module: any Module
    switch kind {
    case .affinity: module = AffinityNet(backbone: try specification.backbone.build())
    case .segmentation: module = try SegmentationNetwork(specification, hasSubHead: false)
    case .staticDifference: module = try SSDDNetwork(specification, stage: .static)
    case .dynamicDifference: module = try SSDDNetwork(specification, stage: .dynamic)
    case .classifier, .imported:
      module = CAMClassifier(backbone: try specification.backbone.build(), objectCount: specification.classes - 1)
    }
    return module.parameters.map { ($0.name, $0.shape) }
  }
}
