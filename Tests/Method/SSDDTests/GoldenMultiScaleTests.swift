import CPUBackend
import DenseCRF
import Imaging
import LabelMasks
import MethodChoices
import Networks
import SSDD
import Tensors
import TestSupport
import Testing

/// The reference's inference at several scales by the function that `infer-seg --preset reference` calls:
/// multiscale_seg.h5.
@Suite("Golden: multi-scale segmentation", .serialized, .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenMultiScaleTests {
  private let golden: GoldenFile
  private let kernels = CPUKernels(threads: 2)
  private let image: RGBImage
  private let classes: [Int]

  init() throws {
    golden = try Golden.open("multiscale_seg")
    let size = try golden.shape("image_u8")
    image = RGBImage(width: size[1], height: size[0], pixels: try golden.bytes("image_u8"))
    classes = Array(0..<(try golden.shape("prob_orig_size")[0]))
  }

  private func inference(flip: Bool) throws -> MultiScaleSegmentation {
    let network = try SegmentationNetwork(NetworkSpecification(backbone: .paper, classes: classes.count))
    try golden.fill(network)
    return MultiScaleSegmentation(
      network: network, scales: try golden.file.doubles("scales"), flip: flip,
      fusion: MethodDefaults(.reference).scaleFusion,
      side: try golden.integer("side"), kernels: kernels)
  }

  @Test func everyScaleBeforeMirroring() throws {
    let inference = try inference(flip: false)
    let square = inference.square(image)
    #expect(try golden.mismatch(square.pixels, shape: [square.height, square.width, 3], "resized_u8") == nil)
    for (index, scale) in try golden.file.doubles("scales").enumerated() {
      let softmaxes = try inference.squareSoftmaxes(of: square, scale: scale)
      #expect(softmaxes.count == 1)
      #expect(try golden.mismatch(softmaxes[0], "scale_softmax/\(index)") == nil)
    }
  }

  @Test func sumMasksAndCRF() throws {
    let inference = try inference(flip: true)
    let sum = try inference.squareSum(of: image)
    #expect(try golden.mismatch(sum, "seg_all") == nil)
    // Where two classes are as good as equal the last bits decide; the reference counts such pixels of the mask at the
    // image's size.
    let close = 2 * (try golden.integer("low_margin_pixels", of: "mask_orig_size"))
    #expect(try different(kernels.argMax(ClassScores(values: sum, labels: classes)), "mask_square") <= close)

    let probabilities = MultiScaleSegmentation.softmaxOfSum(
      sum, height: image.height, width: image.width, kernels: kernels)
    #expect(try golden.mismatch(probabilities, "prob_orig_size") == nil)
    #expect(
      try different(kernels.argMax(ClassScores(values: probabilities, labels: classes)), "mask_orig_size") <= close)

    let crf = try DenseCRF(
      width: image.width, height: image.height, rgb: image.pixels, parameters: DenseCRFParameters(), threads: 2)
    let q = try crf.infer(probabilities: probabilities)
    #expect(try golden.mismatch(q, "crf_Q_orig_size") == nil)
    #expect(try different(kernels.argMax(ClassScores(values: q, labels: classes)), "crf_mask_orig_size") <= close)
  }

  /// Number of pixels where a mask is not the stored one.
  private func different(_ mask: LabelMask, _ name: String) throws -> Int {
    let (shape, labels) = try golden.labels(name)
    #expect(shape == [mask.height, mask.width], "\(name)")
    return zip(mask.labels, labels).count { $0 != $1 }
  }
}
