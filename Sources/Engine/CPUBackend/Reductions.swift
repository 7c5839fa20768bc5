/// Sum of `count` floats in double precision, in eight interleaved partial sums.
func doubleSum(_ source: UnsafePointer<Float>, _ count: Int) -> Double {
  var sums = SIMD8<Double>.zero
  let whole = count & ~7
  var i = 0
  while i < whole {
    sums += SIMD8<Double>(loadEight(source + i))
    i &+= 8
  }
  var total = sums.sum()
  while i < count {
    total += Double(source[i])
    i &+= 1
  }
  return total
}

/// Eight floats from any address.
@inline(__always)
func loadEight(_ source: UnsafePointer<Float>) -> SIMD8<Float> {
  UnsafeRawPointer(source).loadUnaligned(as: SIMD8<Float>.self)
}

/// Eight floats to any address.
@inline(__always)
func storeEight(_ value: SIMD8<Float>, _ target: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(target).storeBytes(of: value, as: SIMD8<Float>.self)
}

/// Sum of (x - a)(y - b) over `count` floats: products in single precision, summed in double precision.
func doubleProductSum(
  _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int, subtracting centres: (Float, Float)
) -> Double {
  var sums = SIMD8<Double>.zero
  let (first, second) = (SIMD8<Float>(repeating: centres.0), SIMD8<Float>(repeating: centres.1))
  let whole = count & ~7
  var i = 0
  while i < whole {
    sums += SIMD8<Double>((loadEight(x + i) - first) * (loadEight(y + i) - second))
    i &+= 8
  }
  var total = sums.sum()
  while i < count {
    total += Double((x[i] - centres.0) * (y[i] - centres.1))
    i &+= 1
  }
  return total
}
