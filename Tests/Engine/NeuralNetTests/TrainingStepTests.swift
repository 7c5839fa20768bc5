import CPUBackend
import LabelMasks
import NeuralNet
import Tensors
import TestSupport
import Testing

/// y = w x + b by least squares, written as a step: its denominator is counted, its log has a share.
private struct LineStep: TrainingStep {
  struct Points: SampleBatch {
    var values: [(x: Float, y: Float)]
    var count: Int { values.count }
    func batch(_ range: Range<Int>) -> Points { Points(values: Array(values[range])) }
  }

  final class Line: Module {
    let weight = Parameter(name: "weight", shape: [1], role: .weight, initialiser: .constant(0.5))
    let bias = Parameter(name: "bias", shape: [1], role: .bias, initialiser: .constant(-0.25))
    let unused = Parameter(name: "unused", shape: [1], role: .bias, initialiser: .constant(1))
    var parameters: [Parameter] { [weight, bias, unused] }
  }

  let line = Line()
  var module: any Module { line }
  var hasChannelDropout: Bool { false }

  func batch(_ samples: [Points]) -> Points { Points(values: samples.flatMap(\.values)) }
  func counts(_ batch: Points) -> SampleCount { SampleCount(batch.count) }

  func accumulate(_ batch: Points, counts: SampleCount, context: Context, into sums: inout StepSums) {
    let (weight, bias) = (context.variable(line.weight), context.variable(line.bias))
    for (x, y) in batch.values {
      let error = weight * x + bias + context.constant(Tensor([1], [-y]))
      let loss = error * error * (1 / Float(counts.count))
      sums.add("loss", Double(loss.value.item))
      sums.add("above", error.value.item > 0 ? 1 : 0, of: 1)
      // Each point is a graph of its own, so completeness is told once per point.
      loss.backward()
    }
  }

  func finish(_ sums: StepSums, counts: SampleCount, kernels: any Kernels) -> TrainingRecord {
    TrainingRecord([(name: "loss", value: sums["loss"])] + sums.shares)
  }
}

@Suite struct TrainingStepTests {
  private let kernels = CPUKernels(threads: 1)
  private static let points = LineStep.Points(
    values: (0..<7).map { (n: Int) -> (x: Float, y: Float) in
      let (x, y) = (Float(n) / 4, Float(n * n % 5))
      return (x: x - 1, y: y / 3)
    })

  private func pass(_ microBatch: Int, share: any BatchShare = WholeBatch()) -> TrainingPass {
    let plan = TrainingPlan(items: 7, epochs: 1, batch: 7, microBatch: microBatch)
    return TrainingPass(
      kernels: CPUKernels(threads: 1), seed: 1, position: TrainingPosition(step: 0, plan: plan), share: share)
  }

  @Test(arguments: [1, 3, 7]) func microBatchesAddUp(_ microBatch: Int) throws {
    let step = LineStep()
    let record = try step.run(Self.points, pass(microBatch))
    var (loss, above, slope) = (0.0, 0.0, 0.0)
    for (x, y) in Self.points.values {
      let error = Double(0.5 * x - 0.25 - y)
      loss += error * error / 7
      above += error > 0 ? 1 : 0
      slope += 2 * error * Double(x) / 7
    }
    #expect(abs((record["loss"] ?? .nan) - loss) < 1e-6)
    #expect(record["above"] == above / 7)
    #expect(abs(Double(step.line.weight.gradient?.item ?? .nan) - slope) < 1e-6)
    #expect(step.line.unused.gradient == nil)
  }

  @Test func earlierGradientsAreDropped() throws {
    let step = LineStep()
    _ = try step.run(Self.points, pass(7))
    let first = step.line.weight.gradient
    _ = try step.run(Self.points, pass(7))
    #expect(step.line.weight.gradient == first)
  }

  @Test func processesAddUp() throws {
    let whole = LineStep()
    let record = try whole.run(Self.points, pass(7))
    let outcomes = try PlayedProcesses.run([0..<2, 2..<3, 3..<7]) { range, share in
      let step = LineStep()
      let plan = TrainingPlan(items: 7, epochs: 1, batch: 7, microBatch: 3)
      let position = TrainingPosition(step: 0, plan: plan)
      let pass = TrainingPass(kernels: CPUKernels(threads: 1), seed: 1, position: position, share: share)
      return (try step.run(Self.points.batch(range), pass), step.module)
    }
    for outcome in outcomes {
      #expect(outcome.record.names == record.names && outcome.record["above"] == record["above"])
      #expect(abs((outcome.record["loss"] ?? .nan) - (record["loss"] ?? 0)) < 1e-6)
      #expect(outcome.gradients.keys.sorted() == ["bias", "weight"])
      #expect(abs((outcome.gradients["weight"]?.item ?? .nan) - (whole.line.weight.gradient?.item ?? 0)) < 1e-6)
      #expect(outcome.gradients == outcomes[0].gradients && outcome.record == outcomes[0].record)
    }
  }

  // MARK: When gradients are complete

  /// w1 is used first and last, w2 in between, w3 is frozen, w4 reached by nothing.
  @Test func aParameterIsCompleteAfterItsFirstUse() throws {
    func parameter(_ name: String) -> Parameter {
      Parameter(name: name, shape: [3], role: .weight, initialiser: .constant(0.5))
    }
    let (w1, w2, w3, w4) = (parameter("w1"), parameter("w2"), parameter("w3"), parameter("w4"))
    w3.isFrozen = true
    var seen: [(name: String, gradient: Tensor?)] = []
    let context = Context(
      kernels: kernels, mode: .training, gradientIsComplete: { seen.append((name: $0.name, gradient: $0.gradient)) })
    let x = context.constant(Tensor([3], [1, 2, 3]))
    let first = (x * context.variable(w1)).sigmoid()
    let second = (first * context.variable(w2)).sigmoid() * context.variable(w3)
    let loss = (second * context.variable(w1)).sum()
    _ = context.variable(w4)
    loss.backward()
    #expect(seen.map(\.name) == ["w2", "w1"], "going back, w1's last contribution comes from its first use")
    #expect(seen.map(\.gradient) == [w2.gradient, w1.gradient])
    #expect(w3.gradient == nil && w4.gradient == nil)
  }

  @Test func aParameterThatIsAResultIsCompleteToo() {
    let (alone, used) = (
      Parameter(name: "alone", shape: [1], role: .weight, initialiser: .constant(1)),
      Parameter(name: "used", shape: [1], role: .weight, initialiser: .constant(1))
    )
    var seen: [String] = []
    let context = Context(
      kernels: kernels, mode: .training, gradientIsComplete: { seen.append("\($0.name) \($0.gradient?.item ?? 0)") })
    let product = context.variable(used) * 3
    backward([
      (context.variable(alone), Tensor([1], [2])), (product, Tensor([1], [1])),
      (context.variable(used), Tensor([1], [1])),
    ])
    #expect(seen == ["alone 2.0", "used 4.0"])
  }

  @Test func sharesOfNothingAreZeroAndNumbersKeepTheirOrder() {
    var sums = StepSums()
    sums.add("loss", 0.5)
    sums.add("b", 0, of: 0)
    sums.add("a", 1, of: 2)
    sums.add("loss", 0.25)
    sums.add("a", 1, of: 6)
    #expect(sums["loss"] == 0.75 && sums["a"] == 0.25 && sums["b"] == 0 && sums["none"] == 0)
    #expect(sums.shares.map(\.name) == ["b", "a"])
  }

  @Test func countsAddUp() {
    let labels = LabelMask(batch: 2, height: 1, width: 3, labels: [0, 255, 1, 2, 255, 255])
    #expect(LabelledPixels(labels) == LabelledPixels(labels.batch(0..<1)) + LabelledPixels(labels.batch(1..<2)))
    #expect(LabelledPixels(labels).numbers == [3])
  }
}
