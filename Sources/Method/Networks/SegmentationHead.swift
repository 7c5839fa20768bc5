import MethodChoices
import NeuralNet
import Tensors

/// Two dilated convolutions on conv6: the first gives e^h, the second class scores.
///
///     e^h    = ReLU(BN(conv3x3(reflect(conv6))))     512 channels, bias, dilation and reflection 12
///     scores = conv3x3(reflect(e^h))                 one channel per class, bias
public final class SegmentationHead: Module {
  private let conv1: Convolution2D
  private let bn1: BatchNorm2D
  private let seg2: Convolution2D

  /// Names: `NAME.seg1.conv1`, `NAME.seg1.bn1`, `NAME.seg2`.
  public init(
    name: String, in inputs: Int, hidden: Int, classes: Int, dilation: Int = 12, statistics: HeadStatistics = .frozen
  ) {
    conv1 = Convolution2D(
      name: "\(name).seg1.conv1", in: inputs, out: hidden, kernel: 3, dilation: dilation, padding: dilation,
      paddingMode: .reflect,
      bias: true)
    bn1 = headBatchNorm(name: "\(name).seg1.bn1", channels: hidden, statistics: statistics)
    seg2 = Convolution2D(
      name: "\(name).seg2", in: hidden, out: classes, kernel: 3, dilation: dilation, padding: dilation,
      paddingMode: .reflect, bias: true)
    conv1.weight.initialiser = .heNormal(fanIn: inputs * 9)
    seg2.weight.initialiser = .pyTorchDefault(fanIn: hidden * 9)
    conv1.bias?.initialiser = .zeros
    seg2.bias?.initialiser = .zeros
  }

  public var parameters: [Parameter] { conv1.parameters + bn1.parameters + seg2.parameters }

  /// (N, channels, h, w) to class scores and e^h at the same size. Precondition: h and w exceed the dilation.
  public func callAsFunction(_ high: Variable) -> SegmentationOutput {
    let hidden = bn1(conv1(high), relu: true)
    return SegmentationOutput(scores: seg2(hidden), hidden: hidden)
  }
}

/// What a segmentation head gives, at stride 8.
public struct SegmentationOutput {
  /// (N, classes, h, w).
  public let scores: Variable
  /// e^h: (N, hidden, h, w).
  public let hidden: Variable

  /// Class scores at OUT, a quarter of the input: bilinear x2.
  public var logits: Variable { scores.upsampled(by: 2) }
  /// e^h at OUT: bilinear x2.
  public var highLevel: Variable { hidden.upsampled(by: 2) }
}

/// Batch norm as every head has it: epsilon 1e-3; frozen with its scale and shift, or trained with both.
func headBatchNorm(name: String, channels: Int, statistics: HeadStatistics) -> BatchNorm2D {
  let layer = BatchNorm2D(
    name: name, channels: channels, epsilon: 1e-3, statistics: statistics == .frozen ? .frozen : .batch)
  for parameter in layer.parameters { parameter.isFrozen = statistics == .frozen }
  return layer
}
