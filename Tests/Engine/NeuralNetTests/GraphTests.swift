import CPUBackend
import NeuralNet
import Tensors
import Testing

@Suite("Recording and going back")
struct GraphTests {
  let kernels = CPUKernels(threads: 2)

  func training(_ sampleOffset: Int = 0, seed: UInt64 = 1, step: Int = 0, dropout: Bool = true) -> Context {
    Context(kernels: kernels, mode: .training, seed: seed, step: step, sampleOffset: sampleOffset, dropout: dropout)
  }

  /// Tells when an operation's saved state is freed.
  final class Saved {
    let onRelease: () -> Void
    init(_ onRelease: @escaping () -> Void) { self.onRelease = onRelease }
    deinit { onRelease() }
  }

  /// The identity, which keeps something while it is recorded.
  func keep(_ x: Variable, onPull: @escaping () -> Void = {}, onRelease: @escaping () -> Void) -> Variable {
    let saved = Saved(onRelease)
    return x.context.operation(x.value, from: [x]) { upstream in
      withExtendedLifetime(saved) { onPull() }
      return [upstream]
    }
  }

  @Test func inferenceKeepsNothing() {
    var released = 0
    let context = Context(kernels: kernels, mode: .inference)
    let layer = Convolution2D(name: "c", in: 1, out: 1, kernel: 1)
    let x = layer(context.input(Tensor(repeating: 1, [1, 1, 2, 2])))
    let y = keep(x, onRelease: { released += 1 }).relu()
    #expect(released == 1 && !y.wantsGradient && !x.wantsGradient)
    y.sum().backward()
    #expect(layer.weight.gradient == nil && x.gradient == nil)
  }

  @Test func constantsAndFrozenParametersKeepNothing() {
    var released = 0
    let layer = Convolution2D(name: "c", in: 1, out: 1, kernel: 1)
    layer.freeze()
    let x = layer(training().constant(Tensor(repeating: 1, [1, 1, 2, 2])))
    _ = keep(x, onRelease: { released += 1 })
    #expect(released == 1 && !x.wantsGradient)
  }

  @Test func savedStateIsReleasedInReverseOrderWhileGoingBack() {
    var events: [String] = []
    var x = training().input(Tensor(repeating: 1, [3]))
    let leaf = x
    for i in 0..<3 { x = keep(x, onPull: { events.append("pull \(i)") }, onRelease: { events.append("release \(i)") }) }
    let result = x.sum()
    #expect(events == [], "the graph holds them although the variables are gone")
    result.backward()
    #expect(events == ["pull 2", "release 2", "pull 1", "release 1", "pull 0", "release 0"])
    #expect(leaf.gradient?.values == [1, 1, 1] && x.gradient == nil)
  }

  @Test func aDroppedGraphIsFreed() {
    var released = 0
    do {
      let x = keep(training().input(Tensor(repeating: 1, [3])), onRelease: { released += 1 })
      #expect(x.relu().wantsGradient && released == 0)
    }
    #expect(released == 1)
  }

  @Test func severalResultsGoBackInOnePass() {
    let context = training()
    let x = context.input(Tensor([2], [1, 2]))
    var pulls = 0
    let shared = keep(x * 3, onPull: { pulls += 1 }, onRelease: {})
    let (a, b) = (shared * 2, shared * shared)
    backward([
      (a, Tensor([2], [1, 1])), (b, Tensor([2], [1, 10])),
      (context.constant(Tensor([2], [0, 0])), Tensor([2], [5, 5])),
    ])
    #expect(pulls == 1)
    #expect(x.gradient?.values == [6 + 18, 6 + 360])
  }

  @Test func gradientsAddUpUntilZeroed() {
    let layer = Convolution2D(name: "c", in: 1, out: 1, kernel: 1, bias: true)
    for _ in 0..<3 { layer(training().constant(Tensor([1, 1, 1, 2], [1, 2]))).sum().backward() }
    #expect(layer.weight.gradient?.item == 9 && layer.bias?.gradient?.item == 6)
    layer.zeroGradients()
    #expect(layer.weight.gradient == nil && layer.bias?.gradient == nil)
  }

  @Test func sharedParameterGetsBothGradients() {
    let layer = Convolution2D(name: "c", in: 1, out: 1, kernel: 1)
    let context = training()
    let parts = [Tensor(repeating: 2, [1, 1, 1, 1]), Tensor(repeating: 5, [1, 1, 1, 1])].map {
      layer(context.constant($0))
    }
    (parts[0] + parts[1]).sum().backward()
    #expect(layer.weight.gradient?.item == 7)
  }

  @Test func detachedPartsGetNoGradient() {
    let context = training()
    let x = context.input(Tensor([2], [3, 4]))
    (x.detached() * x).sum().backward()
    #expect(x.gradient?.values == [3, 4], "only the second factor")
    let y = (x * 2).detached()
    #expect(!y.wantsGradient && (x * 2).wantsGradient)
    let parameter = Parameter(name: "p", shape: [2], role: .weight, initialiser: .ones)
    (context.variable(parameter) * y).sum().backward()
    #expect(parameter.gradient?.values == [6, 8])
  }

  /// A small network with every kind of randomness and branching.
  final class Network: Module {
    let first = Convolution2D(name: "first", in: 2, out: 6, kernel: 3, padding: 1, bias: true)
    let norm = BatchNorm2D(name: "norm", channels: 6)
    let second = Convolution2D(
      name: "second", in: 6, out: 3, kernel: 3, dilation: 2, padding: 2, paddingMode: .reflect, bias: true)
    var parameters: [Parameter] { first.parameters + norm.parameters + second.parameters }

    func callAsFunction(_ x: Variable) -> Variable {
      second(norm(first(x), relu: true).dropout2d(rate: 0.5, name: "drop")).upsampled(by: 2)
    }
  }

  private func gradients(_ ranges: [Range<Int>], seed: UInt64 = 1) -> (loss: Float, gradients: [Tensor]) {
    let network = Network()
    network.initialise(seed: 9)
    let x = Values.uniform([4, 2, 5, 4], "x")
    let labels = Values.labels(batch: 4, height: 10, width: 8, classes: 3, "labels")
    let count = labelledPixels(labels)
    var loss: Float = 0
    for range in ranges {
      let context = training(range.lowerBound, seed: seed, step: 3)
      let part = crossEntropy(network(context.constant(x.batch(range))), labels.batch(range), denominator: count)
      part.backward()
      loss += part.value.item
    }
    return (loss, network.trainedParameters.compactMap(\.gradient))
  }

  @Test func microBatchesEqualTheBatch() {
    let (whole, parts) = (gradients([0..<4]), gradients([0..<1, 1..<3, 3..<4]))
    #expect(whole.gradients.count == 6 && parts.gradients.count == 6)
    #expect(abs(whole.loss - parts.loss) < 1e-6)
    for (a, b) in zip(whole.gradients, parts.gradients) {
      let scale = a.values.map(abs).max() ?? 0
      #expect(zip(a.values, b.values).allSatisfy { abs($0 - $1) <= 2e-6 * max(scale, 1e-3) })
    }
  }

  @Test func sameSeedSameBits() {
    let (first, second, other) = (gradients([0..<4]), gradients([0..<4]), gradients([0..<4], seed: 2))
    #expect(first.loss == second.loss && first.gradients == second.gradients)
    #expect(first.gradients != other.gradients, "dropout depends on the seed")
  }

  @Test func dropoutDropsWholeChannelsOfTheSampleWhateverTheSplit() {
    let x = Tensor(repeating: 1, [6, 50, 2, 2])
    let whole = training().constant(x).dropout2d(rate: 0.25, name: "b7").value
    let parts = [0..<1, 1..<4, 4..<6].map {
      training($0.lowerBound).constant(x.batch($0)).dropout2d(rate: 0.25, name: "b7").value
    }
    #expect(whole == Tensor.stacked(parts))
    let planes = stride(from: 0, to: whole.count, by: 4).map { Set(whole.values[$0..<$0 + 4]) }
    #expect(planes.allSatisfy { $0 == [0] || $0 == [1 / 0.75] })
    let dropped = planes.filter { $0 == [0] }.count
    #expect((45...105).contains(dropped), "\(dropped) of 300 at rate 0.25")
    #expect(whole != training(step: 1).constant(x).dropout2d(rate: 0.25, name: "b7").value)
    #expect(whole != training().constant(x).dropout2d(rate: 0.25, name: "b6").value)
    #expect(training(dropout: false).constant(x).dropout2d(rate: 0.25, name: "b7").value == x)
    #expect(Context(kernels: kernels).constant(x).dropout2d(rate: 0.25, name: "b7").value == x)
  }

  @Test func goingBackTwiceIsRefused() async {
    await #expect(processExitsWith: .failure) {
      let result = Context(kernels: CPUKernels(threads: 1), mode: .training).input(Tensor(1)) * 2
      result.backward()
      result.backward()
    }
  }
}
