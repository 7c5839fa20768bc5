import CPUBackend
import Foundations
import Networks
import NeuralNet
import Tensors
import Testing

struct NetworkTests {
  private let context = Context(kernels: CPUKernels(threads: 1), mode: .inference)
  private static let small = BackboneSpecification(kind: .resnet38, width: 1.0 / 16, depth: 0.34)

  @Test func thePapersTrunkHasItsSize() {
    #expect((105.0e6..<105.2e6).contains(Double(ResNet38().parameterCount)))
  }

  @Test func scalesRoundToEightChannelsAndOneBlock() {
    let trunk = ResNet38(width: 0.01, depth: 0.01)
    #expect(trunk.affinityChannels == [8, 8, 40])
    let blocks = Set(trunk.parameters.compactMap { $0.name.split(separator: ".").first })
    #expect(blocks == ["conv1a", "b2", "b3", "b4", "b5", "b6", "b7", "bn7"])
  }

  @Test(
    arguments: [small] + BackboneSpecification.Kind.allCases.dropFirst().map { BackboneSpecification(kind: $0) },
    [(64, 48), (40, 37)])
  func featuresHaveTheirStrides(_ specification: BackboneSpecification, _ size: (Int, Int)) throws {
    let trunk = try specification.build()
    trunk.initialise(seed: 1)
    let features = trunk.features(context.constant(Tensor(repeating: 0.5, [2, 3, size.0, size.1])))
    func strided(_ stride: Int, _ channels: Int) -> Shape {
      [2, channels, (size.0 + stride - 1) / stride, (size.1 + stride - 1) / stride]
    }
    #expect(features.low.shape == strided(trunk.lowStride, trunk.lowChannels))
    #expect(
      [features.tap4, features.tap5, features.high].map(\.shape) == trunk.affinityChannels.map { strided(8, $0) })
    #expect(trunk.lowLevel(features).shape[1] == trunk.lowChannels)
    if size.0 % 8 == 0, size.1 % 8 == 0 { #expect(trunk.lowLevel(features).shape == strided(4, trunk.lowChannels)) }
    #expect(features.high.value.values.allSatisfy { $0.isFinite })
  }

  @Test func squeezeNetHasTorchvisionsNames() {
    let names = SqueezeNet8(prefix: "encoder.").parameters.map(\.name)
    #expect(names.count == 2 + 8 * 6)
    #expect(names.prefix(2) == ["encoder.features.0.weight", "encoder.features.0.bias"])
    #expect(names.contains("encoder.features.12.expand3x3.bias"))
  }

  @Test func headsStandOnEitherTrunk() throws {
    for backbone in [
      Self.small, BackboneSpecification(kind: .squeezenet), BackboneSpecification(kind: .resnet18Stride16),
    ] {
      let x = context.constant(Tensor(repeating: 0.1, [1, 3, 32, 24]))
      let classifier = CAMClassifier(backbone: try backbone.build(), objectCount: 6)
      classifier.initialise(seed: 2)
      #expect(classifier.logits(x).shape == [1, 6])
      #expect(classifier.activationMaps(x).shape == [1, 6, 4, 3])
      let affinity = AffinityNet(backbone: try backbone.build())
      affinity.initialise(seed: 2)
      #expect(affinity.features(x).shape == [1, affinity.channels, 4, 3])
      let model = try SegmentationNetwork(
        NetworkSpecification(backbone: backbone, classes: 7, headChannels: 8, headDilation: 2))
      model.initialise(seed: 2)
      #expect(model.logits(x, upsampling: 8).shape == [1, 7, 32, 24])
    }
  }

  @Test func theDynamicModelHasTheReferencesOrder() throws {
    let model = try SSDDNetwork(NetworkSpecification(backbone: Self.small, classes: 3), stage: .dynamic)
    var parts: [String] = []
    for parameter in model.parameters {
      let part = String(parameter.name.prefix { $0 != "." })
      if parts.last != part { parts.append(part) }
    }
    #expect(parts == ["encoder", "seg_main", "seg_sub", "dd_head0", "dd_head1", "dd0", "dd1"])
  }

  @Test func theMethodFreezesBatchNormAndTheFirstConvolution() throws {
    let model = try SSDDNetwork(NetworkSpecification(backbone: Self.small, classes: 3), stage: .static)
    #expect(model.trainedParameters.allSatisfy { $0.role == .weight || $0.role == .bias })
    #expect(!model.trainedParameters.contains { $0.name == "encoder.conv1a.weight" })
    model.segmentation.backbone.freeze(.firstStage)
    #expect(!model.trainedParameters.contains { $0.name.hasPrefix("encoder.b2") })
    model.segmentation.backbone.freeze(.none)
    #expect(model.trainedParameters.contains { $0.name == "encoder.conv1a.weight" })
    #expect(model.trainedParameters.allSatisfy { $0.role == .weight || $0.role == .bias })
  }

  @Test func groupsCoverWhatIsTrainedOnce() throws {
    let model = try SSDDNetwork(
      NetworkSpecification(backbone: BackboneSpecification(kind: .squeezenet), classes: 3), stage: .dynamic)
    let groups = ParameterGroups.segmentation(model)
    #expect(groups.flatMap(\.parameters).map(\.name) == model.trainedParameters.map(\.name))
    #expect(groups.map(\.rateMultiplier) == [1, 10, 10])
    let classifier = CAMClassifier(backbone: SqueezeNet8(), objectCount: 3)
    let groupsOfClassifier = ParameterGroups.classifier(classifier)
    #expect(Set(groupsOfClassifier.flatMap(\.parameters).map(\.name)) == Set(classifier.trainedParameters.map(\.name)))
    #expect(groupsOfClassifier.map(\.rateMultiplier) == [1, 2, 10])
    #expect(groupsOfClassifier.map(\.decay) == [5e-4, 0, 5e-4])
  }

  /// The taps are the raw ones times one over their usual size, to the bit, and the trunk's layers see the raw ones.
  @Test func normalisedTapsAreTheRawOnesDivided() throws {
    let specification = BackboneSpecification(kind: .squeezenet, normalisedTaps: true)
    let (raw, normalised) = (try BackboneSpecification(kind: .squeezenet).build(), try specification.build())
    #expect(normalised.hasNormalisedTaps && !raw.hasNormalisedTaps)
    for trunk in [raw, normalised] { trunk.initialise(seed: 3) }
    let x = context.constant(Initialiser.uniform(bound: 2).draw([2, 3, 40, 48], seed: 1, name: "x"))
    let (a, b) = (raw.features(x), normalised.features(x))
    for (raw, normalised, size) in [
      (a.low, b.low, 3.3), (a.tap4, b.tap4, 12.4), (a.tap5, b.tap5, 30.1), (a.high, b.high, 10.6),
    ] {
      #expect(raw.value.values.contains { $0 > 0 })
      #expect(normalised.value.values == raw.value.values.map { $0 * (1 / Float(size)) })
    }
    // f9 starts with PSA's gain where taps have unit scale, as behind a batch norm, and ten times smaller where they
    // are raw.
    func bound(_ trunk: any Backbone) throws -> Float {
      let net = AffinityNet(backbone: trunk)
      net.initialise(seed: 1)
      return try #require(net.parameters.first { $0.name == "f9.weight" }).value.values.map(abs).max() ?? 0
    }
    #expect(abs(try bound(normalised) / bound(raw) - 10) < 1e-3)
  }

  @Test func normalisedTapsTravelWithTheSpecification() throws {
    var specification = NetworkSpecification(backbone: BackboneSpecification(kind: .squeezenet), classes: 3)
    #expect(!specification.json.contains("normalisedTaps"), "a specification without them reads as it always did")
    specification.backbone.normalisedTaps = true
    #expect(try NetworkSpecification(json: specification.json) == specification)
    #expect(throws: Failure.self) { try BackboneSpecification(kind: .resnet38, normalisedTaps: true).validate() }
  }

  @Test func theFirstStageOfSqueezeNetEndsAtTheSecondPooling() throws {
    let trunk = SqueezeNet8(prefix: "encoder.")
    trunk.freeze(.firstStage)
    let frozen = Set(
      trunk.parameters.filter(\.isFrozen).map { $0.name.split(separator: ".").prefix(3).joined(separator: ".") })
    #expect(frozen == ["encoder.features.0", "encoder.features.3", "encoder.features.4"])
    trunk.freeze(.none)
    #expect(!trunk.parameters.contains { $0.isFrozen })
  }

  @Test func specificationsSurviveTheFile() throws {
    let specification = NetworkSpecification(backbone: Self.small, classes: 5, headStatistics: .batch)
    #expect(try NetworkSpecification(json: specification.json) == specification)
    #expect(throws: Failure.self) { try NetworkSpecification(json: "{}") }
    #expect(throws: Failure.self) { try NetworkSpecification(backbone: .paper, classes: 1).validate() }
    #expect(throws: Failure.self) { try BackboneSpecification(kind: .squeezenet, width: 0.5).validate() }
    #expect(throws: Failure.self) { try NetworkSpecification.paper.validate(height: 96, width: 200) }
    try NetworkSpecification.paper.validate(height: 97, width: 97)
  }
}
