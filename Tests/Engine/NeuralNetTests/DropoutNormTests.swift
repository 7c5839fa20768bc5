import CPUBackend
import NeuralNet
import Tensors
import Testing

/// Dropout inside a batch norm against dropout behind it: the same bits.
@Suite("Batch norm with dropout") struct DropoutNormTests {
  @Test(arguments: [(BatchNorm2D.Statistics.frozen, true), (.frozen, false), (.batch, false)])
  func theSameAsDropoutBehind(statistics: BatchNorm2D.Statistics, isFrozen: Bool) {
    let input = Values.uniform([3, 8, 5, 4], "x")
    let upstream = Values.uniform([3, 8, 5, 4], "upstream")
    func run(_ body: (BatchNorm2D, Variable) -> Variable) -> [Tensor?] {
      let norm = BatchNorm2D(name: "norm", channels: 8, statistics: statistics)
      norm.bias.value = Values.uniform([8], "bias")
      norm.weight.value = Values.uniform([8], "weight")
      norm.weight.isFrozen = isFrozen
      norm.bias.isFrozen = isFrozen
      let x = Context(kernels: CPUKernels(threads: 1), mode: .training, seed: 3, step: 1, sampleOffset: 2).input(input)
      let y = body(norm, x)
      y.backward(upstream)
      return [y.value, x.gradient, norm.weight.gradient, norm.bias.gradient]
    }
    let inside = run { $0($1, relu: true, dropout: ChannelDropout(rate: 0.5, name: "drop")) }
    let behind = run { $0($1, relu: true).dropout2d(rate: 0.5, name: "drop") }
    #expect(inside == behind)
    #expect(inside[0]?.values.contains(0) == true && (inside[2] == nil) == isFrozen)
  }
}
