/// Maximum pooling of one plane, row by row: first down the columns of the kernel's rows, then across, eight outputs
/// at a time.
///
/// Each value carries its position (row * width + column), and of equal values the smaller position wins: row-major
/// order.
struct MaxWindow {
  let height, width, outHeight, outWidth: Int
  let kernel, stride, padding: Int

  /// The windows over a plane, as `Kernels.maxPool` describes them.
  init(height: Int, width: Int, kernel: Int, stride: Int, padding: Int, ceilMode: Bool) {
    precondition(
      kernel >= 1 && padding * 2 <= kernel && stride >= 1, "max pooling \(kernel), stride \(stride), padding \(padding)"
    )
    func length(_ input: Int) -> Int {
      let span = input + 2 * padding - kernel
      precondition(span >= 0, "max pooling \(kernel), padding \(padding) of \(height)x\(width)")
      let count = (ceilMode ? span + stride - 1 : span) / stride + 1
      return ceilMode && (count - 1) * stride >= input + padding ? count - 1 : count
    }
    (self.height, self.width, self.kernel, self.stride, self.padding) = (height, width, kernel, stride, padding)
    (outHeight, outWidth) = (length(height), length(width))
  }

  /// Columns of the row of column maxima: the padding on both sides, and what the last vector reads beyond.
  private var paddedWidth: Int { max(width + 2 * padding, (outWidth + 8) * stride + kernel) + 16 }

  /// Floats of scratch memory that `pool` needs.
  var scratchCount: Int { 2 * paddedWidth }

  func pool(
    _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ positions: UnsafeMutablePointer<Int32>,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let values = scratch
    let places = UnsafeMutableRawPointer(scratch + paddedWidth).bindMemory(to: Int32.self, capacity: paddedWidth)
    values.update(repeating: -.infinity, count: paddedWidth)
    places.update(repeating: .max, count: paddedWidth)
    for i in 0..<outHeight {
      let rows = max(0, i * stride - padding)..<min(height, i * stride - padding + kernel)
      columnMaxima(source, rows, values + padding, places + padding)
      let (target, positions) = (target + i * outWidth, positions + i * outWidth)
      switch stride {
      case 1: acrossRow(values, places, target, positions, { loadEight($0) }, { loadEight($0) })
      case 2: acrossRow(values, places, target, positions, { loadEven($0) }, { loadEven($0) })
      default: for j in 0..<outWidth { one(values + j * stride, places + j * stride, target + j, positions + j) }
      }
    }
  }

  /// For each input column the largest of `rows` and its position.
  @inline(__always)
  private func columnMaxima(
    _ source: UnsafePointer<Float>, _ rows: Range<Int>, _ values: UnsafeMutablePointer<Float>,
    _ places: UnsafeMutablePointer<Int32>
  ) {
    let lanes = SIMD8<Int32>(0, 1, 2, 3, 4, 5, 6, 7)
    let whole = width & ~7
    var c = 0
    while c < whole {
      let position = lanes &+ Int32(truncatingIfNeeded: rows.lowerBound &* width &+ c)
      var (best, place) = (loadEight(source + (rows.lowerBound &* width &+ c)), position)
      var row = rows.lowerBound &+ 1
      while row < rows.upperBound {
        let value = loadEight(source + (row &* width &+ c))
        let wins = (value .> best) .| (value .!= value)
        best = best.replacing(with: value, where: wins)
        place = place.replacing(with: lanes &+ Int32(truncatingIfNeeded: row &* width &+ c), where: wins)
        row &+= 1
      }
      storeEight(best, values + c)
      UnsafeMutableRawPointer(places + c).storeBytes(of: place, as: SIMD8<Int32>.self)
      c &+= 8
    }
    while c < width {
      var position = rows.lowerBound &* width &+ c
      var best = source[position]
      for row in rows.dropFirst() {
        let candidate = row &* width &+ c
        if source[candidate] > best || source[candidate] != source[candidate] {
          (best, position) = (source[candidate], candidate)
        }
      }
      values[c] = best
      places[c] = Int32(truncatingIfNeeded: position)
      c &+= 1
    }
  }

  /// Combines `kernel` neighbouring columns; the closures read eight values or positions that are `stride` apart.
  @inline(__always)
  private func acrossRow(
    _ values: UnsafePointer<Float>, _ places: UnsafePointer<Int32>, _ target: UnsafeMutablePointer<Float>,
    _ positions: UnsafeMutablePointer<Int32>, _ loadValues: (UnsafePointer<Float>) -> SIMD8<Float>,
    _ loadPlaces: (UnsafePointer<Int32>) -> SIMD8<Int32>
  ) {
    var j = 0
    while j &+ 8 <= outWidth {
      var best = loadValues(values + j &* stride)
      var place = loadPlaces(places + j &* stride)
      for k in 1..<kernel {
        let value = loadValues(values + (j &* stride &+ k))
        let candidate = loadPlaces(places + (j &* stride &+ k))
        let wins = (value .> best) .| ((value .== best) .& (candidate .< place)) .| (value .!= value)
        best = best.replacing(with: value, where: wins)
        place = place.replacing(with: candidate, where: wins)
      }
      storeEight(best, target + j)
      UnsafeMutableRawPointer(positions + j).storeBytes(of: place, as: SIMD8<Int32>.self)
      j &+= 8
    }
    while j < outWidth {
      one(values + j &* stride, places + j &* stride, target + j, positions + j)
      j &+= 1
    }
  }

  @inline(__always)
  private func one(
    _ values: UnsafePointer<Float>, _ places: UnsafePointer<Int32>, _ target: UnsafeMutablePointer<Float>,
    _ positions: UnsafeMutablePointer<Int32>
  ) {
    var (best, place) = (values[0], places[0])
    for k in 1..<kernel where values[k] > best || values[k] == best && places[k] < place || values[k] != values[k] {
      (best, place) = (values[k], places[k])
    }
    (target[0], positions[0]) = (best, place)
  }
}

@inline(__always)
private func loadEight(_ source: UnsafePointer<Int32>) -> SIMD8<Int32> {
  UnsafeRawPointer(source).loadUnaligned(as: SIMD8<Int32>.self)
}

@inline(__always)
private func loadEven(_ source: UnsafePointer<Float>) -> SIMD8<Float> {
  UnsafeRawPointer(source).loadUnaligned(as: SIMD16<Float>.self).evenHalf
}

@inline(__always)
private func loadEven(_ source: UnsafePointer<Int32>) -> SIMD8<Int32> {
  UnsafeRawPointer(source).loadUnaligned(as: SIMD16<Int32>.self).evenHalf
}
