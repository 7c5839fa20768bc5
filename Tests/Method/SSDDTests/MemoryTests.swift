import CPUBackend
import LabelMasks
import Networks
import NeuralNet
import SSDD
import Tensors
import TestSupport
import Testing

/// What steps hold, counted by a pool of their own, against what is predicted; one thread, so that nothing is made
/// elsewhere.
@Suite("Memory of steps") struct MemoryTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let backbone: BackboneSpecification
    let (side, batch, microBatch): (Int, Int, Int)
    var testDescription: String {
      "\(backbone.kind) \(backbone.width) x \(backbone.depth), \(batch) of \(side) x \(side), \(microBatch) at a time"
    }

    init(
      _ kind: BackboneSpecification.Kind, width: Double = 1, depth: Double = 1, side: Int, batch: Int, microBatch: Int
    ) {
      backbone = BackboneSpecification(kind: kind, width: width, depth: depth)
      (self.side, self.batch, self.microBatch) = (side, batch, microBatch)
    }
  }

  static let cases = [
    Case(.squeezenet, side: 96, batch: 4, microBatch: 4), Case(.squeezenet, side: 160, batch: 3, microBatch: 1),
    Case(.squeezenet, side: 200, batch: 2, microBatch: 2),
    Case(.resnet38, width: 0.25, side: 96, batch: 3, microBatch: 2),
    Case(.resnet38, width: 0.125, side: 200, batch: 2, microBatch: 2),
    Case(.resnet38, width: 0.25, depth: 0.5, side: 160, batch: 2, microBatch: 1),
  ]

  private func model(_ backbone: BackboneSpecification) throws -> SSDDNetwork {
    let model = try SSDDNetwork(NetworkSpecification(backbone: backbone, classes: 4, headDilation: 2), stage: .static)
    model.initialise(seed: 1)
    return model
  }

  private func batch(_ test: Case) throws -> StaticBatch {
    let side = test.side / 4
    let labels = LabelMask(repeating: 1, batch: test.batch, height: side, width: side)
    return StaticBatch(
      images: GoldenGenerator(seed: 1).signed("x", [test.batch, 3, test.side, test.side]), knowledge: labels,
      advice: labels,
      present: try PresentLabels(Array(repeating: [1], count: test.batch), classes: 4))
  }

  /// Bytes that the tensors and the scratch memory of `body` have had from the system.
  private func resident(_ body: () throws -> Void) rethrows -> Int {
    let (pool, scratch) = (MemoryPool(), MemoryPool())
    try MemoryPool.$current.withValue(pool) { try MemoryPool.$scratch.withValue(scratch) { try body() } }
    return pool.statistics.resident + scratch.statistics.resident
  }

  @Test(arguments: cases) func aTrainingStepHoldsWhatIsPredicted(test: Case) throws {
    let (model, batch) = (try model(test.backbone), try batch(test))
    func run(_ kernels: any Kernels) throws {
      _ = try StaticStep(network: model).run(
        batch, trainingPass(kernels, seed: 1, step: 0, microBatch: test.microBatch))
      model.zeroGradients()
    }
    let predicted = try MemoryPrediction.peak(threads: 1) { kernels in try run(kernels) }
    let counted = try resident { try run(CPUKernels(threads: 1)) }
    #expect(abs(Double(predicted) / Double(counted) - 1) < 0.1, "predicted \(predicted), counted \(counted)")
  }

  @Test(arguments: cases) func inferenceHoldsWhatIsPredicted(test: Case) throws {
    let model = try model(test.backbone)
    let images = Tensor(repeating: 0.5, [test.microBatch, 3, 3 * test.side, 2 * test.side])
    func run(_ kernels: any Kernels) {
      _ = model.segmentation.logits(Context(kernels: kernels).constant(images), upsampling: 8)
    }
    let predicted = MemoryPrediction.peak(threads: 1, run)
    let counted = resident { run(CPUKernels(threads: 1)) }
    #expect(abs(Double(predicted) / Double(counted) - 1) < 0.1, "predicted \(predicted), counted \(counted)")
  }

  /// After the first steps every tensor and every kernel's scratch memory is a block that was there before.
  @Test(arguments: cases) func aWarmStepTakesNothingFromTheSystem(test: Case) throws {
    let (model, batch) = (try model(test.backbone), try batch(test))
    var optimizer = SGD([ParameterGroup(model.parameters)], momentum: 0.9)
    let (pool, scratch) = (MemoryPool(), MemoryPool())
    func counts() -> (taken: Int, fresh: Int) {
      (pool.statistics.taken + scratch.statistics.taken, pool.statistics.fresh + scratch.statistics.fresh)
    }
    func run() throws {
      let kernels = CPUKernels(threads: 1)
      for step in 0..<3 {
        let before = counts()
        let pass = trainingPass(kernels, seed: 1, step: step, microBatch: test.microBatch)
        _ = try StaticStep(network: model).run(batch, pass)
        optimizer.step(rate: 1e-3, kernels: kernels)
        let after = counts()
        if step > 1 {
          #expect(
            after.taken > before.taken && after.fresh == before.fresh,
            "step \(step): \(after.fresh - before.fresh) fresh blocks")
        }
      }
    }
    try MemoryPool.$current.withValue(pool) { try MemoryPool.$scratch.withValue(scratch) { try run() } }
  }
}
