import Tensors

/// Score maps averaged over cells of stride x stride pixels; pixels beyond the right and lower border count as 0.
///
/// - Parameter scores: (channels, height, width).
/// - Returns: (channels, height / stride, width / stride), rounded up.
public func pooledScores(_ scores: Tensor, stride: Int = 8, kernels: any Kernels) -> Tensor {
  precondition(scores.shape.rank == 3, "scores have the shape (channels, height, width), not \(scores.shape)")
  precondition(stride > 0, "a stride of \(stride)")
  let (channels, height, width) = (scores.shape[0], scores.shape[1], scores.shape[2])
  let (rows, columns) = ((height + stride - 1) / stride, (width + stride - 1) / stride)
  let padded = scores.resizingPlanes(height: rows * stride, width: columns * stride)
  let pooled = kernels.averagePool(padded.reshaped([1, channels, rows * stride, columns * stride]), kernel: stride)
  return pooled.reshaped([channels, rows, columns])
}

/// The way back: bilinear interpolation by `stride`, then cropped on the right and below.
///
/// - Parameter cells: (channels, h, w) with h = height / stride and w = width / stride, rounded up (precondition).
/// - Returns: (channels, height, width).
public func upsampledScores(_ cells: Tensor, height: Int, width: Int, stride: Int = 8, kernels: any Kernels) -> Tensor {
  let shape = cells.shape
  precondition(shape.rank == 3, "cells have the shape (channels, h, w), not \(shape)")
  precondition(
    shape[1] == (height + stride - 1) / stride && shape[2] == (width + stride - 1) / stride,
    "cells \(shape) for an image of \(width)x\(height)")
  let full = kernels.resizeBilinear(
    cells.reshaped([1, shape[0], shape[1], shape[2]]), height: shape[1] * stride, width: shape[2] * stride)
  return full.reshaped([shape[0], shape[1] * stride, shape[2] * stride]).resizingPlanes(height: height, width: width)
}
