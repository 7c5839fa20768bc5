import NeuralNet
import Tensors

/// The wide ResNet-38 (Wu et al. 2016, model A1) at stride 8, as PSA and SSDD use it: 105.1 M parameters at width and
/// depth 1.
///
/// Parameter names are those of the public PyTorch checkpoints: `conv1a.weight`, `b4_3.conv_branch2a.weight`,
/// `bn7.running_var`. With `width` every channel count but the image's 3 is scaled, with `depth` the number of blocks
/// of stages b2 to b5.
public final class ResNet38: Backbone {
  public let name = "resnet38"
  public let lowChannels: Int
  public let lowStride = 2
  public let affinityChannels: [Int]
  public var highChannels: Int { affinityChannels[2] }
  public let hasNormalisedTaps = true

  private let prefix: String
  private let conv1a: Convolution2D
  private let b2: [any ResidualBlock]
  private let b3: [any ResidualBlock]
  private let b4: [any ResidualBlock]
  private let b5: [any ResidualBlock]
  private let b6: BottleneckBlock
  private let b7: BottleneckBlock
  private let bn7: BatchNorm2D

  /// - Parameters:
  ///   - prefix: in front of every name, such as `encoder.`.
  ///   - width: factor on channels; multiples of 8, at least 8.
  ///   - depth: factor on the blocks a stage; at least one block.
  ///   - statistics: of batch norm. `.frozen` is the method's, scales and shifts are frozen too; `.batch` trains a
  ///     trunk that starts without weights, scales and shifts with it.
  public init(prefix: String = "", width: Double = 1, depth: Double = 1, statistics: BatchNorm2D.Statistics = .frozen) {
    let scaled = { scaledChannels($0, by: width) }
    let c64 = scaled(64)
    let c128 = scaled(128)
    let c256 = scaled(256)
    let c512 = scaled(512)
    let c1024 = scaled(1024)
    let c2048 = scaled(2048)
    let c4096 = scaled(4096)

    /// A stage named `b2`, `b2_1`, `b2_2`, ...: `first` builds its first block, `next` the others.
    func stage(
      _ name: String, _ count: Int, first: (String) -> any ResidualBlock, next: (String) -> any ResidualBlock
    ) -> [any ResidualBlock] {
      let blocks = max(1, Int((Double(count) * depth).rounded()))
      return [first(prefix + name)] + (1..<blocks).map { next("\(prefix)\(name)_\($0)") }
    }
    func block(_ inputs: Int, _ middle: Int, _ outputs: Int, stride: Int = 1, first: Int? = nil, dilation: Int = 1)
      -> (String) -> any ResidualBlock
    {
      {
        BasicBlock(
          name: $0, in: inputs, middle: middle, out: outputs, stride: stride,
          dilations: (first ?? dilation, dilation), statistics: statistics)
      }
    }

    self.prefix = prefix
    conv1a = Convolution2D(name: "\(prefix)conv1a", in: 3, out: c64, kernel: 3, padding: 1, bias: false)
    b2 = stage("b2", 3, first: block(c64, c128, c128, stride: 2), next: block(c128, c128, c128))
    b3 = stage("b3", 3, first: block(c128, c256, c256, stride: 2), next: block(c256, c256, c256))
    b4 = stage("b4", 6, first: block(c256, c512, c512, stride: 2), next: block(c512, c512, c512))
    b5 = stage(
      "b5", 3, first: block(c512, c512, c1024, first: 1, dilation: 2), next: block(c1024, c512, c1024, dilation: 2))
    b6 = BottleneckBlock(
      name: "\(prefix)b6", in: c1024, out: c2048, dilation: 4, dropoutRate: 0.3, statistics: statistics)
    b7 = BottleneckBlock(
      name: "\(prefix)b7", in: c2048, out: c4096, dilation: 4, dropoutRate: 0.5, statistics: statistics)
    bn7 = BatchNorm2D(name: "\(prefix)bn7", channels: c4096, statistics: statistics)
    lowChannels = c128
    affinityChannels = [c512, c1024, c4096]
    freeze(.firstConvolution)
    for parameter in parameters where parameter.role == .scale || parameter.role == .shift {
      parameter.isFrozen = statistics == .frozen
    }
  }

  public var parameters: [Parameter] {
    conv1a.parameters + (b2 + b3 + b4 + b5).flatMap(\.parameters) + b6.parameters + b7.parameters + bn7.parameters
  }

  public func features(_ x: Variable) -> BackboneFeatures { stages(x).features }

  public func freeze(_ part: FrozenPart) {
    switch part {
    case .none: freezeConvolutions(startingWith: [])
    case .firstConvolution: freezeConvolutions(startingWith: ["\(prefix)conv1a."])
    case .firstStage: freezeConvolutions(startingWith: ["\(prefix)conv1a.", "\(prefix)b2.", "\(prefix)b2_"])
    }
  }

  /// The forward pass with the intermediate results that only comparisons with reference numbers ask for.
  package struct Stages {
    package let features: BackboneFeatures
    /// ReLU(BN) input of b4 (256 channels, stride 4).
    package let conv3: Variable
    /// Raw output of b4 (512 channels, stride 8).
    package let conv4: Variable
    /// Raw output of b5 (1024 channels, stride 8).
    package let conv5: Variable
  }

  package func stages(_ x: Variable) -> Stages {
    let (out3, conv2) = run(b3, on: run(b2, on: conv1a(x)).output)
    let (out4, conv3) = run(b4, on: out3)
    let (out5, tap4) = run(b5, on: out4)
    let (out6, tap5) = b6(out5)
    let features = BackboneFeatures(low: conv2, tap4: tap4, tap5: tap5, high: bn7(b7(out6).output, relu: true))
    return Stages(features: features, conv3: conv3, conv4: out4, conv5: out5)
  }

  /// All blocks of a stage; the activation is the first block's.
  private func run(_ blocks: [any ResidualBlock], on x: consuming Variable) -> BlockOutput {
    var (output, activation) = blocks[0](consume x)
    for block in blocks.dropFirst() { output = block(output).output }
    return (output, activation)
  }
}
