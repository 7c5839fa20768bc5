/// The value of an HDF5 attribute. A single value and an array of one are told apart when written, and read alike by
/// the accessors.
public enum AttributeValue: Hashable, Codable, Sendable {
  /// An unsigned 64-bit attribute keeps its bits: `UInt64(bitPattern:)` gives it back.
  case integer(Int64)
  case integers([Int64])
  case double(Double)
  case doubles([Double])
  case string(String)
  case strings([String])

  /// The integers of an integer attribute, single or array; nil for other kinds.
  public var asIntegers: [Int]? {
    switch self {
    case .integer(let value): [Int(value)]
    case .integers(let values): values.map { Int($0) }
    default: nil
    }
  }

  /// The numbers of an integer or floating-point attribute; nil for strings.
  public var asDoubles: [Double]? {
    switch self {
    case .double(let value): [value]
    case .doubles(let values): values
    default: asIntegers?.map { Double($0) }
    }
  }

  /// The strings of a string attribute; nil for other kinds.
  public var asStrings: [String]? {
    switch self {
    case .string(let value): [value]
    case .strings(let values): values
    default: nil
    }
  }

  /// The only integer; nil for other kinds and other counts.
  public var asInteger: Int? { asIntegers.flatMap { $0.count == 1 ? $0[0] : nil } }
  /// The only number; nil for strings and other counts.
  public var asDouble: Double? { asDoubles.flatMap { $0.count == 1 ? $0[0] : nil } }
  /// The only string; nil for other kinds and other counts.
  public var asString: String? { asStrings.flatMap { $0.count == 1 ? $0[0] : nil } }
}

extension AttributeValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral {
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(stringLiteral value: String) { self = .string(value) }
}

extension AttributeValue {
  public init(_ value: Int) { self = .integer(Int64(value)) }
  public init(_ values: [Int]) { self = .integers(values.map { Int64($0) }) }
  public init(_ value: Double) { self = .double(value) }
  public init(_ values: [Double]) { self = .doubles(values) }
  public init(_ value: String) { self = .string(value) }
  public init(_ values: [String]) { self = .strings(values) }
}
