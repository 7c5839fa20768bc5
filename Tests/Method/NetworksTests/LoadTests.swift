import Foundations
import Networks
import NeuralNet
import Tensors
import Testing

struct LoadTests {
  private let trunk = BackboneSpecification(kind: .resnet38, width: 1.0 / 16, depth: 0.3)

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "nothing thrown"
    } catch { return "\(error)" }
  }

  @Test func aStateDictionaryComesBack() throws {
    let (first, second) = (
      try SegmentationNetwork(.init(backbone: trunk, classes: 3)),
      try SegmentationNetwork(.init(backbone: trunk, classes: 3))
    )
    first.initialise(seed: 1)
    second.initialise(seed: 2)
    let summary = try load(
      first.stateDictionary + [("encoder.b2.bn_branch2a.num_batches_tracked", Tensor(3))], into: second)
    #expect(summary.loaded == first.parameters.map(\.name))
    #expect(zip(first.parameters, second.parameters).allSatisfy { $0.value == $1.value })
  }

  @Test func aClassifiersTrunkFillsTheSegmentationNetwork() throws {
    let classifier = CAMClassifier(backbone: try trunk.build(), objectCount: 2)
    classifier.initialise(seed: 1)
    let model = try SegmentationNetwork(.init(backbone: trunk, classes: 3))
    let summary = try load(
      classifier.stateDictionary, into: model, prefix: "encoder.", missing: .prefixes(["seg_main."]),
      unexpected: .prefixes(["encoder.fc8."]))
    #expect(summary.unexpected == ["encoder.fc8.weight"])
    #expect(summary.missing == model.headParameters.map(\.name))
    #expect(model.backbone.parameters.map(\.value) == classifier.backbone.parameters.map(\.value))
  }

  @Test func weightsOfAnotherNetworkAreRefusedAndChangeNothing() throws {
    let classifier = CAMClassifier(backbone: SqueezeNet8(), objectCount: 2)
    let other = CAMClassifier(backbone: try trunk.build(), objectCount: 2)
    other.initialise(seed: 4)
    let before = other.parameters.map(\.value)
    let told = message { try load(classifier.stateDictionary, into: other, file: "cam.h5") }
    #expect(told.hasPrefix("cam.h5: weights of another network: "))
    #expect(told.contains("tensors missing: conv1a.weight, b2.bn_branch2a.weight, b2.bn_branch2a.bias, ..."))
    #expect(told.contains("tensors not of this network: features.0.weight, features.0.bias, "))
    #expect(other.parameters.map(\.value) == before)
  }

  @Test func anotherNumberOfClassesIsNamed() throws {
    let four = CAMClassifier(backbone: SqueezeNet8(), objectCount: 4)
    let told = message { try load(CAMClassifier(backbone: SqueezeNet8(), objectCount: 2).stateDictionary, into: four) }
    #expect(
      told
        == "weights do not fit the network: 1 tensor of another shape: fc8.weight (expected 4x512x1x1, found 2x512x1x1)"
    )
  }
}
