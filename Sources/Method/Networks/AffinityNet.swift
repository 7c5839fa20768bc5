import NeuralNet
import Tensors

/// The features whose distances are pixel affinities (PSA, section 3.2): three taps of the trunk, each reduced by a 1x1
/// convolution, concatenated and mixed by another; ELU behind each.
///
/// On the paper's trunk: f8_3 512 -> 64, f8_4 1024 -> 128, f8_5 4096 -> 256, f9 448 -> 448. On a smaller trunk no
/// reduction keeps more than half of its tap's channels.
public final class AffinityNet: Module {
  public let backbone: any Backbone
  /// Channels of `features`: 448 on the paper's trunk.
  public let channels: Int
  private let f8_3: Convolution2D
  private let f8_4: Convolution2D
  private let f8_5: Convolution2D
  private let f9: Convolution2D

  /// Names: the trunk's without prefix, then `f8_3.weight`, `f8_4.weight`, `f8_5.weight`, `f9.weight`.
  public init(backbone: any Backbone) {
    self.backbone = backbone
    let taps = backbone.affinityChannels
    let kept = zip([64, 128, 256], taps).map { min($0, max(8, $1 / 2)) }
    channels = kept.reduce(0, +)
    f8_3 = Convolution2D(name: "f8_3", in: taps[0], out: kept[0], kernel: 1, bias: false)
    f8_4 = Convolution2D(name: "f8_4", in: taps[1], out: kept[1], kernel: 1, bias: false)
    f8_5 = Convolution2D(name: "f8_5", in: taps[2], out: kept[2], kernel: 1, bias: false)
    f9 = Convolution2D(name: "f9", in: channels, out: channels, kernel: 1, bias: false)
    for (layer, fanIn) in zip([f8_3, f8_4, f8_5], taps) { layer.weight.initialiser = .heNormal(fanIn: fanIn) }
    // PSA starts f9 by Xavier's rule with gain 4: the features begin far enough apart for exp(-|difference|) to be well
    // below 1. Behind a trunk without batch norm that gain puts all pairs so far apart that the loss saturates and
    // nothing is learned.
    let gain: Float = backbone.hasNormalisedTaps ? 4 : 0.4
    f9.weight.initialiser = .uniform(bound: gain * Float((3 / Double(channels)).squareRoot()))
  }

  public var parameters: [Parameter] { backbone.parameters + headParameters }

  /// The layers that start without weights when a trunk trained elsewhere is loaded.
  public var headParameters: [Parameter] { [f8_3, f8_4, f8_5, f9].flatMap(\.parameters) }

  /// (N, 3, H, W) to (N, channels, H / 8, W / 8), rounded up.
  public func features(_ x: Variable) -> Variable {
    let taps = backbone.features(x)
    let low = f8_3(taps.tap4).elu()
    let middle = f8_4(taps.tap5).elu()
    let high = f8_5(taps.high).elu()
    return f9(low.concatenated(with: middle, high)).elu()
  }

  /// The features of a normalised image (1, 3, H, W) whose sides need not be multiples of 8: zeros are put on its right
  /// and below.
  public func features(of image: Tensor, kernels: any Kernels) -> Tensor {
    let padded = image.resizingPlanes(height: (image.shape[2] + 7) / 8 * 8, width: (image.shape[3] + 7) / 8 * 8)
    return features(Context(kernels: kernels, mode: .inference).constant(padded)).value
  }
}
