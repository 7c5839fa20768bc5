import CPUBackend
import Foundation
import NeuralNet
import Tensors
import Testing

@Suite("Gradient clipping") struct ClippingTests {
  private let kernels = CPUKernels(threads: 2)

  /// Two layers with a squared output: a loss whose gradient is not the same in any two elements.
  private struct Network: Module {
    private let layers = (
      Convolution2D(name: "first", in: 3, out: 4, kernel: 1, bias: false),
      Convolution2D(name: "second", in: 4, out: 2, kernel: 1, bias: false)
    )
    let frozen = Parameter(name: "frozen", shape: [2], role: .bias, initialiser: .uniform(bound: 1), isFrozen: true)
    var first: Parameter { layers.0.weight }
    var second: Parameter { layers.1.weight }
    var parameters: [Parameter] { [first, second, frozen] }

    func loss(_ kernels: any Kernels, _ mode: Context.Mode = .training) -> Variable {
      let x = Context(kernels: kernels, mode: mode).constant(Values.uniform([2, 3, 2, 2], "x"))
      let output = layers.1(layers.0(x).sigmoid())
      return (output * output).sum()
    }
  }

  private func network() -> Network {
    let network = Network()
    for (parameter, name) in [(network.first, "first"), (network.second, "second")] {
      parameter.value = Values.uniform(parameter.shape, name)
    }
    network.loss(kernels).backward()
    network.frozen.gradient = Tensor([2], [100, 100])
    return network
  }

  private func norm(_ parameters: [Parameter]) -> Double {
    parameters.compactMap(\.gradient).flatMap(\.values).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  /// A clipped gradient is the finite differences' gradient times one factor, the same in every element of every layer.
  @Test func clippingScalesTheGradientAndNothingElse() throws {
    let network = network()
    let raw = norm([network.first, network.second])
    let optimizer = SGD(
      [ParameterGroup([network.first, network.frozen], rateMultiplier: 10), ParameterGroup([network.second])],
      clipNorm: 0.25 * raw)
    let reported = try #require(optimizer.clipGradients(kernels: kernels))
    #expect(abs(reported / raw - 1) < 1e-5)
    #expect(abs(norm([network.first, network.second]) / (0.25 * raw) - 1) < 1e-5)
    #expect(network.frozen.gradient?.values == [100, 100])
    for parameter in [network.first, network.second] {
      let clipped = try #require(parameter.gradient).values
      for i in clipped.indices {
        let value = parameter.value
        func moved(_ step: Float) -> Double {
          var values = value.values
          values[i] += step
          parameter.value = Tensor(value.shape, values)
          defer { parameter.value = value }
          return Double(network.loss(kernels, .inference).value.item)
        }
        let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2
        #expect(abs(Double(clipped[i]) - 0.25 * difference) < 2e-3 * max(raw, 1), "\(parameter.name)[\(i)]")
      }
    }
  }

  @Test func aStepGoesAsFarAsTheLimitSays() throws {
    let network = network()
    let before = network.first.value.values + network.second.value.values
    var optimizer = SGD([ParameterGroup([network.first, network.second])], clipNorm: 0.01)
    _ = optimizer.clipGradients(kernels: kernels)
    optimizer.step(rate: 2, kernels: kernels)
    let after = network.first.value.values + network.second.value.values
    let length = zip(before, after).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }.squareRoot()
    #expect(abs(length - 0.02) < 1e-5)
  }

  @Test func belowTheLimitAndWithoutOneNotABitChanges() throws {
    let network = network()
    let before = network.parameters.map(\.gradient)
    let norm = norm([network.first, network.second])
    #expect(SGD([ParameterGroup(network.parameters)], clipNorm: norm * 1.01).clipGradients(kernels: kernels) != nil)
    #expect(network.parameters.map(\.gradient) == before)
    #expect(SGD([ParameterGroup(network.parameters)]).clipGradients(kernels: kernels) == nil)
    #expect(network.parameters.map(\.gradient) == before)
  }

  @Test func aGradientThatIsNoNumberIsReported() throws {
    let network = network()
    network.second.gradient = Tensor(repeating: .nan, network.second.shape)
    #expect(SGD([ParameterGroup(network.parameters)], clipNorm: 1).clipGradients(kernels: kernels)?.isNaN == true)
  }
}
