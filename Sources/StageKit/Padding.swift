import Tensors

extension CPUKernels {
  /// (N, C, h, w) with zeros on the right and below, to height x width.
  public func padded(_ x: Tensor, height: Int, width: Int) -> Tensor {
    let (batch, channels, h, w) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    precondition(height >= h && width >= w, "cannot pad \(x.shape) to \(height)x\(width)")
    if height == h, width == w { return x }
    return x.withUnsafeBufferPointer { source in
      Tensor([batch, channels, height, width]) { target in
        target.update(repeating: 0)
        for plane in 0..<batch * channels {
          for y in 0..<h {
            let row = source[((plane * h + y) * w)..<((plane * h + y + 1) * w)]
            _ = UnsafeMutableBufferPointer(rebasing: target[((plane * height + y) * width)...]).update(fromContentsOf: row)
          }
        }
      }
    }
  }
}
