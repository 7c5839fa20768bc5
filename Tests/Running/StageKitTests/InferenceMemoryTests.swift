import CPUBackend
import Foundations
import Imaging
import Networks
import NeuralNet
import PSA
import SSDD
import StageInterface
import StageKit
import Tensors
import TestSupport
import Testing

/// `--memory` of inference: both passes at once where they fit, one after the other where they do not, a failure where
/// not even one does.
@Suite struct InferenceMemoryTests {
  private let kernels = CPUKernels(threads: 1, keepsWeights: false)
  private let maps: ActivationMaps
  private let image: RGBImage

  init() throws {
    let backbone = BackboneSpecification(kind: .resnet38, width: 1.0 / 16, depth: 0.3)
    let network = CAMClassifier(backbone: try backbone.build(), objectCount: 3)
    network.initialise(seed: 3)
    maps = ActivationMaps(network: network, scales: [1])
    let bytes = GoldenGenerator(seed: 5).integers("image", count: 200 * 160 * 3, below: 256)
    image = RGBImage(width: 200, height: 160, pixels: bytes.map { UInt8($0) })
  }

  private func scores(_ bytes: Int?) throws -> Tensor {
    let memory = InferenceMemory(limit: bytes.map { MemorySize(bytes: $0) }, modules: [maps.network], threads: 1)
    return try memory.scores(by: maps, of: image, labels: [1, 3], kernels: kernels)
  }

  /// The smallest limit, to a mebibyte, under which nothing is thrown.
  private func least() throws -> Int {
    var (low, high) = (1 << 20, 4 << 30)
    while high - low > 1 << 20 {
      let middle = (low + high) / 2
      do {
        _ = try scores(middle)
        high = middle
      } catch let failure as Failure where failure.kind == .usage { low = middle }
    }
    return high
  }

  @Test func anyLimitThatSufficesGivesTheSameScores() throws {
    let free = try scores(nil)
    #expect(mismatch(try scores(try least()), free, tolerance: 1e-5) == nil, "one pass at a time")
    #expect(mismatch(try scores(4 << 30), free, tolerance: 0) == nil, "both passes at once")
  }

  @Test func tooLittleIsToldWithWhatWouldDo() {
    let failure = #expect(throws: Failure.self) { try scores(1 << 20) }
    #expect(failure?.kind == .usage && failure?.item == "--memory")
    #expect(failure?.message.contains("for an image of 200x160, found 1.0M") == true, "\(failure?.message ?? "")")
  }
}
