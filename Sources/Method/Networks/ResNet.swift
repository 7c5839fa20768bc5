import NeuralNet
import Tensors

/// ResNet-18, -50 and -101 (He et al. 2016) with the layers and names of torchvision's `resnet18`, `resnet50` and
/// `resnet101`, without `fc`.
///
/// ImageNet weights stay valid: strides go, and dilations come in exchange, as torchvision's
/// `replace_stride_with_dilation` has them. Of a trunk at stride 16 the last features are enlarged bilinearly to stride
/// 8, where the heads stand. A bottleneck has its stride in the 3x3 convolution.
public final class ResNet: Backbone {
  public enum Size: Sendable {
    case layers18, layers50, layers101

    /// Blocks of layer1 ... layer4.
    var blocks: [Int] {
      switch self {
      case .layers18: [2, 2, 2, 2]
      case .layers50: [3, 4, 6, 3]
      case .layers101: [3, 4, 23, 3]
      }
    }

    var hasBottlenecks: Bool { self != .layers18 }
  }

  /// Strides and dilations of layer3 and layer4; the first 3x3 convolution of a layer has the dilation of what is in
  /// front of it.
  public enum Striding: Sendable {
    /// `replace_stride_with_dilation=[False, True, True]`.
    case stride8
    /// `replace_stride_with_dilation=[False, False, True]`.
    case stride16
    /// Layer4 loses its stride and gets no dilation: IRN's ResNet-50.
    case stride16Undilated

    fileprivate var plan: [(stride: Int, first: Int, others: Int)] {
      switch self {
      case .stride8: [(1, 1, 2), (1, 2, 4)]
      case .stride16: [(2, 1, 1), (1, 1, 2)]
      case .stride16Undilated: [(2, 1, 1), (1, 1, 1)]
      }
    }
  }

  public let name: String
  public let lowChannels: Int
  public let lowStride = 4
  public let affinityChannels: [Int]
  public var highChannels: Int { affinityChannels[2] }
  public let hasNormalisedTaps = true

  private let prefix: String
  private let conv1: Convolution2D
  private let bn1: BatchNorm2D
  private let layers: [[ResNetBlock]]

  /// - Parameters:
  ///   - prefix: in front of every name, such as `encoder.`.
  ///   - statistics: of batch norm. `.frozen` is the method's, scales and shifts are frozen too; `.batch` trains a
  ///     trunk that starts without weights, scales and shifts with it.
  public init(
    _ size: Size, _ striding: Striding, name: String, prefix: String = "", statistics: BatchNorm2D.Statistics = .frozen
  ) {
    self.name = name
    self.prefix = prefix
    conv1 = Convolution2D(
      name: "\(prefix)conv1", in: 3, out: 64, kernel: 7, stride: 2, padding: 3)
    conv1.weight.initialiser = .heNormal(fanIn: 3 * 49)
    bn1 = BatchNorm2D(name: "\(prefix)bn1", channels: 64, statistics: statistics)
    let expansion = size.hasBottlenecks ? 4 : 1
    var (layers, inputs) = ([[ResNetBlock]](), 64)
    for (index, plan) in ([(1, 1, 1), (2, 1, 1)] + striding.plan).enumerated() {
      let middle = 64 << index
      layers.append(
        (0..<size.blocks[index]).map { block in
          defer { inputs = middle * expansion }
          return ResNetBlock(
            name: "\(prefix)layer\(index + 1).\(block)", in: inputs, middle: middle, isBottleneck: size.hasBottlenecks,
            stride: block == 0 ? plan.0 : 1, dilations: [block == 0 ? plan.1 : plan.2, plan.2], statistics: statistics)
        })
    }
    self.layers = layers
    lowChannels = 64 * expansion
    affinityChannels = [128, 256, 512].map { $0 * expansion }
    freeze(.firstConvolution)
    for parameter in parameters where parameter.role == .scale || parameter.role == .shift {
      parameter.isFrozen = statistics == .frozen
    }
  }

  public var parameters: [Parameter] { conv1.parameters + bn1.parameters + layers.joined().flatMap(\.parameters) }

  public func features(_ x: Variable) -> BackboneFeatures {
    let outputs = stages(x)
    let (low, tap4) = (outputs[0], outputs[1])
    func atStride8(_ features: Variable) -> Variable { features.resized(height: tap4.shape[2], width: tap4.shape[3]) }
    return BackboneFeatures(low: low, tap4: tap4, tap5: atStride8(outputs[2]), high: atStride8(outputs[3]))
  }

  /// What layer1 ... layer4 give, each at its own stride.
  package func stages(_ x: Variable) -> [Variable] {
    var features = bn1(conv1(x), relu: true).maxPooled(kernel: 3, stride: 2, padding: 1)
    var outputs: [Variable] = []
    for layer in layers {
      for block in layer { features = block(features) }
      outputs.append(features)
    }
    return outputs
  }

  public func freeze(_ part: FrozenPart) {
    switch part {
    case .none: freezeConvolutions(startingWith: [])
    case .firstConvolution: freezeConvolutions(startingWith: ["\(prefix)conv1."])
    case .firstStage: freezeConvolutions(startingWith: ["\(prefix)conv1.", "\(prefix)layer1."])
    }
  }
}

/// A block of a ResNet, batch norm behind each convolution:
///
///     basic:      ReLU(x + BN(conv3x3(ReLU(BN(conv3x3(x))))))
///     bottleneck: ReLU(x + BN(conv1x1(ReLU(BN(conv3x3(ReLU(BN(conv1x1(x)))))))))
///
/// Where size or channels change, BN(conv1x1(x)) takes the place of the shortcut x.
final class ResNetBlock: Module {
  private let convolutions: [(convolution: Convolution2D, norm: BatchNorm2D)]
  private let downsample: (convolution: Convolution2D, norm: BatchNorm2D)?

  /// Output channels: `middle`, or four times as many of a bottleneck.
  ///
  /// - Parameter dilations: of the first 3x3 convolution, which has the stride, and of the second.
  init(
    name: String, in inputs: Int, middle: Int, isBottleneck: Bool, stride: Int, dilations: [Int],
    statistics: BatchNorm2D.Statistics
  ) {
    /// A convolution without bias and its batch norm.
    func pair(
      _ convolution: String, _ norm: String, _ inputs: Int, _ outputs: Int, kernel: Int = 1, stride: Int = 1,
      dilation: Int = 1, gain: Double = 1
    ) -> (Convolution2D, BatchNorm2D) {
      let deviation = gain * (2 / Double(inputs * kernel * kernel)).squareRoot()
      let layer = Convolution2D(
        name: "\(name).\(convolution)", in: inputs, out: outputs, kernel: kernel, stride: stride, dilation: dilation,
        padding: kernel / 2 * dilation)
      layer.weight.initialiser = .normal(deviation: Float(deviation))
      return (layer, BatchNorm2D(name: "\(name).\(norm)", channels: outputs, statistics: statistics))
    }
    let outputs = isBottleneck ? middle * 4 : middle
    // The last convolution starts at half size, so that a trunk that starts without weights does not grow with its
    // depth.
    if isBottleneck {
      convolutions = [
        pair("conv1", "bn1", inputs, middle),
        pair("conv2", "bn2", middle, middle, kernel: 3, stride: stride, dilation: dilations[0]),
        pair("conv3", "bn3", middle, outputs, gain: 0.5),
      ]
    } else {
      convolutions = [
        pair("conv1", "bn1", inputs, middle, kernel: 3, stride: stride, dilation: dilations[0]),
        pair("conv2", "bn2", middle, outputs, kernel: 3, dilation: dilations[1], gain: 0.5),
      ]
    }
    downsample =
      inputs != outputs || stride != 1 ? pair("downsample.0", "downsample.1", inputs, outputs, stride: stride) : nil
  }

  var parameters: [Parameter] {
    (convolutions + (downsample.map { [$0] } ?? [])).flatMap { $0.convolution.parameters + $0.norm.parameters }
  }

  func callAsFunction(_ x: Variable) -> Variable {
    var y = x
    for (convolution, norm) in convolutions.dropLast() { y = norm(convolution(y), relu: true) }
    if let last = convolutions.last { y = last.norm(last.convolution(y)) }
    let shortcut = downsample.map { $0.norm($0.convolution(x)) } ?? x
    return (shortcut + y).relu()
  }
}
