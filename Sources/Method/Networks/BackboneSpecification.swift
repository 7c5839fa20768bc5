import Foundations
import MethodChoices
import NeuralNet

/// Which trunk a network stands on. Stored beside weights, so that a file says what it fits.
public struct BackboneSpecification: Codable, Hashable, Sendable, CustomStringConvertible {
  public typealias Kind = BackboneKind

  public var kind: Kind
  /// Factor on all channel counts (`resnet38` only), rounded to a multiple of 8, at least 8. The paper: 1.
  public var width: Double
  /// Factor on the number of blocks a stage (`resnet38` only), rounded, at least 1. The paper: 1.
  public var depth: Double
  /// Whether heads get the taps divided by `SqueezeNet8.tapDeviations` (`squeezenet` only; batch norm does it for
  /// `resnet38`). Heads fit the scale that they were trained on, so this travels with the weights.
  public var normalisedTaps: Bool

  public init(kind: Kind, width: Double = 1, depth: Double = 1, normalisedTaps: Bool = false) {
    self.kind = kind
    self.width = width
    self.depth = depth
    self.normalisedTaps = normalisedTaps
  }

  private enum CodingKeys: String, CodingKey { case kind, width, depth, normalisedTaps }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    kind = try values.decode(Kind.self, forKey: .kind)
    width = try values.decode(Double.self, forKey: .width)
    depth = try values.decode(Double.self, forKey: .depth)
    normalisedTaps = try values.decodeIfPresent(Bool.self, forKey: .normalisedTaps) ?? false
  }

  /// Without `normalisedTaps` where that is false: such a specification reads as those written before the member
  /// existed.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(kind, forKey: .kind)
    try values.encode(width, forKey: .width)
    try values.encode(depth, forKey: .depth)
    if normalisedTaps { try values.encode(true, forKey: .normalisedTaps) }
  }

  /// The paper's trunk.
  public static let paper = BackboneSpecification(kind: .resnet38)

  /// `resnet38`, `resnet38 width 0.25 depth 0.5`, `squeezenet`, `squeezenet with normalised taps`.
  public var description: String {
    let taps = normalisedTaps ? " with normalised taps" : ""
    return kind == .resnet38 && (width, depth) != (1, 1)
      ? "\(kind.rawValue) width \(width) depth \(depth)" : kind.rawValue + taps
  }

  /// - Throws: `Failure(.usage)` if a factor is not positive or not finite, if a trunk other than `resnet38` has one
  ///   that is not 1, or if a trunk other than `squeezenet` is to have normalised taps.
  public func validate() throws {
    for (name, factor) in [("width", width), ("depth", depth)] {
      let limit = ArchitectureLimits.largestFactor
      guard factor.isFinite, factor > 0, factor <= limit else {
        throw Failure(
          .usage, expected: "a number above 0 and at most \(limit)", found: "\(factor)", item: "backbone \(name)")
      }
    }
    guard kind == .resnet38 || (width, depth) == (1, 1) else {
      throw Failure(.usage, "\(kind.rawValue) comes in one size, width and depth must be 1", item: "backbone")
    }
    guard kind == .squeezenet || !normalisedTaps else {
      throw Failure(
        .usage, expected: "normalised taps with squeezenet only (batch norm normalises those of the others)",
        found: kind.rawValue,
        item: "backbone")
    }
  }

  /// Builds the trunk; parameters are not yet initialised.
  ///
  /// - Parameters:
  ///   - prefix: put in front of every parameter name, `encoder.` within segmentation networks.
  ///   - statistics: of the trunk's batch norm. `.frozen` as in the method; `.batch` to train a trunk that starts
  ///     without weights. SqueezeNet has no batch norm.
  /// - Throws: as `validate()`.
  public func build(prefix: String = "", statistics: BatchNorm2D.Statistics = .frozen) throws -> any Backbone {
    try validate()
    func resNet(_ size: ResNet.Size, _ striding: ResNet.Striding) -> ResNet {
      ResNet(size, striding, name: kind.rawValue, prefix: prefix, statistics: statistics)
    }
    switch kind {
    case .resnet38: return ResNet38(prefix: prefix, width: width, depth: depth, statistics: statistics)
    case .squeezenet: return SqueezeNet8(prefix: prefix, normalisedTaps: normalisedTaps)
    case .resnet18: return resNet(.layers18, .stride8)
    case .resnet18Stride16: return resNet(.layers18, .stride16)
    case .resnet50: return resNet(.layers50, .stride8)
    case .resnet50Stride16: return resNet(.layers50, .stride16)
    case .resnet50IRN: return resNet(.layers50, .stride16Undilated)
    case .resnet101: return resNet(.layers101, .stride8)
    case .resnet101Stride16: return resNet(.layers101, .stride16)
    }
  }

  /// `channels` scaled by `width`: rounded to a multiple of 8, at least 8.
  public func scaled(_ channels: Int) -> Int { scaledChannels(channels, by: width) }
}

/// `channels * width` rounded to a multiple of 8, at least 8.
func scaledChannels(_ channels: Int, by width: Double) -> Int {
  max(8, Int((Double(channels) * width / 8).rounded()) * 8)
}
