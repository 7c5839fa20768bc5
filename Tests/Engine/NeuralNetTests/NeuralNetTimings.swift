import CPUBackend
import Foundation
import NeuralNet
import Tensors
import Testing

/// The numbers of the module's README: `SSDD_TIMINGS=1 swift test -c release --filter NeuralNetTimings`.
@Suite(
  .serialized, .enabled(if: ProcessInfo.processInfo.environment["SSDD_TIMINGS"] != nil, "set SSDD_TIMINGS to measure"))
struct NeuralNetTimings {
  let kernels = CPUKernels(threads: 2)

  /// Prints the mean time of five runs after a first one.
  func measure(_ name: String, _ body: () -> Void) {
    body()
    let time = ContinuousClock().measure { for _ in 0..<5 { body() } }
    print("\(name): \(time / 5)")
  }

  @Test func losses() {
    let (logits, difference) = (
      Values.uniform([4, 21, 112, 112], "logits"), Values.uniform([4, 1, 112, 112], "difference")
    )
    let labels = Values.labels(batch: 4, height: 112, width: 112, classes: 21, "labels")
    let target = Values.binary([4, 112, 112], "target")
    measure("cross entropy 4x21x112x112, forward and back") {
      crossEntropy(Context(kernels: kernels, mode: .training).input(logits), labels).backward()
    }
    measure("difference loss 4x1x112x112, forward and back") {
      differenceLoss(Context(kernels: kernels, mode: .training).input(difference), target).backward()
    }
  }

  @Test func optimizer() {
    let weight = Parameter(name: "w", shape: [4096, 512, 3, 3], role: .weight, initialiser: .heNormal(fanIn: 4608))
    weight.gradient = weight.value
    for momentum in [Float(0), 0.9] {
      var optimizer = SGD([ParameterGroup([weight], decay: 1e-4)], momentum: momentum)
      measure("SGD step of 18.9 M parameters, momentum \(momentum)") { optimizer.step(rate: 0.1, kernels: kernels) }
    }
    measure("drawing 18.9 M normal values") { _ = weight.initialiser.draw(weight.shape, seed: 1, name: "w") }
  }

  @Test func nodes() {
    let x = Tensor(repeating: 1, [1])
    measure("1000 nodes, forward and back") {
      let context = Context(kernels: kernels, mode: .training)
      var y = context.input(x)
      for _ in 0..<1000 { y = y * 1.001 }
      y.backward()
    }
  }
}
