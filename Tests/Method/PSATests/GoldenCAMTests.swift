import CPUBackend
import Imaging
import Networks
import NeuralNet
import PSA
import Tensors
import TestSupport
import Testing

private let kernels = CPUKernels(threads: 2)

/// Multi-scale class activation maps of the reference: cam.h5.
@Suite("Golden: class activation maps", .enabled(if: Golden.isAvailable, "\(Golden.absence)"))
struct GoldenCAMTests {
  @Test("scaled images and the fusion of the reference's raw maps")
  func fusion() throws {
    let golden = try Golden.open("cam")
    let size = try golden.shape("image_u8")
    let image = RGBImage(width: size[1], height: size[0], pixels: try golden.bytes("image_u8"))
    let scales = try golden.file.doubles("scales")
    #expect(scales == CAMFusion.scales)
    let present = try golden.file.integers("present")
    var fusion = CAMFusion(width: size[1], height: size[0], present: Array(present.indices), kernels: kernels)
    for (index, scale) in scales.enumerated() {
      let resized = try image.scaledBicubic(by: scale)
      #expect(
        try golden.mismatch(resized.pixels, shape: [resized.height, resized.width, 3], "scaled_u8/\(index)") == nil)
      for flipped in [false, true] {
        let maps = try golden.tensor("raw_cam_present/\(2 * index + (flipped ? 1 : 0))")
        fusion.add(maps.reshaped(Shape([1] + maps.shape.dimensions)), flipped: flipped)
      }
    }
    #expect(try golden.mismatch(fusion.sum, "sum_cam") == nil)
    #expect(try golden.mismatch(fusion.normalised(), "norm_cam") == nil)
  }

  @Test("the whole network: raw maps of the scaled images, fused")
  func network() throws {
    let golden = try Golden.open("cam")
    let network = CAMClassifier(backbone: ResNet38(), objectCount: try golden.shape("label")[0])
    for parameter in network.parameters {
      parameter.value = golden.generator.parameter(parameter.name, parameter.value.shape)
    }
    let size = try golden.shape("image_u8")
    let present = try golden.file.integers("present")
    var fusion = CAMFusion(width: size[1], height: size[0], present: present, kernels: kernels)
    for index in try golden.file.doubles("scales").indices {
      let shape = try golden.shape("scaled_u8/\(index)")
      let image = Self.normalised(try golden.bytes("scaled_u8/\(index)"), height: shape[0], width: shape[1])
      for flipped in [false, true] {
        let context = Context(kernels: kernels)
        let maps = network.activationMaps(context.constant(flipped ? kernels.flipHorizontally(image) : image)).value
        fusion.add(maps, flipped: flipped)
        let kept = Tensor.stacked(
          present.map { maps.reshaped(Shape(Array(maps.shape.dimensions.dropFirst()))).batch($0..<$0 + 1) })
        #expect(try golden.mismatch(kept, "raw_cam_present/\(2 * index + (flipped ? 1 : 0))", relativeL2: 5e-6) == nil)
      }
    }
    #expect(try golden.mismatch(fusion.normalised(), "norm_cam", relativeL2: 5e-6) == nil)
  }

  /// (v / 255 - mean) / deviation as (1, 3, height, width).
  private static func normalised(_ pixels: [UInt8], height: Int, width: Int) -> Tensor {
    let mean: [Float] = [0.485, 0.456, 0.406], deviation: [Float] = [0.229, 0.224, 0.225]
    return Tensor(
      [1, 3, height, width],
      (0..<3).flatMap { c in (0..<height * width).map { (Float(pixels[3 * $0 + c]) / 255 - mean[c]) / deviation[c] } })
  }
}
