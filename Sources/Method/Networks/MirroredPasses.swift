import NeuralNet
import Tensors

/// What goes through a network at a time: (N, 3, H, W), and which of the N are mirror images.
public typealias NetworkPass = (input: Tensor, isMirrored: [Bool])

/// How an image and its mirror image go through a network.
public enum MirroredPasses: Sendable {
  /// The image alone.
  case none
  /// Both in one batch: faster, as the weights are read once.
  case together
  /// One after the other: the memory of one.
  case oneByOne

  /// The passes of an input, (1, 3, H, W).
  public func passes(of input: Tensor, kernels: any Kernels) -> [NetworkPass] {
    if self == .none { return [(input, [false])] }
    let mirrored = kernels.flipHorizontally(input)
    if self == .oneByOne { return [(input, [false]), (mirrored, [true])] }
    return [(Tensor.stacked([input, mirrored]), [false, true])]
  }
}
