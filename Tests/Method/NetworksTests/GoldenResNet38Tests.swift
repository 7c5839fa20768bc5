import CPUBackend
import Networks
import NeuralNet
import Tensors
import TestSupport
import Testing

/// The full network takes half a gigabyte, so the tests of this suite run one after another.
@Suite(.serialized, .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenResNet38Tests {
  private let context = Context(kernels: CPUKernels(threads: 2), mode: .inference)

  @Test func everyStageOfTheTrunkAndTheClassifier() throws {
    let golden = try Golden.open("resnet38")
    let trunk = ResNet38()
    let classes = try golden.shape("in0/cls_logits")[1]
    let classifier = CAMClassifier(backbone: trunk, objectCount: classes)
    try fill(classifier, from: golden)
    let cases = try golden.cases().filter { golden.contains("\($0)/x") }
    #expect(!cases.isEmpty)
    for name in cases {
      let x = context.constant(try golden.tensor("\(name)/x"))
      let stages = trunk.stages(x)
      let found: [(String, Variable)] = [
        ("conv2", stages.features.low), ("conv3", stages.conv3), ("conv4", stages.conv4), ("conv5", stages.conv5),
        ("conv6", stages.features.high), ("cls_logits", classifier.logits(x)),
        ("forward_cam", classifier.activationMaps(x)),
      ]
      for (dataset, variable) in found { #expect(try golden.mismatch(variable.value, "\(name)/\(dataset)") == nil) }
    }
  }

  @Test func namesAndShapesAreThoseOfThePublicCheckpoint() throws {
    let golden = try Golden.open("resnet38")
    let classifier = CAMClassifier(backbone: ResNet38(), objectCount: try golden.shape("in0/cls_logits")[1])
    let expected = try golden.lines("state_dict_names_utf8").filter { !$0.contains("num_batches_tracked") }
    #expect(classifier.stateDictionary.map { "\($0.name) \($0.tensor.shape)" } == expected)
  }

  @Test func affinityFeatures() throws {
    let golden = try Golden.open("affinity")
    let network = AffinityNet(backbone: ResNet38())
    try fill(network, from: golden)
    let cases = try golden.cases().filter { golden.contains("\($0)/x_padded") }
    #expect(!cases.isEmpty)
    for name in cases {
      let features = network.features(context.constant(try golden.tensor("\(name)/x_padded")))
      #expect(try golden.mismatch(features.value, "\(name)/feature") == nil)
    }
  }
}
