import NeuralNet
import Tensors

/// What a pre-activation block gives: its output and a = ReLU(BN(x)), which other networks tap.
typealias BlockOutput = (output: Variable, activation: Variable)

/// A block of ResNet-38.
protocol ResidualBlock: Module {
  /// Consumes its input, so that inference frees it as soon as nothing reads it.
  func callAsFunction(_ x: consuming Variable) -> BlockOutput
}

/// Two 3x3 convolutions behind batch norms (Wu et al. 2016, figure 1, left).
///
///     a        = ReLU(BN(x))
///     shortcut = x where in = out and stride 1, else conv1x1(a, stride)
///     output   = shortcut + conv3x3(ReLU(BN(conv3x3(a, stride))))
final class BasicBlock: ResidualBlock {
  private let bn2a: BatchNorm2D
  private let conv2a: Convolution2D
  private let bn2b1: BatchNorm2D
  private let conv2b1: Convolution2D
  private let conv1: Convolution2D?

  init(
    name: String, in inputs: Int, middle: Int, out outputs: Int, stride: Int, dilations: (first: Int, second: Int),
    statistics: BatchNorm2D.Statistics
  ) {
    let (first, dilation) = dilations
    bn2a = BatchNorm2D(name: "\(name).bn_branch2a", channels: inputs, statistics: statistics)
    conv2a = Convolution2D(
      name: "\(name).conv_branch2a", in: inputs, out: middle, kernel: 3, stride: stride, dilation: first,
      padding: first, bias: false)
    bn2b1 = BatchNorm2D(name: "\(name).bn_branch2b1", channels: middle, statistics: statistics)
    conv2b1 = Convolution2D(
      name: "\(name).conv_branch2b1", in: middle, out: outputs, kernel: 3, dilation: dilation, padding: dilation,
      bias: false)
    conv1 =
      inputs == outputs && stride == 1
      ? nil
      : Convolution2D(name: "\(name).conv_branch1", in: inputs, out: outputs, kernel: 1, stride: stride, bias: false)
    softenResidualBranch(conv2b1)
  }

  var parameters: [Parameter] {
    bn2a.parameters + conv2a.parameters + bn2b1.parameters + conv2b1.parameters + (conv1?.parameters ?? [])
  }

  func callAsFunction(_ x: consuming Variable) -> BlockOutput {
    let a = bn2a(x, relu: true)
    var shortcut = consume x
    if let conv1 { shortcut = conv1(a) }
    let main = conv2b1(bn2b1(conv2a(a), relu: true))
    return (shortcut + main, a)
  }
}

/// 1x1, dilated 3x3, 1x1 with channel dropout in front of the last two; always with a projection.
final class BottleneckBlock: ResidualBlock {
  private let name: String
  private let dropoutRate: Float
  private let bn2a: BatchNorm2D
  private let conv2a: Convolution2D
  private let bn2b1: BatchNorm2D
  private let conv2b1: Convolution2D
  private let bn2b2: BatchNorm2D
  private let conv2b2: Convolution2D
  private let conv1: Convolution2D

  /// `outputs` / 4 channels behind the first convolution, `outputs` / 2 behind the second.
  init(
    name: String, in inputs: Int, out outputs: Int, dilation: Int, dropoutRate: Float,
    statistics: BatchNorm2D.Statistics
  ) {
    self.name = name
    self.dropoutRate = dropoutRate
    let (quarter, half) = (outputs / 4, outputs / 2)
    bn2a = BatchNorm2D(name: "\(name).bn_branch2a", channels: inputs, statistics: statistics)
    conv2a = Convolution2D(name: "\(name).conv_branch2a", in: inputs, out: quarter, kernel: 1, bias: false)
    bn2b1 = BatchNorm2D(name: "\(name).bn_branch2b1", channels: quarter, statistics: statistics)
    conv2b1 = Convolution2D(
      name: "\(name).conv_branch2b1", in: quarter, out: half, kernel: 3, dilation: dilation, padding: dilation,
      bias: false)
    bn2b2 = BatchNorm2D(name: "\(name).bn_branch2b2", channels: half, statistics: statistics)
    conv2b2 = Convolution2D(name: "\(name).conv_branch2b2", in: half, out: outputs, kernel: 1, bias: false)
    conv1 = Convolution2D(name: "\(name).conv_branch1", in: inputs, out: outputs, kernel: 1, bias: false)
    softenResidualBranch(conv2b2)
  }

  var parameters: [Parameter] {
    let layers: [any Module] = [bn2a, conv2a, bn2b1, conv2b1, bn2b2, conv2b2, conv1]
    return layers.flatMap(\.parameters)
  }

  func callAsFunction(_ x: consuming Variable) -> BlockOutput {
    let a = activation(consume x)
    return (residual(a) + conv1(a), a)
  }

  private func activation(_ x: consuming Variable) -> Variable { bn2a(x, relu: true) }

  private func residual(_ a: Variable) -> Variable {
    var y = bn2b1(conv2a(a), relu: true, dropout: ChannelDropout(rate: dropoutRate, name: "\(name).dropout1"))
    y = conv2b1(y)
    y = bn2b2(y, relu: true, dropout: ChannelDropout(rate: dropoutRate, name: "\(name).dropout2"))
    return conv2b2(y)
  }
}

/// Lets a residual branch start at half the size of its shortcut, so that a trunk that starts without weights and with
/// frozen batch norm does not grow with its depth. Of no effect on loaded weights.
private func softenResidualBranch(_ convolution: Convolution2D) {
  let shape = convolution.weight.shape
  let fanIn = shape[1] * shape[2] * shape[3]
  convolution.weight.initialiser = .normal(deviation: 0.5 * Float((2 / Double(fanIn)).squareRoot()))
}
