import Foundations
import MethodChoices
import NeuralNet
import Tensors

extension BackboneSpecification {
  /// The trunk that names and shapes of weights tell; names begin with `prefix`, `encoder.` in segmentation networks.
  ///
  /// The kind by the names (`features.` is SqueezeNet's); the width by the channels of `bn7`, 4096 at 1; the depth by
  /// the blocks of b3, 3 at 1, and b4, 6 at 1. What the tensors do not tell is the paper's; whether all of them fit
  /// is for `checkFit` to say.
  public init(tensors shapes: [String: Shape], prefix: String = "") {
    guard shapes["\(prefix)features.0.weight"] == nil else {
      self.init(kind: .squeezenet)
      return
    }
    let channels = shapes["\(prefix)bn7.weight"]?.dimensions.first ?? 4096
    func blocks(_ stage: String) -> Int {
      1 + (1...64).prefix { shapes["\(prefix)\(stage)_\($0).conv_branch2a.weight"] != nil }.count
    }
    self.init(
      kind: .resnet38, width: Double(channels) / 4096, depth: Self.depth(blocksOf3: blocks("b3"), of6: blocks("b4")))
  }

  /// A factor that, times 3 and times 6 and rounded, gives these numbers of blocks; where there is none, that of the
  /// longer stage.
  private static func depth(blocksOf3 three: Int, of6 six: Int) -> Double {
    let candidates = [Double(six) / 6, Double(three) / 3, (Double(six) + 0.25) / 6, (Double(six) - 0.25) / 6]
    func blocks(_ count: Int, _ depth: Double) -> Int { max(1, Int((Double(count) * depth).rounded())) }
    return candidates.first { blocks(3, $0) == three && blocks(6, $0) == six } ?? candidates[0]
  }
}

extension NetworkSpecification {
  /// The architecture that names and shapes of a segmentation or SSDD network's weights tell; for a classifier or
  /// AffinityNet the trunk's.
  ///
  /// The head's dilation and what its batch norm does in training leave no trace in the weights, so the caller says
  /// them.
  public init(
    tensors shapes: [String: Shape], classes: Int, headDilation: Int = 12, headStatistics: HeadStatistics = .frozen
  ) {
    let isSegmentation = shapes["seg_main.seg2.weight"] != nil
    self.init(
      backbone: BackboneSpecification(tensors: shapes, prefix: isSegmentation ? "encoder." : ""), classes: classes,
      headChannels: shapes["seg_main.seg1.conv1.weight"]?.dimensions.first, headDilation: headDilation,
      differenceChannels: shapes["dd_head0.conv1ab.conv1.weight"]?.dimensions.first, headStatistics: headStatistics)
  }
}
