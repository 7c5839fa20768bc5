import ArgumentParser
import CPUBackend
import Foundation
import Networks
import NeuralNet
import Tensors

/// Which part of ResNet-38 is matrix products and which is memory: each kind of convolution alone, and the rest of a
/// forward pass.
struct Roofline: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the convolutions of ResNet-38 by kind, and what is left of a forward pass.")

  @Option(help: "Side of the square input.") var side = 448
  @Option(help: "Threads; default: every core.") var threads = ProcessInfo.processInfo.activeProcessorCount
  @Option(name: .customLong("repeat"), help: "Timed runs of each kind, after one to warm up; the best counts.")
  var repeats = 3
  @Flag(help: "Both gradients too.") var gradients = false

  func run() throws {
    let machine = Machine(threads: threads)
    let kernels = CPUKernels(threads: threads, keepsWeights: !gradients)
    let network = ResNet38()
    network.fillByName()
    let layers = network.layers(height: side, width: side)
    var groups: [String: Part] = [:]
    for (layer, count) in Dictionary(layers.map { ($0, 1) }, uniquingKeysWith: +) {
      let seconds = try time(layer, kernels)
      groups[layer.kind, default: Part()].add(layer, count: count, passes: gradients ? 3 : 1, seconds: seconds)
    }
    let x = NamedNumbers.tensor("image", [1, 3, side, side])
    let whole = best { _ = network.features(Context(kernels: kernels).constant(x)).high.value }
    printTable(machine, groups, whole: gradients ? nil : whole)
  }

  private func best(_ body: () -> Void) -> Double {
    body()
    return (0..<repeats).map { _ in Machine.seconds(body) }.min() ?? 0
  }

  private func time(_ layer: Layer, _ kernels: CPUKernels) throws -> Double {
    let x = NamedNumbers.tensor("x", [1, layer.inputs, layer.height, layer.width])
    let weight = NamedNumbers.tensor("w", [layer.outputs, layer.inputs, layer.kernel, layer.kernel])
    let upstream = kernels.convolution(x, weight: weight, bias: nil, parameters: layer.parameters, relu: false)
    return best {
      _ = kernels.convolution(x, weight: weight, bias: nil, parameters: layer.parameters, relu: false)
      guard gradients else { return }
      let wants = ConvolutionWants(input: true, weight: true, bias: false)
      _ = kernels.convolutionGradients(
        x, weight: weight, upstream: upstream, parameters: layer.parameters, wants: wants)
    }
  }

  /// The layers of one kind.
  private struct Part {
    var layers = 0
    var seconds = 0.0
    var operations = 0.0
    /// Inputs, weights and outputs touched once.
    var bytes = 0.0

    mutating func add(_ layer: Layer, count: Int, passes: Double, seconds: Double) {
      layers += count
      self.seconds += Double(count) * seconds
      operations += Double(count) * passes * layer.operations
      bytes += Double(count) * passes * layer.bytes
    }
  }

  private func printTable(_ machine: Machine, _ groups: [String: Part], whole: Double?) {
    func number(_ value: Double, _ digits: Int = 0) -> String { BenchReport.number(value, digits) }
    var rows = [["part", "layers", "ms", "GFLOP", "GFLOP/s", "of sgemm", "FLOP/byte"]]
    for (kind, part) in groups.sorted(by: { $0.value.seconds > $1.value.seconds }) {
      let speed = part.operations / part.seconds / 1e9
      rows.append([
        kind, "\(part.layers)", number(1000 * part.seconds, 1), number(part.operations / 1e9, 1), number(speed),
        "\(number(100 * speed / machine.matrixLimit)) %", number(part.operations / part.bytes),
      ])
    }
    if let whole {
      let rest = whole - groups.values.reduce(0) { $0 + $1.seconds }
      let operations = groups.values.reduce(0) { $0 + $1.operations }
      rows.append(["the rest (batch norm, ReLU, sums): memory", "", number(1000 * rest, 1), "", "", "", "below 1"])
      let speed = operations / whole / 1e9
      rows.append([
        "forward pass", "", number(1000 * whole, 1), number(operations / 1e9, 1), number(speed),
        "\(number(100 * speed / machine.matrixLimit)) %", "",
      ])
    }
    let balance = machine.matrixLimit / machine.memoryLimit
    print("\(machine.summary); a part below \(number(balance)) FLOP/byte is bound by memory\n")
    print(BenchReport.aligned(rows, markdown: false))
  }
}

extension Layer {
  /// What a roofline tells apart.
  var kind: String {
    if kernel == 1 { return stride == 1 ? "1x1" : "1x1, stride 2" }
    if stride > 1 { return "3x3, stride 2" }
    return dilation == 1 ? "3x3" : "3x3, dilation \(dilation)"
  }

  /// Input, weight and output of one image, each touched once.
  var bytes: Double {
    let shape = parameters.outputShape(input: [1, inputs, height, width], weight: [outputs, inputs, kernel, kernel])
    return 4 * Double(inputs * height * width + outputs * inputs * kernel * kernel + shape.count)
  }
}
