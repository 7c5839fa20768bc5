extension Tensor {
  /// The place, in C order, and the value of the first element that is infinite or not a number; nil where all are
  /// finite.
  public var firstNotFinite: (position: Int, value: Float)? {
    withUnsafeBufferPointer { values in
      guard let base = values.baseAddress else { return nil }
      for start in stride(from: 0, to: values.count, by: 4096) {
        let end = min(start + 4096, values.count)
        // 0 times a finite number is 0, times any other it is not a number: so eight are looked at together.
        var sums = SIMD8<Float>.zero
        var position = start
        while end - position >= 8 {
          sums += UnsafeRawPointer(base + position).loadUnaligned(as: SIMD8<Float>.self) * 0
          position += 8
        }
        if sums == .zero, position == end { continue }
        if let found = (start..<end).first(where: { !values[$0].isFinite }) { return (found, values[found]) }
      }
      return nil
    }
  }
}
