import CPUBackend
import Datasets
import Imaging
import Networks
import NeuralNet
import PSA
import Tensors
import TestSupport
import Testing

private let kernels = CPUKernels(threads: 2)

@Suite struct ActivationMapsTests {
  private let network: CAMClassifier
  private let image: RGBImage

  init() throws {
    let backbone = BackboneSpecification(kind: .resnet38, width: 1.0 / 16, depth: 0.3)
    network = CAMClassifier(backbone: try backbone.build(), objectCount: 3)
    network.initialise(seed: 3)
    let bytes = GoldenGenerator(seed: 5).integers("image", count: 44 * 36 * 3, below: 256)
    image = RGBImage(width: 44, height: 36, pixels: bytes.map { UInt8($0) })
  }

  private func maps(_ image: RGBImage) -> Tensor {
    network.activationMaps(Context(kernels: kernels, mode: .inference).constant(image.networkInput)).value
  }

  @Test func everySizeAndItsMirrorImageAreFused() throws {
    var fusion = CAMFusion(width: 44, height: 36, present: [2, 0], kernels: kernels)
    for scale in [1, 1.5] {
      let scaled = try image.scaledBicubic(by: scale)
      fusion.add(maps(scaled), flipped: false)
      fusion.add(maps(scaled.flippedHorizontally()), flipped: true)
    }
    let expected = try fusion.normalised()
    #expect(expected.values.contains { $0 > 0.5 }, "an untrained classifier has activations too")
    let activations = ActivationMaps(network: network, scales: [1, 1.5])
    // Class indices count from 1, channels of the classifier from 0.
    for isTogether in [true, false] {
      let found = try activations.scores(of: image, labels: [3, 1], isTogether: isTogether, kernels: kernels)
      #expect(mismatch(found, expected, tolerance: 1e-5) == nil)
    }
  }

  @Test func withoutFlipTheImageAloneIsSeen() throws {
    var fusion = CAMFusion(width: 44, height: 36, present: [1], kernels: kernels)
    fusion.add(maps(image), flipped: false)
    let found = try ActivationMaps(network: network, scales: [1], flip: false)
      .scores(of: image, labels: [2], kernels: kernels)
    #expect(mismatch(found, try fusion.normalised(), tolerance: 1e-6) == nil)
  }

  @Test func aConstantBackgroundStandsInFront() {
    let scores = Tensor([2, 1, 2], [0.1, 0.4, 0.3, 0.2])
    #expect(withConstantBackground(scores, threshold: 0.25) == Tensor([3, 1, 2], [0.25, 0.25, 0.1, 0.4, 0.3, 0.2]))
  }
}
