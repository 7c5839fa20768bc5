import Foundation
import Foundations
import MethodChoices
import NeuralNet

public typealias HeadStatistics = MethodChoices.HeadStatistics

/// Every choice of architecture of a segmentation or SSDD network. Stored beside weights as JSON, so that a file says
/// what it fits.
public struct NetworkSpecification: Codable, Hashable, Sendable {
  public var backbone: BackboneSpecification
  /// Number of classes with background: 21 for VOC.
  public var classes: Int
  /// Channels of e^h, the segmentation head's hidden layer: 512 on the paper's trunk.
  public var headChannels: Int
  /// Dilation and reflection padding of the segmentation head: 12. Feature maps need more than this many cells a side.
  public var headDilation: Int
  /// Channels inside the DD-Net: 256 on the paper's trunk.
  public var differenceChannels: Int
  public var headStatistics: HeadStatistics

  /// nil stands for the paper's number, scaled by the trunk's width.
  public init(
    backbone: BackboneSpecification, classes: Int, headChannels: Int? = nil, headDilation: Int = 12,
    differenceChannels: Int? = nil,
    headStatistics: HeadStatistics = .frozen
  ) {
    self.backbone = backbone
    self.classes = classes
    self.headChannels = headChannels ?? backbone.scaled(512)
    self.headDilation = headDilation
    self.differenceChannels = differenceChannels ?? backbone.scaled(256)
    self.headStatistics = headStatistics
  }

  /// The paper's network on VOC.
  public static let paper = NetworkSpecification(backbone: .paper, classes: 21)

  /// The smallest input side that the segmentation head's reflection padding allows.
  public var smallestSide: Int { ArchitectureLimits.smallestSide(headDilation: headDilation) }

  /// - Throws: `Failure(.usage)` naming the value out of range.
  public func validate() throws {
    try backbone.validate()
    let ranges: [(String, Int, ClosedRange<Int>)] = [
      ("classes", classes, 2...255), ("head channels", headChannels, ArchitectureLimits.channels),
      ("head dilation", headDilation, ArchitectureLimits.headDilation),
      ("difference channels", differenceChannels, ArchitectureLimits.channels),
    ]
    for (name, value, range) in ranges where !range.contains(value) {
      throw Failure(.usage, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)", item: name)
    }
  }

  /// - Throws: `Failure(.usage)` where an input of this size is too small for the segmentation head.
  public func validate(height: Int, width: Int) throws {
    guard min(height, width) >= smallestSide else {
      throw Failure(
        .usage,
        "an input of \(height)x\(width) is too small: head dilation \(headDilation) needs at least \(smallestSide) "
          + "pixels along each side"
      )
    }
  }

  /// One line, keys sorted: the same specification gives the same text.
  public var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      preconditionFailure("a specification holds numbers that JSON cannot: \(self)")
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// - Throws: `Failure(.data)` if `json` is not what `json` gives, or if a value is out of range.
  public init(json: String) throws {
    do {
      self = try JSONDecoder().decode(NetworkSpecification.self, from: Data(json.utf8))
    } catch {
      throw Failure(.data, "not a network specification: \(json.prefix(200))")
    }
    try validate()
  }
}
