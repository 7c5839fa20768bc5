extension Variable {
  /// Maximum over kernel x kernel windows; padding never wins; of equal values the first in row-major order gets the
  /// gradient.
  public func maxPooled(kernel: Int, stride: Int, padding: Int = 0, ceilMode: Bool = false) -> Variable {
    let (kernels, shape) = (context.kernels, shape)
    let (output, positions) = kernels.maxPool(
      value, kernel: kernel, stride: stride, padding: padding, ceilMode: ceilMode)
    return unary(output) { kernels.maxPoolGradient(positions: positions, upstream: $0, inputShape: shape) }
  }

  /// Mean over kernel x kernel windows with stride = kernel; what is left over at the right and bottom is dropped.
  public func averagePooled(_ kernel: Int) -> Variable {
    let (kernels, shape) = (context.kernels, shape)
    return unary(kernels.averagePool(value, kernel: kernel)) {
      kernels.averagePoolGradient(upstream: $0, kernel: kernel, inputShape: shape)
    }
  }

  /// Mean of every channel: (N, C, 1, 1).
  public func globalAveragePooled() -> Variable {
    let (kernels, shape) = (context.kernels, shape)
    return unary(kernels.globalAveragePool(value)) {
      kernels.globalAveragePoolGradient(upstream: $0, inputShape: shape)
    }
  }

  /// Bilinear interpolation to height x width, `align_corners=False`, not antialiased. The same variable if that is its
  /// size.
  public func resized(height: Int, width: Int) -> Variable {
    let (kernels, shape) = (context.kernels, shape)
    if shape.rank == 4, shape[2] == height, shape[3] == width { return self }
    return unary(kernels.resizeBilinear(value, height: height, width: width)) {
      kernels.resizeBilinearGradient(upstream: $0, inputShape: shape)
    }
  }

  /// Bilinear interpolation to `factor` times height and width.
  public func upsampled(by factor: Int) -> Variable { resized(height: shape[2] * factor, width: shape[3] * factor) }

  /// Columns in reverse order.
  public func flippedHorizontally() -> Variable {
    let kernels = context.kernels
    return unary(kernels.flipHorizontally(value)) { kernels.flipHorizontally($0) }
  }
}
