/// Several floats that are worked on together: the values of up to `width` labels at one pixel or lattice vertex.
protocol Lanes: BitwiseCopyable {
  static var width: Int { get }
  static var zero: Self { get }
  init(repeating value: Float)
  static func + (left: Self, right: Self) -> Self
  static func - (left: Self, right: Self) -> Self
  static func * (left: Self, right: Self) -> Self
  static func * (left: Self, right: Float) -> Self
  /// self + factor * value, fused or not.
  func adding(_ value: Self, times factor: Float) -> Self
  func maximum(with other: Self) -> Self
  var largest: Float { get }
  var total: Float { get }
  /// e^x for -87 <= x <= 0 (smaller arguments are taken as -87), relative error below 3e-7.
  var exponential: Self { get }
}

extension Float: Lanes {
  static var width: Int { 1 }
  @inline(__always) init(repeating value: Float) { self = value }
  @inline(__always) func adding(_ value: Float, times factor: Float) -> Float { addingProduct(value, factor) }
  @inline(__always) func maximum(with other: Float) -> Float { Swift.max(self, other) }
  @inline(__always) var largest: Float { self }
  @inline(__always) var total: Float { self }
  @inline(__always) var exponential: Float { SIMD2<Float>(self, self).exponential.x }
}

// The maximum is taken by the sign of the difference: the standard library's pointwiseMax and `.<` are compiled lane by
// lane here, which costs more than all the rest of an update.
//
// e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2. The rounding is done by adding 1.5 * 2^23, which leaves n
// in the low bits of the sum; e^r is its Taylor series to the seventh power (remainder below 6e-9), and n is added to
// the exponent bits.
private let shifter: Float = 12_582_912
private let inverseLog2: Float = 1.442_695_04
private let log2High: Float = 0.693_359_375
private let log2Low: Float = -2.121_944_4e-4

extension SIMD where Self: Lanes, Scalar == Float {
  @inline(__always) fileprivate static func series(_ r: Self) -> Self {
    var sum = Self(repeating: 1 / 720).addingProduct(Self(repeating: 1 / 5040), r)
    sum = Self(repeating: 1 / 120).addingProduct(sum, r)
    sum = Self(repeating: 1 / 24).addingProduct(sum, r)
    sum = Self(repeating: 1 / 6).addingProduct(sum, r)
    sum = Self(repeating: 0.5).addingProduct(sum, r)
    sum = Self(repeating: 1).addingProduct(sum, r)
    return Self(repeating: 1).addingProduct(sum, r)
  }

  /// The remainder r and x / ln 2 rounded, still with the shifter added.
  @inline(__always) fileprivate var reduced: (remainder: Self, shifted: Self) {
    let x = maximum(with: Self(repeating: -87))
    let shifted = Self(repeating: shifter).addingProduct(x, Self(repeating: inverseLog2))
    let n = shifted - Self(repeating: shifter)
    let remainder = x.addingProduct(n, Self(repeating: -log2High)).addingProduct(n, Self(repeating: -log2Low))
    return (remainder, shifted)
  }
}

extension SIMD2<Float>: Lanes {
  static var width: Int { 2 }
  @inline(__always) func adding(_ value: Self, times factor: Float) -> Self {
    addingProduct(value, Self(repeating: factor))
  }
  @inline(__always) func maximum(with other: Self) -> Self {
    let less = unsafeBitCast(self - other, to: SIMD2<Int32>.self) &>> 31
    let chosen =
      (unsafeBitCast(self, to: SIMD2<Int32>.self) & ~less) | (unsafeBitCast(other, to: SIMD2<Int32>.self) & less)
    return unsafeBitCast(chosen, to: Self.self)
  }
  @inline(__always) var largest: Float { Swift.max(x, y) }
  @inline(__always) var total: Float { x + y }
  @inline(__always) var exponential: Self {
    let (remainder, shifted) = reduced
    let bits =
      unsafeBitCast(Self.series(remainder), to: SIMD2<Int32>.self)
      &+ (unsafeBitCast(shifted, to: SIMD2<Int32>.self) &<< 23)
    return unsafeBitCast(bits, to: Self.self)
  }
}

extension SIMD4<Float>: Lanes {
  static var width: Int { 4 }
  @inline(__always) func adding(_ value: Self, times factor: Float) -> Self {
    addingProduct(value, Self(repeating: factor))
  }
  @inline(__always) func maximum(with other: Self) -> Self {
    let less = unsafeBitCast(self - other, to: SIMD4<Int32>.self) &>> 31
    let chosen =
      (unsafeBitCast(self, to: SIMD4<Int32>.self) & ~less) | (unsafeBitCast(other, to: SIMD4<Int32>.self) & less)
    return unsafeBitCast(chosen, to: Self.self)
  }
  @inline(__always) var largest: Float { lowHalf.maximum(with: highHalf).largest }
  @inline(__always) var total: Float { (lowHalf + highHalf).total }
  @inline(__always) var exponential: Self {
    let (remainder, shifted) = reduced
    let bits =
      unsafeBitCast(Self.series(remainder), to: SIMD4<Int32>.self)
      &+ (unsafeBitCast(shifted, to: SIMD4<Int32>.self) &<< 23)
    return unsafeBitCast(bits, to: Self.self)
  }
}

extension SIMD8<Float>: Lanes {
  static var width: Int { 8 }
  @inline(__always) func adding(_ value: Self, times factor: Float) -> Self {
    addingProduct(value, Self(repeating: factor))
  }
  @inline(__always) func maximum(with other: Self) -> Self {
    let less = unsafeBitCast(self - other, to: SIMD8<Int32>.self) &>> 31
    let chosen =
      (unsafeBitCast(self, to: SIMD8<Int32>.self) & ~less) | (unsafeBitCast(other, to: SIMD8<Int32>.self) & less)
    return unsafeBitCast(chosen, to: Self.self)
  }
  @inline(__always) var largest: Float { lowHalf.maximum(with: highHalf).largest }
  @inline(__always) var total: Float { (lowHalf + highHalf).total }
  @inline(__always) var exponential: Self {
    let (remainder, shifted) = reduced
    let bits =
      unsafeBitCast(Self.series(remainder), to: SIMD8<Int32>.self)
      &+ (unsafeBitCast(shifted, to: SIMD8<Int32>.self) &<< 23)
    return unsafeBitCast(bits, to: Self.self)
  }
}

/// Two sets of lanes side by side: widths that no vector type has. What is done for each vertex alone, such as reading
/// its number, is shared by both.
struct Joined<First: Lanes, Second: Lanes>: Lanes {
  var first: First
  var second: Second

  @inline(__always) init(_ first: First, _ second: Second) {
    self.first = first
    self.second = second
  }

  static var width: Int { First.width + Second.width }
  @inline(__always) static var zero: Self { Self(.zero, .zero) }
  @inline(__always) init(repeating value: Float) { self.init(First(repeating: value), Second(repeating: value)) }
  @inline(__always) static func + (left: Self, right: Self) -> Self {
    Self(left.first + right.first, left.second + right.second)
  }
  @inline(__always) static func - (left: Self, right: Self) -> Self {
    Self(left.first - right.first, left.second - right.second)
  }
  @inline(__always) static func * (left: Self, right: Self) -> Self {
    Self(left.first * right.first, left.second * right.second)
  }
  @inline(__always) static func * (left: Self, right: Float) -> Self { Self(left.first * right, left.second * right) }
  @inline(__always) func adding(_ value: Self, times factor: Float) -> Self {
    Self(first.adding(value.first, times: factor), second.adding(value.second, times: factor))
  }
  @inline(__always) func maximum(with other: Self) -> Self {
    Self(first.maximum(with: other.first), second.maximum(with: other.second))
  }
  @inline(__always) var largest: Float { max(first.largest, second.largest) }
  @inline(__always) var total: Float { first.total + second.total }
  @inline(__always) var exponential: Self { Self(first.exponential, second.exponential) }
}

/// Sixteen and twenty-four labels.
typealias Lanes16 = Joined<SIMD8<Float>, SIMD8<Float>>
typealias Lanes24 = Joined<SIMD8<Float>, Lanes16>
