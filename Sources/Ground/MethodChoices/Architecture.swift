/// The trunks that a network can stand on.
public enum BackboneKind: String, Codable, Sendable, CaseIterable {
  case resnet38
  case squeezenet
  case resnet18
  case resnet18Stride16 = "resnet18-stride16"
  case resnet50
  case resnet50Stride16 = "resnet50-stride16"
  /// At stride 16 without dilation.
  case resnet50IRN = "resnet50-irn"
  case resnet101
  case resnet101Stride16 = "resnet101-stride16"

  /// What keeps its weights by default where a classifier starts from weights of ImageNet: as the scripts of PSA
  /// (ResNet-38) and IRN (ResNet-50) do.
  public var pretrainedFrozenPart: FrozenPart {
    switch self {
    case .resnet38: .firstStage
    case .squeezenet: .none
    case .resnet18, .resnet18Stride16, .resnet50, .resnet50Stride16, .resnet50IRN, .resnet101, .resnet101Stride16:
      .firstConvolution
    }
  }
}

/// Whether a batch norm learns.
public enum HeadStatistics: String, Codable, Sendable, CaseIterable {
  /// Running statistics, scales and shifts are constants, as the method says; a fresh head has mean 0, variance 1.
  case frozen
  /// Statistics of the micro-batch while training, and trained scales and shifts. Results then depend on the
  /// size of micro-batches.
  case batch
}

/// Which layers of a trunk keep the weights they were loaded with.
public enum FrozenPart: String, Codable, Sendable, CaseIterable {
  /// Everything is trained: a network that starts without weights.
  case none
  /// The first convolution (the SSDD reference).
  case firstConvolution
  /// The layers up to the second halving of the map: conv1a, b2, b2_1, b2_2 of resnet38 (PSA's classifier and
  /// affinity network); features.0, .3 and .4, all up to the second pooling, of squeezenet.
  case firstStage
}

/// What an architecture may be asked for. Options and the networks themselves check against the same numbers.
public enum ArchitectureLimits {
  /// Largest factor on the channels and on the blocks of a trunk; both are above 0. The paper's network is 1.
  public static let largestFactor = 8.0
  /// Hidden channels of a segmentation head or a DD-Net.
  public static let channels = 1...4096
  /// Dilation of the segmentation head.
  public static let headDilation = 1...64

  /// The smallest input side that a segmentation head with this dilation takes. Its reflection padding needs more
  /// than `headDilation` cells of 8 pixels: 97 pixels for the paper's 12.
  public static func smallestSide(headDilation: Int) -> Int { headDilation * 8 + 1 }
}
