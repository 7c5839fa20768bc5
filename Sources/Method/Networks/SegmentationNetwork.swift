import NeuralNet
import Tensors

/// Trunk with a main segmentation head and, in the dynamic stage, a sub head on the same features.
public final class SegmentationNetwork: Module {
  public let specification: NetworkSpecification
  public let backbone: any Backbone
  public let main: SegmentationHead
  public let sub: SegmentationHead?

  /// Names: `encoder.` + the trunk's, `seg_main.`, `seg_sub.`.
  ///
  /// - Throws: `Failure(.usage)` if the specification has a value out of range.
  public init(
    _ specification: NetworkSpecification, hasSubHead: Bool = false, trunkStatistics: BatchNorm2D.Statistics = .frozen
  ) throws {
    try specification.validate()
    self.specification = specification
    let backbone = try specification.backbone.build(prefix: "encoder.", statistics: trunkStatistics)
    func head(_ name: String) -> SegmentationHead {
      SegmentationHead(
        name: name, in: backbone.highChannels, hidden: specification.headChannels, classes: specification.classes,
        dilation: specification.headDilation, statistics: specification.headStatistics)
    }
    self.backbone = backbone
    main = head("seg_main")
    sub = hasSubHead ? head("seg_sub") : nil
  }

  public var parameters: [Parameter] { backbone.parameters + headParameters }

  /// The parameters of the heads, which start without weights.
  public var headParameters: [Parameter] { main.parameters + (sub?.parameters ?? []) }

  /// Class scores of the main head, (N, 3, H, W) to (N, classes, u h, u w) with u = `upsampling` and h = H / 8 rounded
  /// up.
  ///
  /// - Parameter upsampling: bilinear factor: 2 while training, 8 at evaluation.
  public func logits(_ x: Variable, upsampling: Int) -> Variable {
    main(backbone.features(x).high).scores.upsampled(by: upsampling)
  }

  /// - Throws: `Failure(.usage)` where an input of this size is too small for the heads; check it before the first
  ///   forward pass.
  public func validate(height: Int, width: Int) throws { try specification.validate(height: height, width: width) }
}
