import LabelMasks

extension LabelMask {
  /// batch x classes x height x width, 1 at each pixel's class; void pixels are 0 in every class.
  ///
  /// Precondition: every label is below `classes` or void.
  public func oneHot(classes: Int) -> Tensor {
    let area = height * width
    var result = Tensor(zeros: [batch, classes, height, width])
    result.withUnsafeMutableBufferPointer { target in
      for n in 0..<batch {
        for i in 0..<area {
          let label = labels[n * area + i]
          if label == Self.void { continue }
          precondition(label < classes, "label \(label) with \(classes) classes")
          target[(n * classes + Int(label)) * area + i] = 1
        }
      }
    }
    return result
  }
}
