extension Tensor {
  /// The planes (the last two axes) at height x width: their upper left part, with zeros on the right and below where
  /// they end. Rank >= 2.
  public func resizingPlanes(height: Int, width: Int) -> Tensor {
    precondition(shape.rank >= 2 && height >= 0 && width >= 0, "planes of \(shape) at \(height)x\(width)")
    let (h, w) = (shape[shape.rank - 2], shape[shape.rank - 1])
    if h == height, w == width { return self }
    let leading = Array(shape.dimensions.dropLast(2))
    let (rows, columns) = (Swift.min(h, height), Swift.min(w, width))
    return Tensor(filling: Shape(leading + [height, width])) { target in
      if rows < height || columns < width { target.update(repeating: 0, count: leading.reduce(1, *) * height * width) }
      read { source in
        for plane in 0..<leading.reduce(1, *) {
          for y in 0..<rows {
            (target + (plane * height + y) * width).update(from: source + (plane * h + y) * w, count: columns)
          }
        }
      }
    }
  }
}
