import LabelMasks
import NeuralNet
import Tensors

/// A DD head and a DD-Net: what predicts the differences of one pair of masks.
public struct DifferenceDetector {
  public let head: DDHead
  public let net: DDNet

  /// Logits of the probability that a mask differs from the other of its pair, for each of `masks`.
  ///
  /// - Parameters:
  ///   - highLevel: e^h at OUT, (N, channels, h, w). It enters detached: a DD loss does not reach the segmentation
  ///     network.
  ///   - lowLevel: e^l at OUT; detached likewise.
  ///   - masks: (N, h, w) each.
  /// - Returns: (N, 1, h, w) for each mask.
  public func logits(highLevel: Variable, lowLevel: Variable, masks: [LabelMask]) -> [Variable] {
    let features = head(highLevel: highLevel.detached(), lowLevel: lowLevel.detached())
    return net(features: features, masks: masks)
  }
}

/// A segmentation network with its difference detectors: one in the static stage; two, and a sub head, in the dynamic
/// stage.
public final class SSDDNetwork: Module {
  public enum Stage: String, Codable, Sendable {
    /// Main head and one DD-Net (paper, section 4.1).
    case `static`
    /// Main and sub head and two DD-Nets (paper, section 4.2).
    case dynamic
  }

  public let stage: Stage
  public let segmentation: SegmentationNetwork
  /// `dd_head0`, `dd0`: of (m^K0, m^A0) in the static stage, of (m^K1, m^A1) in the dynamic stage.
  public let first: DifferenceDetector
  /// `dd_head1`, `dd1`: of (m^D0, m^D1); nil in the static stage.
  public let second: DifferenceDetector?

  /// - Throws: `Failure(.usage)` if the specification has a value out of range.
  public init(_ specification: NetworkSpecification, stage: Stage, trunkStatistics: BatchNorm2D.Statistics = .frozen)
    throws
  {
    self.stage = stage
    let segmentation = try SegmentationNetwork(
      specification, hasSubHead: stage == .dynamic, trunkStatistics: trunkStatistics)
    func detector(_ index: Int) -> DifferenceDetector {
      DifferenceDetector(
        head: DDHead(
          name: "dd_head\(index)", highLevel: specification.headChannels, lowLevel: segmentation.backbone.lowChannels,
          out: specification.differenceChannels, statistics: specification.headStatistics),
        net: DDNet(
          name: "dd\(index)", classes: specification.classes, channels: specification.differenceChannels,
          statistics: specification.headStatistics))
    }
    self.segmentation = segmentation
    first = detector(0)
    second = stage == .dynamic ? detector(1) : nil
  }

  public var specification: NetworkSpecification { segmentation.specification }

  public var parameters: [Parameter] { segmentation.parameters + differenceParameters }

  /// The parameters of all DD heads, then of all DD-Nets.
  public var differenceParameters: [Parameter] {
    let detectors = [first] + (second.map { [$0] } ?? [])
    return detectors.flatMap(\.head.parameters) + detectors.flatMap(\.net.parameters)
  }
}
