import MethodChoices
import NeuralNet
import Tensors

/// What a trunk computes for the heads above it; all (N, C, H, W).
///
/// For an input of height H, `low` has height H / `lowStride`; `tap4`, `tap5` and `high` have H / 8 (every division
/// rounded up).
public struct BackboneFeatures {
  /// Early features, the source of the paper's e^l (section 3.1; "features obtained before the second pooling layer").
  public let low: Variable
  /// The affinity network's first tap (conv4 of PSA).
  public let tap4: Variable
  /// The affinity network's second tap (conv5 of PSA).
  public let tap5: Variable
  /// The trunk's output (conv6), what classifier and segmentation heads stand on.
  public let high: Variable
}

public typealias FrozenPart = MethodChoices.FrozenPart

/// A trunk whose features are at stride 8, the last ones enlarged where the trunk itself is at stride 16.
public protocol Backbone: Module {
  /// `resnet38`, `squeezenet`, `resnet50-stride16`, ...
  var name: String { get }
  /// Channels of `BackboneFeatures.low`.
  var lowChannels: Int { get }
  /// Stride of `BackboneFeatures.low`: 2 or 4.
  var lowStride: Int { get }
  /// Channels of `tap4`, `tap5` and `high`.
  var affinityChannels: [Int] { get }
  /// Channels of `high`.
  var highChannels: Int { get }
  /// Whether the taps have a standard scale, by batch norm or by a division; without, activations are some ten times
  /// larger.
  var hasNormalisedTaps: Bool { get }

  /// The forward pass. `x` is a normalised image (N, 3, H, W).
  func features(_ x: Variable) -> BackboneFeatures

  /// Freezes the weights of `part` and frees those of the other layers. Scales and shifts of batch norm stay as they
  /// are.
  func freeze(_ part: FrozenPart)
}

extension Backbone {
  /// e^l at OUT, a quarter of the input: `low` itself at stride 4, averaged 2 x 2 at stride 2.
  public func lowLevel(_ features: BackboneFeatures) -> Variable {
    lowStride == 4 ? features.low : features.low.averagePooled(4 / lowStride)
  }

  /// Freezes exactly the convolution parameters whose name starts with one of `prefixes`.
  func freezeConvolutions(startingWith prefixes: [String]) {
    for parameter in parameters where parameter.role == .weight || parameter.role == .bias {
      parameter.isFrozen = prefixes.contains { parameter.name.hasPrefix($0) }
    }
  }
}
