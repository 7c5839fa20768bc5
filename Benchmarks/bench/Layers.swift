import CPUBackend
import Foundations
import Networks
import NeuralNet
import Tensors

/// A convolution of a network at its place: what counts operations and what the sampled check recomputes.
struct Layer: Hashable {
  let outputs: Int
  let inputs: Int
  let kernel: Int
  let stride: Int
  let dilation: Int
  let isReflecting: Bool
  /// Input size of the layer.
  let height: Int
  let width: Int

  var parameters: ConvolutionParameters {
    ConvolutionParameters(
      stride: stride, dilation: dilation, padding: kernel / 2 * dilation, paddingMode: isReflecting ? .reflect : .zero)
  }

  /// Multiplications and additions for one image.
  var operations: Double {
    let shape = parameters.outputShape(input: [1, inputs, height, width], weight: [outputs, inputs, kernel, kernel])
    return 2 * Double(outputs * inputs * kernel * kernel) * Double(shape[2] * shape[3])
  }

  /// The layer of a weight for an input of `height` x `width`; nil for what is no convolution. Places follow from
  /// names.
  init?(_ parameter: Parameter, height: Int, width: Int) {
    guard parameter.role == .weight, parameter.shape.rank == 4 else { return nil }
    let name =
      parameter.name.hasPrefix("encoder.") ? String(parameter.name.dropFirst("encoder.".count)) : parameter.name
    (outputs, inputs, kernel) = (parameter.shape[0], parameter.shape[1], parameter.shape[2])
    let parts = name.split(separator: ".")
    let place = Self.place(parts.map(String.init), kernel: kernel)
    (stride, dilation, isReflecting) = (place.stride, place.dilation, place.isReflecting)
    self.height = (height + place.before - 1) / place.before
    self.width = (width + place.before - 1) / place.before
  }

  /// Stride of the layer's input, its own stride, its dilation, its padding.
  private static func place(_ parts: [String], kernel: Int) -> (
    before: Int, stride: Int, dilation: Int, isReflecting: Bool
  ) {
    let block = parts[0]
    if block.hasPrefix("seg_") { return (8, 1, 12, true) }
    if block.hasPrefix("dd") { return (4, 1, 1, kernel == 3) }
    if block == "features" {
      let index = Int(parts[1]) ?? 0
      if index == 0 { return (1, 2, 1, false) }
      return index < 5 ? (4, 1, 1, false) : (8, 1, index < 9 || kernel == 1 ? 1 : 2, false)
    }
    let strides = ["b2": 2, "b3": 4, "b4": 8]
    if let own = strides[block] {
      return parts[1] == "conv_branch2b1" ? (own, 1, 1, false) : (own / 2, 2, 1, false)
    }
    if let own = strides[String(block.prefix(2))] { return (own, 1, 1, false) }
    if block == "conv1a" { return (1, 1, 1, false) }
    let dilation = block.hasPrefix("b5") ? (block == "b5" && parts[1] == "conv_branch2a" ? 1 : 2) : 4
    return (8, 1, kernel == 1 ? 1 : dilation, false)
  }
}

extension Module {
  /// The convolutions of a network in order.
  func layers(height: Int, width: Int) -> [Layer] { parameters.compactMap { Layer($0, height: height, width: width) } }

  func forwardOperations(height: Int, width: Int) -> Double {
    layers(height: height, width: width).reduce(0) { $0 + $1.operations }
  }

  /// Of one image in a training step: forward, the weights' gradients where trained, the inputs' where something below
  /// is trained. A DD-Net runs for two masks.
  func trainingOperations(height: Int, width: Int) -> Double {
    parameters.reduce(0) { sum, parameter in
      guard let layer = Layer(parameter, height: height, width: width) else { return sum }
      let name = parameter.name
      let isFirst =
        parameter.isFrozen
        || ["b2.conv_branch2a", "b2.conv_branch1.", "features.3.squeeze"].contains { name.contains("encoder.\($0)") }
      let isDetached = name.contains("conv1ab.conv1") || name.contains("conv1c.conv1")
      let passes = (parameter.isFrozen ? 1.0 : 2) + (isFirst || isDetached ? 0 : 1)
      let runs: Double = name.hasPrefix("dd0.") || name.hasPrefix("dd1.") ? 2 : 1
      return sum + layer.operations * passes * runs
    }
  }
}

/// Recomputes single results of every different layer in double precision, at its real size and with the kernels that
/// are timed.
struct SampledConvolutions {
  let kernels: CPUKernels
  let samples = 16

  /// - Returns: what was compared. Throws where an element is off by more than 1e-4 of its tensor's largest.
  func check(_ layers: [Layer], gradients: Bool) throws -> String {
    var seen: Set<Layer> = []
    var worst = 0.0
    for layer in layers where seen.insert(layer).inserted { worst = max(worst, try check(layer, gradients: gradients)) }
    let found = (worst * 1e7).rounded() / 1e7
    return
      "\(seen.count) kinds of convolution\(gradients ? " and their gradients" : "") in double precision, largest error "
      + "\(found)"
  }

  private func check(_ layer: Layer, gradients: Bool) throws -> Double {
    let x = NamedNumbers.tensor("x", [1, layer.inputs, layer.height, layer.width])
    let weight = NamedNumbers.tensor("w", [layer.outputs, layer.inputs, layer.kernel, layer.kernel])
    let y = kernels.convolution(x, weight: weight, bias: nil, parameters: layer.parameters, relu: false)
    let naive = NaiveConvolution(layer, height: y.shape[2], width: y.shape[3])
    var worst = try compare(y, "output of \(layer)") { naive.output($0, x.values, weight.values) }
    guard gradients else { return worst }
    let upstream = NamedNumbers.tensor("dy", y.shape)
    let result = kernels.convolutionGradients(
      x, weight: weight, upstream: upstream, parameters: layer.parameters,
      wants: ConvolutionWants(input: !layer.isReflecting, weight: true, bias: false))
    if let dw = result.weight {
      worst = max(
        worst, try compare(dw, "weight gradient of \(layer)") { naive.weightGradient($0, x.values, upstream.values) })
    }
    if let dx = result.input {
      worst = max(
        worst, try compare(dx, "input gradient of \(layer)") { naive.inputGradient($0, weight.values, upstream.values) }
      )
    }
    return worst
  }

  private func compare(_ tensor: Tensor, _ what: String, _ expected: (Int) -> Double) throws -> Double {
    let values = tensor.values
    let scale = Double(values.reduce(0) { max($0, abs($1)) })
    let worst = (0..<samples).map { k in
      let i = (2 * k + 1) * values.count / (2 * samples)
      return abs(Double(values[i]) - expected(i)) / scale
    }.max()
    let found = worst ?? 0
    try require(found.isNaN ? .infinity : found, below: 1e-4, what)
    return found
  }
}

/// Single elements by the definition.
private struct NaiveConvolution {
  private let layer: Layer
  private let height: Int
  private let width: Int

  init(_ layer: Layer, height: Int, width: Int) { (self.layer, self.height, self.width) = (layer, height, width) }

  /// The input position that output position `o` sees through tap `t`; nil in zero padding.
  private func source(_ o: Int, _ t: Int, _ length: Int) -> Int? {
    let i = o * layer.stride + t * layer.dilation - layer.parameters.padding
    if layer.isReflecting { return i < 0 ? -i : i >= length ? 2 * (length - 1) - i : i }
    return i >= 0 && i < length ? i : nil
  }

  private func position(_ element: Int, _ height: Int, _ width: Int) -> (channel: Int, row: Int, column: Int) {
    (element / (height * width), element / width % height, element % width)
  }

  func output(_ element: Int, _ x: [Float], _ w: [Float]) -> Double {
    let (channel, row, column) = position(element, height, width)
    var sum = 0.0
    for c in 0..<layer.inputs {
      for u in 0..<layer.kernel {
        for v in 0..<layer.kernel {
          guard let i = source(row, u, layer.height), let j = source(column, v, layer.width) else { continue }
          let tap = ((channel * layer.inputs + c) * layer.kernel + u) * layer.kernel + v
          sum += Double(w[tap]) * Double(x[(c * layer.height + i) * layer.width + j])
        }
      }
    }
    return sum
  }

  func weightGradient(_ element: Int, _ x: [Float], _ dy: [Float]) -> Double {
    let (pair, u, v) = position(element, layer.kernel, layer.kernel)
    let (channel, c) = pair.quotientAndRemainder(dividingBy: layer.inputs)
    var sum = 0.0
    for row in 0..<height {
      guard let i = source(row, u, layer.height) else { continue }
      for column in 0..<width {
        guard let j = source(column, v, layer.width) else { continue }
        sum +=
          Double(dy[(channel * height + row) * width + column]) * Double(x[(c * layer.height + i) * layer.width + j])
      }
    }
    return sum
  }

  /// For zero padding.
  func inputGradient(_ element: Int, _ w: [Float], _ dy: [Float]) -> Double {
    let (c, i, j) = position(element, layer.height, layer.width)
    var sum = 0.0
    for u in 0..<layer.kernel {
      for v in 0..<layer.kernel {
        let (r, s) = (
          i + layer.parameters.padding - u * layer.dilation, j + layer.parameters.padding - v * layer.dilation
        )
        guard r >= 0, s >= 0, r % layer.stride == 0, s % layer.stride == 0, r / layer.stride < height,
          s / layer.stride < width
        else { continue }
        for channel in 0..<layer.outputs {
          let tap = ((channel * layer.inputs + c) * layer.kernel + u) * layer.kernel + v
          sum += Double(w[tap]) * Double(dy[(channel * height + r / layer.stride) * width + s / layer.stride])
        }
      }
    }
    return sum
  }
}
