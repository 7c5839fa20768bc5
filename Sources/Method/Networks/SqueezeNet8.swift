import NeuralNet
import Tensors

/// SqueezeNet 1.1 (Iandola et al. 2016; names and layers as in torchvision) made stride 8, without its classifier: 512
/// channels out.
///
/// ImageNet weights stay valid: every layer keeps its kernel, the third pool only loses its stride and the 3x3
/// convolutions behind it take dilation 2 in exchange. The first convolution and the pools get padding 1, so that
/// windows are centred and sizes are input / 2, 4, 8 (rounded up); torchvision pads neither and rounds its pools up.
public final class SqueezeNet8: Backbone {
  public let name = "squeezenet"
  public let lowChannels = 128
  public let lowStride = 4
  public let affinityChannels = [256, 384, 512]
  public let highChannels = 512
  public let hasNormalisedTaps: Bool

  /// Root mean square of `low`, `tap4`, `tap5` and `high` (features.4, .7, .10, .12) of the ImageNet weights on
  /// normalised photographs.
  public static let tapDeviations: (low: Float, tap4: Float, tap5: Float, high: Float) = (3.3, 12.4, 30.1, 10.6)

  private let prefix: String
  private let conv1: Convolution2D
  private let fire3: Fire
  private let fire4: Fire
  private let fire6: Fire
  private let fire7: Fire
  private let fire9: Fire
  private let fire10: Fire
  private let fire11: Fire
  private let fire12: Fire

  /// - Parameters:
  ///   - prefix: put in front of every name, such as `encoder.`.
  ///   - normalisedTaps: divide what the heads get by `tapDeviations`, so that it has about unit scale, as behind a
  ///     batch norm. The trunk's own layers see each other's raw outputs either way.
  public init(prefix: String = "", normalisedTaps: Bool = false) {
    self.prefix = prefix
    hasNormalisedTaps = normalisedTaps
    func fire(_ index: Int, in inputs: Int, squeeze: Int, expand: Int, dilation: Int = 1) -> Fire {
      Fire(name: "\(prefix)features.\(index)", in: inputs, squeeze: squeeze, expand: expand, dilation: dilation)
    }
    conv1 = Convolution2D(name: "\(prefix)features.0", in: 3, out: 64, kernel: 3, stride: 2, padding: 1, bias: true)
    conv1.weight.initialiser = .heNormal(fanIn: 27)
    fire3 = fire(3, in: 64, squeeze: 16, expand: 64)
    fire4 = fire(4, in: 128, squeeze: 16, expand: 64)
    fire6 = fire(6, in: 128, squeeze: 32, expand: 128)
    fire7 = fire(7, in: 256, squeeze: 32, expand: 128)
    fire9 = fire(9, in: 256, squeeze: 48, expand: 192, dilation: 2)
    fire10 = fire(10, in: 384, squeeze: 48, expand: 192, dilation: 2)
    fire11 = fire(11, in: 384, squeeze: 64, expand: 256, dilation: 2)
    fire12 = fire(12, in: 512, squeeze: 64, expand: 256, dilation: 2)
    freeze(.firstConvolution)
  }

  public var parameters: [Parameter] {
    conv1.parameters + [fire3, fire4, fire6, fire7, fire9, fire10, fire11, fire12].flatMap(\.parameters)
  }

  public func features(_ x: Variable) -> BackboneFeatures {
    let stem = conv1(x, relu: true)
    let low = fire4(fire3(stem.maxPooled(kernel: 3, stride: 2, padding: 1, ceilMode: false)))
    let tap4 = fire7(fire6(low.maxPooled(kernel: 3, stride: 2, padding: 1, ceilMode: false)))
    let tap5 = fire10(fire9(tap4.maxPooled(kernel: 3, stride: 1, padding: 1, ceilMode: false)))
    let high = fire12(fire11(tap5))
    guard hasNormalisedTaps else { return BackboneFeatures(low: low, tap4: tap4, tap5: tap5, high: high) }
    let deviations = Self.tapDeviations
    return BackboneFeatures(
      low: low * (1 / deviations.low), tap4: tap4 * (1 / deviations.tap4), tap5: tap5 * (1 / deviations.tap5),
      high: high * (1 / deviations.high))
  }

  public func freeze(_ part: FrozenPart) {
    switch part {
    case .none: freezeConvolutions(startingWith: [])
    case .firstConvolution: freezeConvolutions(startingWith: ["\(prefix)features.0."])
    case .firstStage: freezeConvolutions(startingWith: [0, 3, 4].map { "\(prefix)features.\($0)." })
    }
  }
}

/// A fire module: squeeze 1x1, then expand 1x1 beside expand 3x3; ReLU behind each; 2 x `expand` channels out.
final class Fire: Module {
  private let squeeze: Convolution2D
  private let expand1x1: Convolution2D
  private let expand3x3: Convolution2D

  init(name: String, in inputs: Int, squeeze: Int, expand: Int, dilation: Int) {
    self.squeeze = Convolution2D(name: "\(name).squeeze", in: inputs, out: squeeze, kernel: 1, bias: true)
    expand1x1 = Convolution2D(name: "\(name).expand1x1", in: squeeze, out: expand, kernel: 1, bias: true)
    expand3x3 = Convolution2D(
      name: "\(name).expand3x3", in: squeeze, out: expand, kernel: 3, dilation: dilation, padding: dilation, bias: true)
    for layer in [self.squeeze, expand1x1, expand3x3] {
      let shape = layer.weight.shape
      layer.weight.initialiser = .heNormal(fanIn: shape[1] * shape[2] * shape[3])
    }
  }

  var parameters: [Parameter] { squeeze.parameters + expand1x1.parameters + expand3x3.parameters }

  func callAsFunction(_ x: Variable) -> Variable {
    let squeezed = squeeze(x, relu: true)
    return expand1x1(squeezed, relu: true).concatenated(with: expand3x3(squeezed, relu: true))
  }
}
