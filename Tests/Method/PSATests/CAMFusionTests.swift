import CPUBackend
import Foundations
import PSA
import Tensors
import TestSupport
import Testing

private let kernels = CPUKernels(threads: 2)

@Suite("Class activation maps") struct CAMFusionTests {
  @Test("keeps the present classes, turns mirrored maps back, scales to below 1")
  func fuses() throws {
    var fusion = CAMFusion(width: 4, height: 2, present: [2, 0], kernels: kernels)
    let ramp: [Float] = [0, 1, 2, 3, 0, 1, 2, 3]
    fusion.add(Tensor([1, 3, 2, 4], ramp + [Float](repeating: 50, count: 8) + ramp.map { $0 * 2 }), flipped: false)
    fusion.add(
      Tensor([1, 3, 2, 4], ramp.reversed() + [Float](repeating: 50, count: 8) + [Float](repeating: 0, count: 8)),
      flipped: true)
    #expect(mismatch(fusion.sum, Tensor([2, 2, 4], ramp.map { $0 * 2 } + ramp.map { $0 * 2 }), tolerance: 1e-6) == nil)
    let scaled = try fusion.normalised()
    #expect(mismatch(scaled, Tensor([2, 2, 4], (ramp + ramp).map { $0 * 2 / 6.00001 }), tolerance: 1e-6) == nil)
  }

  @Test("a class without any activation stays 0, no class gives no map, and NaN is refused")
  func edges() throws {
    var fusion = CAMFusion(width: 3, height: 2, present: [1], kernels: kernels)
    #expect(try fusion.normalised() == Tensor(zeros: [1, 2, 3]))
    fusion.add(Tensor(repeating: .nan, [1, 2, 1, 1]), flipped: false)
    #expect(throws: Failure.self) { try fusion.normalised() }
    var empty = CAMFusion(width: 3, height: 2, present: [], kernels: kernels)
    empty.add(Tensor(zeros: [1, 2, 1, 1]), flipped: true)
    #expect(try empty.normalised().shape == [0, 2, 3])
    #expect(withBackground(try empty.normalised(), power: 16) == Tensor(repeating: 1, [1, 2, 3]))
  }

  @Test("background is (1 - max)^alpha")
  func background() {
    let scores = Tensor([2, 1, 3], [0.5, 0, 1, 0.25, 0, 0.5])
    let expected = Tensor([3, 1, 3], [0.0625, 1, 0, 0.5, 0, 1, 0.25, 0, 0.5])
    #expect(mismatch(withBackground(scores, power: 4), expected, tolerance: 1e-7) == nil)
  }
}
