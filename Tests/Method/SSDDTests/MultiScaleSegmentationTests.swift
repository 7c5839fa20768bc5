import CPUBackend
import Datasets
import Foundations
import Imaging
import MethodChoices
import Networks
import NeuralNet
import SSDD
import Tensors
import TestSupport
import Testing

@Suite struct MultiScaleSegmentationTests {
  private let kernels = CPUKernels(threads: 2)
  private let network: SegmentationNetwork
  private let image: RGBImage

  init() throws {
    let backbone = BackboneSpecification(kind: .resnet38, width: 1.0 / 16, depth: 0.3)
    network = try SegmentationNetwork(
      NetworkSpecification(backbone: backbone, classes: 3, headChannels: 8, headDilation: 2))
    network.initialise(seed: 3)
    let grey = GoldenGenerator(seed: 5).integers("image", count: 44 * 36 * 3, below: 256)
    image = RGBImage(width: 44, height: 36, pixels: grey.map { UInt8($0) })
  }

  private func inference(_ fusion: ScaleFusion, scales: [Double], flip: Bool, side: Int = 40)
    -> MultiScaleSegmentation
  {
    MultiScaleSegmentation(network: network, scales: scales, flip: flip, fusion: fusion, side: side, kernels: kernels)
  }

  /// The network's softmax of one image, at a multiple of 8: (3, h, w).
  private func softmax(_ image: RGBImage) -> Tensor {
    let logits = network.logits(Context(kernels: kernels, mode: .inference).constant(image.networkInput), upsampling: 8)
    let softmax = kernels.softmax(logits.value)
    return softmax.reshaped(Shape(Array(softmax.shape.dimensions.dropFirst())))
  }

  @Test func keepingTheRatioIsTheMeanOverScalesAndMirrorImages() throws {
    // Scale 2 makes sides that are multiples of 8: nothing to cut off.
    let large = try image.scaledBicubic(by: 2)
    let passes = [softmax(large), kernels.flipHorizontally(softmax(large.flippedHorizontally()))]
    let maps = passes.map {
      kernels.resizeBilinear($0.reshaped(Shape([1] + $0.shape.dimensions)), height: image.height, width: image.width)
        .values
    }
    let expected = Tensor([3, image.height, image.width], zip(maps[0], maps[1]).map { ($0 + $1) / 2 })
    let found = try inference(.meanKeepingRatio, scales: [2], flip: true).probabilities(of: image, classes: [0, 1, 2])
    #expect(mismatch(found, expected, tolerance: 1e-6) == nil)
    let unmirrored = try inference(.meanKeepingRatio, scales: [2], flip: false).probabilities(
      of: image, classes: [0, 1, 2])
    #expect(mismatch(unmirrored, Tensor(expected.shape, maps[0]), tolerance: 1e-6) == nil)
  }

  @Test func theReferencesFusionIsTheSoftmaxOfTheSumOverASquare() throws {
    let inference = inference(.softmaxOfSumSquare, scales: [1, 1.5], flip: true)
    let square = inference.square(image)
    #expect(square == image.resizedBilinear(width: 40, height: 40))
    let passes = try [1, 1.5].flatMap { try inference.squareSoftmaxes(of: square, scale: $0) }
    #expect(passes.count == 4 && passes.allSatisfy { $0.shape == [3, 40, 40] })
    var sum = passes[0]
    for pass in passes.dropFirst() { kernels.accumulate(pass, scaledBy: 1, into: &sum) }
    #expect(mismatch(try inference.squareSum(of: image), sum, tolerance: 1e-6) == nil)
    let full = kernels.softmax(kernels.resizeBilinear(sum.reshaped([1, 3, 40, 40]), height: 36, width: 44)).reshaped([
      3, 36, 44,
    ])
    #expect(mismatch(try inference.probabilities(of: image, classes: [0, 1, 2]), full, tolerance: 1e-6) == nil)
    // Classes are taken out of the whole softmax.
    let some = Tensor.stacked([0, 2].map { full.batch($0..<$0 + 1) })
    #expect(mismatch(try inference.probabilities(of: image, classes: [0, 2]), some, tolerance: 1e-6) == nil)
  }

  @Test func aSquareTooSmallForTheHeadIsTold() throws {
    let failure = #expect(throws: Failure.self) {
      try inference(.softmaxOfSumSquare, scales: [1, 0.25], flip: false).probabilities(of: image, classes: [0, 1, 2])
    }
    #expect(failure?.kind == .usage)
  }

  @Test func aNarrowImageGetsABorderOfTheMeanColour() throws {
    // A quarter of 44 x 36 is 11 x 9; a head of dilation 2 wants 17 pixels, which three cells of 8 hold.
    let small = try image.scaledBicubic(by: 0.25)
    let bordered = small.cropped(x: 0, y: 0, width: 17, height: 17, padding: Normalisation.standard.meanColour)
    func inner(_ map: Tensor) -> Tensor {
      Tensor([3, 9, 11], (0..<3).flatMap { c in (0..<9).flatMap { y in (0..<11).map { x in map[c, y, x] } } })
    }
    let mirrored = softmax(bordered.flippedHorizontally())
    let turned = Tensor(
      [3, 17, 17], (0..<3).flatMap { c in (0..<17).flatMap { y in (0..<17).map { x in mirrored[c, y, 16 - x] } } })
    let maps = [inner(softmax(bordered)), inner(turned)].map {
      kernels.resizeBilinear($0.reshaped([1, 3, 9, 11]), height: image.height, width: image.width).values
    }
    let expected = Tensor([3, image.height, image.width], zip(maps[0], maps[1]).map { ($0 + $1) / 2 })
    let found = try inference(.meanKeepingRatio, scales: [0.25], flip: true).probabilities(
      of: image, classes: [0, 1, 2])
    #expect(mismatch(found, expected, tolerance: 1e-6) == nil)
  }
}
