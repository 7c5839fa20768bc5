import LabelMasks
import MethodChoices
import NeuralNet
import Tensors

/// The part of a DD-Net that both masks of a pair share (paper, figure 2): e^h and e^l, concatenated, to one feature
/// map.
public final class DDHead: Module {
  private let conv1: Convolution2D
  private let bn1: BatchNorm2D

  /// Names: `NAME.conv1ab.conv1`, `NAME.conv1ab.bn1`.
  public init(name: String, highLevel: Int, lowLevel: Int, out outputs: Int, statistics: HeadStatistics = .frozen) {
    let inputs = highLevel + lowLevel
    conv1 = Convolution2D(
      name: "\(name).conv1ab.conv1", in: inputs, out: outputs, kernel: 3, padding: 1, paddingMode: .reflect, bias: false
    )
    bn1 = headBatchNorm(name: "\(name).conv1ab.bn1", channels: outputs, statistics: statistics)
    conv1.weight.initialiser = .heNormal(fanIn: inputs * 9)
  }

  public var parameters: [Parameter] { conv1.parameters + bn1.parameters }

  /// Feature maps at OUT: (N, e^h channels, h, w) and (N, e^l channels, h, w) to (N, `out`, h, w).
  public func callAsFunction(highLevel: Variable, lowLevel: Variable) -> Variable {
    bn1(conv1(highLevel.concatenated(with: lowLevel)), relu: true)
  }
}

/// The difference detection network (paper, section 3.1): from shared features and a mask to the logit of the
/// probability that the pixel differs from the other mask of the pair.
///
///     c = ReLU(BN(conv1x1(one-hot mask)))
///     r = residual bottleneck of concat(features, c)
///     logit = conv1x1(r)
public final class DDNet: Module {
  private let conv1c: Convolution2D
  private let bn1c: BatchNorm2D
  private let residual: ProjectedBottleneck
  private let prediction: Convolution2D

  /// Names: `NAME.conv1c.*`, `NAME.conv1abc.*`, `NAME.pred_abc.weight`. `channels` is the width of features, mask
  /// branch and bottleneck.
  public init(name: String, classes: Int, channels: Int, statistics: HeadStatistics = .frozen) {
    conv1c = Convolution2D(name: "\(name).conv1c.conv1", in: classes, out: channels, kernel: 1, bias: false)
    bn1c = headBatchNorm(name: "\(name).conv1c.bn1", channels: channels, statistics: statistics)
    residual = ProjectedBottleneck(name: "\(name).conv1abc", in: 2 * channels, out: channels, statistics: statistics)
    prediction = Convolution2D(name: "\(name).pred_abc", in: channels, out: 1, kernel: 1, bias: false)
    // Exactly one of the one-hot channels is 1, so that the fan-in that counts is 1; half of He's variance keeps both
    // branches alike.
    conv1c.weight.initialiser = .normal(deviation: 1)
    prediction.weight.initialiser = .pyTorchDefault(fanIn: channels)
  }

  public var parameters: [Parameter] {
    conv1c.parameters + bn1c.parameters + residual.parameters + prediction.parameters
  }

  /// - Parameters:
  ///   - features: what `DDHead` gave, (N, channels, h, w).
  ///   - mask: one-hot over classes, (N, classes, h, w); void pixels are all zero.
  /// - Returns: logits, (N, 1, h, w).
  public func callAsFunction(features: Variable, mask: Variable) -> Variable {
    let c = bn1c(conv1c(mask), relu: true)
    return prediction(residual(features.concatenated(with: c)))
  }

  /// The logits of each of `masks`, with a fraction of the work.
  ///
  /// The mask branch c has one value per class and one for void, so what the bottleneck's first layers make of it is a
  /// table; what they make of the features is the same for every mask. Batch norm by batch statistics sees all pixels
  /// and has no such table.
  public func callAsFunction(features: Variable, masks: [LabelMask]) -> [Variable] {
    let (context, classes, channels) = (features.context, conv1c.weight.shape[1], features.shape[1])
    if bn1c.isByBatch(context) {
      return masks.map { self(features: features, mask: context.constant($0.oneHot(classes: classes))) }
    }
    let shared = residual.projections(of: features, inputs: 0..<channels)
    let row = LabelMask(
      batch: 1, height: 1, width: classes + 1, labels: (0..<classes).map { UInt8($0) } + [LabelMask.void])
    let c = bn1c(conv1c(context.constant(row.oneHot(classes: classes))), relu: true)
    let table = residual.projections(of: c, inputs: channels..<channels + c.shape[1])
    return masks.map { mask in
      prediction(
        residual.merged(
          shared.main.adding(table.main, at: mask), shortcut: shared.shortcut.adding(table.shortcut, at: mask)))
    }
  }
}

/// Post-activation bottleneck: 1x1, 3x3 (reflection padding), 1x1, each with batch norm, beside a projected shortcut;
/// ReLU on the sum.
final class ProjectedBottleneck: Module {
  private let conv1: Convolution2D
  private let bn1: BatchNorm2D
  private let conv2: Convolution2D
  private let bn2: BatchNorm2D
  private let conv3: Convolution2D
  private let bn3: BatchNorm2D
  private let downsample: Convolution2D
  private let bnd: BatchNorm2D

  init(name: String, in inputs: Int, out outputs: Int, statistics: HeadStatistics) {
    func norm(_ layer: String) -> BatchNorm2D {
      headBatchNorm(name: "\(name).\(layer)", channels: outputs, statistics: statistics)
    }
    conv1 = Convolution2D(name: "\(name).conv1", in: inputs, out: outputs, kernel: 1, bias: false)
    bn1 = norm("bn1")
    conv2 = Convolution2D(
      name: "\(name).conv2", in: outputs, out: outputs, kernel: 3, padding: 1, paddingMode: .reflect, bias: false)
    bn2 = norm("bn2")
    conv3 = Convolution2D(name: "\(name).conv3", in: outputs, out: outputs, kernel: 1, bias: false)
    bn3 = norm("bn3")
    downsample = Convolution2D(name: "\(name).downsample", in: inputs, out: outputs, kernel: 1, bias: false)
    bnd = norm("bnd")
    for (layer, fanIn) in [(conv1, inputs), (conv2, 9 * outputs), (conv3, outputs), (downsample, inputs)] {
      layer.weight.initialiser = .heNormal(fanIn: fanIn)
    }
  }

  var parameters: [Parameter] {
    let layers: [any Module] = [conv1, bn1, conv2, bn2, conv3, bn3, downsample, bnd]
    return layers.flatMap(\.parameters)
  }

  func callAsFunction(_ x: Variable) -> Variable { merged(conv1(x), shortcut: downsample(x)) }

  /// What the input channels `inputs` add to the first convolution and to the shortcut's.
  func projections(of x: Variable, inputs: Range<Int>) -> (main: Variable, shortcut: Variable) {
    (conv1.contribution(of: x, inputs: inputs), downsample.contribution(of: x, inputs: inputs))
  }

  /// The rest of the block, from the results of both projections.
  func merged(_ main: Variable, shortcut: @autoclosure () -> Variable) -> Variable {
    let first = bn1(main, relu: true)
    let second = bn2(conv2(first), relu: true)
    return (bn3(conv3(second)) + bnd(shortcut())).relu()
  }
}
