import CPUBackend
import NeuralNet
import Tensors
import Testing

@Suite("SGD, schedules, initialisers")
struct OptimizerTests {
  let kernels = CPUKernels(threads: 1)

  func parameter(_ name: String, _ value: Float, gradient: Float? = nil, role: Parameter.Role = .weight) -> Parameter {
    let parameter = Parameter(name: name, shape: [1], role: role, initialiser: .constant(value))
    parameter.gradient = gradient.map { Tensor([1], [$0]) }
    return parameter
  }

  @Test func ruleWithMomentumAndDecay() {
    let weight = parameter("w", 1, gradient: 0.5)
    var optimizer = SGD([ParameterGroup([weight], rateMultiplier: 10, decay: 0.1)], momentum: 0.9)
    var (w, v) = (1.0, 0.0)
    for _ in 0..<4 {
      optimizer.step(rate: 0.01, kernels: kernels)
      v = 0.9 * v + 0.5 + 0.1 * w
      w -= 0.1 * v
      #expect(abs(Double(weight.value.item) - w) < 1e-6)
    }
    #expect(optimizer.velocities.map(\.name) == ["w"] && abs(Double(optimizer.velocities[0].value.item) - v) < 1e-6)
  }

  @Test func withoutMomentumThereIsNoVelocity() {
    let weight = parameter("w", 2, gradient: 1)
    var optimizer = SGD([ParameterGroup([weight], decay: 0.5)])
    optimizer.step(rate: 0.25, kernels: kernels)
    #expect(weight.value.item == 1.5 && optimizer.velocities.isEmpty)
  }

  @Test func frozenOnesAndThoseWithoutGradientAreUntouched() {
    let frozen = parameter("frozen", 3, gradient: 1)
    frozen.isFrozen = true
    let (idle, running) = (parameter("idle", 4), parameter("running", 5, gradient: 1, role: .runningMean))
    let bias = parameter("bias", 6, gradient: 1, role: .bias)
    var optimizer = SGD([ParameterGroup([frozen, idle, running, bias], decay: 0.5)], momentum: 0.9)
    #expect(optimizer.parameters.map(\.name) == ["frozen", "idle", "bias"])
    optimizer.step(rate: 1, kernels: kernels)
    #expect([frozen, idle, running, bias].map(\.value.item) == [3, 4, 5, 2])
    #expect(optimizer.velocities.map(\.name) == ["bias"])
    optimizer.zeroGradients()
    #expect(bias.gradient == nil)
  }

  @Test func restoredVelocitiesContinueToTheSameBits() {
    func run(_ steps: Int, _ optimizer: inout SGD, _ weight: Parameter) {
      for _ in 0..<steps {
        weight.gradient = kernels.scaled(weight.value, by: 0.3)
        optimizer.step(rate: 0.1, kernels: kernels)
      }
    }
    let unbroken = parameter("w", 1)
    var first = SGD([ParameterGroup([unbroken])], momentum: 0.9)
    run(3, &first, unbroken)
    let resumed = parameter("w", 1)
    resumed.value = unbroken.value
    var second = SGD([ParameterGroup([resumed])], momentum: 0.9)
    second.velocities = first.velocities
    run(4, &first, unbroken)
    run(4, &second, resumed)
    #expect(unbroken.value == resumed.value)
    #expect(first.velocities.map(\.value) == second.velocities.map(\.value))
  }

  @Test func schedules() {
    let poly = PolySchedule(base: 0.1)
    #expect(poly.rate(step: 0, of: 100) == 0.1 && poly.rate(step: 100, of: 100) == 0)
    #expect(abs(poly.rate(step: 50, of: 100) - 0.1 * 0.5358867) < 1e-8)
    let cosine = CosineSchedule(base: 1e-3, epochs: 10)
    #expect(cosine.rampDown == 12 && CosineSchedule(base: 1, epochs: 16).rampDown == 19)
    #expect(cosine.rate(epoch: 0, step: 0, of: 7) == 1e-3 && abs(cosine.rate(epoch: 6, step: 0, of: 7) - 5e-4) < 1e-12)
    #expect(cosine.rate(epoch: 30, step: 0, of: 7) == 0, "stays at zero after the ramp")
    for step in [0, 1, 33, 69] {
      #expect(abs(cosine.rate(step: step, of: 70) - cosine.rate(epoch: step / 7, step: step % 7, of: 7)) < 1e-15)
    }
  }

  @Test func initialisersDependOnSeedAndNameAlone() {
    let shape: Shape = [40, 50]
    let he = Initialiser.heNormal(fanIn: 50)
    let values = he.draw(shape, seed: 1, name: "a")
    #expect(values == he.draw(shape, seed: 1, name: "a"))
    #expect(values != he.draw(shape, seed: 2, name: "a") && values != he.draw(shape, seed: 1, name: "b"))
    let deviation = (values.values.reduce(0) { $0 + $1 * $1 } / 2000).squareRoot()
    #expect(abs(deviation - 0.2) < 0.01)
    for (initialiser, bound) in [
      (Initialiser.xavier(fanIn: 4, fanOut: 2), Float(1)), (.pyTorchDefault(fanIn: 16), 0.25),
    ] {
      let values = initialiser.draw(shape, seed: 1, name: "u").values
      #expect(
        values.allSatisfy { abs($0) <= bound } && (values.max() ?? 0) > 0.98 * bound
          && (values.min() ?? 0) < -0.98 * bound)
    }
  }

  @Test func layersStartAsDocumented() {
    let layer = Convolution2D(name: "fc", in: 4, out: 2, kernel: 2, bias: true)
    #expect(layer.parameters.map(\.name) == ["fc.weight", "fc.bias"])
    #expect(layer.weight.value.values.allSatisfy { $0 == 0 })
    layer.initialise(seed: 1)
    #expect(layer.weight.value.values.allSatisfy { abs($0) <= 0.25 && $0 != 0 } && layer.weight.shape == [2, 4, 2, 2])
    let norm = BatchNorm2D(name: "bn", channels: 3)
    norm.initialise(seed: 1)
    #expect(norm.parameters.map { $0.value.values } == [[1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1]])
  }
}
