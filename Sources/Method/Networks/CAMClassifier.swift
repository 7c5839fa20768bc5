import NeuralNet
import Tensors

/// The image-level classifier whose last layer gives class activation maps (PSA, section 3.1): trunk, channel dropout
/// 0.5, global average pool, `fc8`, a 1x1 convolution without bias.
public final class CAMClassifier: Module {
  public let backbone: any Backbone
  /// Number of classes without the background.
  public let objectCount: Int
  private let fc8: Convolution2D

  /// Names: the trunk's without prefix, then `fc8.weight`.
  public init(backbone: any Backbone, objectCount: Int) {
    self.backbone = backbone
    self.objectCount = objectCount
    fc8 = Convolution2D(name: "fc8", in: backbone.highChannels, out: objectCount, kernel: 1, bias: false)
    fc8.weight.initialiser = .xavier(fanIn: backbone.highChannels, fanOut: objectCount)
  }

  public var parameters: [Parameter] { backbone.parameters + fc8.parameters }

  /// The layers that start without weights when a trunk trained elsewhere is loaded.
  public var headParameters: [Parameter] { fc8.parameters }

  /// Class scores before the sigmoid: (N, 3, H, W) to (N, objects).
  public func logits(_ x: Variable) -> Variable {
    let conv6 = backbone.features(x).high.dropout2d(rate: 0.5, name: "fc8.dropout")
    let scores = fc8(conv6.globalAveragePooled())
    return scores.reshaped([x.shape[0], objectCount])
  }

  /// Class activation maps, ReLU(fc8 * conv6): (N, 3, H, W) to (N, objects, H / 8, W / 8), rounded up. No dropout.
  public func activationMaps(_ x: Variable) -> Variable {
    fc8(backbone.features(x).high).relu()
  }
}
