/// What the value of an option may be: its type with the range that goes with it.
///
/// Command lines, pipeline files and documents all go by this one statement. `canonical` is the check.
public enum ValueKind: Sendable, Hashable {
  case integer(IntegerRange)
  case number(NumberRange)
  /// At least one number, separated by commas.
  case numbers(NumberRange)
  /// `--NAME` or `--no-NAME`; in a pipeline file `true` or `false`.
  case flag
  case choice([String])
  case text
  /// An amount of memory such as `12G`.
  case memory
  case path
  /// `NAME=PATH`; the option may be given several times.
  case namedPath
  /// `I/N`, the I-th of N parts.
  case shard
}

/// Whole numbers that an option takes: `1 to 100`, `0, or 16 to 8192`, `32 to 4096, a multiple of 8`.
public struct IntegerRange: Sendable, Hashable, CustomStringConvertible {
  public let bounds: ClosedRange<Int>
  public let factor: Int
  /// One further number with a meaning of its own.
  public let exception: Int?

  public init(_ bounds: ClosedRange<Int>, multipleOf factor: Int = 1, or exception: Int? = nil) {
    self.bounds = bounds
    self.factor = factor
    self.exception = exception
  }

  public func contains(_ value: Int) -> Bool {
    value == exception || bounds.contains(value) && value % factor == 0
  }

  public var description: String {
    let end =
      bounds.upperBound == .max ? "\(bounds.lowerBound) or more" : "\(bounds.lowerBound) to \(bounds.upperBound)"
    return (exception.map { "\($0), or " } ?? "") + end + (factor == 1 ? "" : ", a multiple of \(factor)")
  }

  /// For messages: `a whole number from 1 to 100`.
  var expectation: String {
    let end =
      bounds.upperBound == .max ? "\(bounds.lowerBound) or more" : "from \(bounds.lowerBound) to \(bounds.upperBound)"
    let own = factor == 1 ? "a whole number \(end)" : "a multiple of \(factor) \(end)"
    return (exception.map { "\($0), or " } ?? "") + own
  }
}

/// Numbers that an option takes: `0 to 64`, `above 0, to 1024`, `-1, or 0 to 1`. Never infinite, never not-a-number.
public struct NumberRange: Sendable, Hashable, CustomStringConvertible {
  public let bounds: ClosedRange<Double>
  /// Whether the lower bound itself is left out.
  public let isAboveLower: Bool
  /// Whether the upper bound itself is left out.
  public let isBelowUpper: Bool
  /// One further number with a meaning of its own.
  public let exception: Double?

  public init(_ bounds: ClosedRange<Double>, or exception: Double? = nil) {
    self.init(bounds, isAboveLower: false, isBelowUpper: false, exception: exception)
  }

  /// Everything above `lower`, up to and with `upper`; without one, every finite number above.
  public init(above lower: Double, to upper: Double = .greatestFiniteMagnitude, or exception: Double? = nil) {
    self.init(lower...upper, isAboveLower: true, isBelowUpper: false, exception: exception)
  }

  /// Everything from `bounds.lowerBound` on that is less than its upper bound.
  public init(_ bounds: Range<Double>) {
    self.init(bounds.lowerBound...bounds.upperBound, isAboveLower: false, isBelowUpper: true, exception: nil)
  }

  private init(_ bounds: ClosedRange<Double>, isAboveLower: Bool, isBelowUpper: Bool, exception: Double?) {
    self.bounds = bounds
    self.isAboveLower = isAboveLower
    self.isBelowUpper = isBelowUpper
    self.exception = exception
  }

  private var hasNoUpper: Bool { bounds.upperBound == .greatestFiniteMagnitude }

  public func contains(_ value: Double) -> Bool {
    if value == exception { return true }
    return bounds.contains(value) && !(isAboveLower && value == bounds.lowerBound)
      && !(isBelowUpper && value == bounds.upperBound)
  }

  public var description: String {
    let (lower, upper) = (plain(bounds.lowerBound), plain(bounds.upperBound))
    let own =
      switch (isAboveLower, isBelowUpper) {
      case (false, false): "\(lower) to \(upper)"
      case (true, false): hasNoUpper ? "above \(lower)" : "above \(lower), to \(upper)"
      default: "\(lower) to below \(upper)"
      }
    return (exception.map { "\(plain($0)), or " } ?? "") + own
  }

  /// For messages: `a number from 0 to 64`.
  var expectation: String {
    let (lower, upper) = (plain(bounds.lowerBound), plain(bounds.upperBound))
    let own =
      switch (isAboveLower, isBelowUpper) {
      case (false, false): "a number from \(lower) to \(upper)"
      case (true, false): "a number above \(lower)" + (hasNoUpper ? "" : ", at most \(upper)")
      default: "a number from \(lower), below \(upper)"
      }
    return (exception.map { "\(plain($0)), or " } ?? "") + own
  }
}

/// A value that its option does not take, told as `expected EXPECTED, found FOUND`.
public struct WrongValue: Error, Hashable, Sendable, CustomStringConvertible {
  public let expected: String
  public let found: String

  public init(expected: String, found: String) {
    self.expected = expected
    self.found = found
  }

  public var description: String { "expected \(expected), found \(found)" }
}

extension ValueKind {
  /// The value of `text` in the one spelling that digests, stamps and provenance use: `0.10` and `1e-1` both give
  /// `0.1`, `1, 0.50` gives `1.0,0.5`, `12G` gives the number of bytes.
  ///
  /// - Throws: `WrongValue` where the option does not take it.
  public func canonical(_ text: String) throws -> String {
    switch self {
    case .integer(let range): "\(try Self.integer(text, in: range))"
    case .number(let range): "\(try Self.number(text, in: range))"
    case .numbers(let range): try Self.numbers(text, in: range).map { "\($0)" }.joined(separator: ",")
    case .flag: try Self.require(text == "true" || text == "false", "true or false", text)
    case .choice(let choices):
      try Self.require(choices.contains(text), "one of \(choices.joined(separator: ", "))", text)
    case .memory: "\(try Self.value(MemorySize(argument: text), "an amount of memory such as 12G", text).bytes)"
    case .shard: "\(try Self.value(Shard(argument: text), "I/N with 1 <= I <= N", text))"
    case .namedPath: "\(try Self.value(NamedPath(argument: text), "NAME=PATH", text))"
    case .text: text
    case .path: try Self.require(!text.isEmpty, "a path", text)
    }
  }

  /// What the value stands for in a line of usage: `--epochs <N>`.
  var placeholder: String {
    switch self {
    case .integer: "N"
    case .number: "X"
    case .numbers: "X,X,..."
    case .flag: ""
    case .choice: "CHOICE"
    case .text: "TEXT"
    case .memory: "SIZE"
    case .path: "PATH"
    case .namedPath: "NAME=PATH"
    case .shard: "I/N"
    }
  }

  /// Type and range for readers of documents: `whole number, 1 to 100`.
  public var description: String {
    switch self {
    case .integer(let range): "whole number, \(range)"
    case .number(let range): "number, \(range)"
    case .numbers(let range): "list of numbers, \(range) each"
    case .flag: "flag"
    case .choice(let choices): choices.joined(separator: ", ")
    case .text: "text"
    case .memory: "amount of memory, such as 12G"
    case .path: "path"
    case .namedPath: "NAME=PATH, repeated"
    case .shard: "I/N"
    }
  }

  static func integer(_ text: String, in range: IntegerRange) throws -> Int {
    guard let value = Int(text) else { throw WrongValue(expected: "a whole number", found: "\"\(text)\"") }
    guard range.contains(value) else { throw WrongValue(expected: range.expectation, found: "\(value)") }
    return value
  }

  static func number(_ text: String, in range: NumberRange) throws -> Double {
    guard let value = Double(text), value.isFinite else { throw WrongValue(expected: "a number", found: "\"\(text)\"") }
    guard range.contains(value) else { throw WrongValue(expected: range.expectation, found: text) }
    // A negative zero is the same number as zero and must not be another spelling.
    return value + 0
  }

  static func numbers(_ text: String, in range: NumberRange) throws -> [Double] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map {
      try number(String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()), in: range)
    }
  }

  private static func require(_ condition: Bool, _ expected: String, _ text: String) throws -> String {
    guard condition else { throw WrongValue(expected: expected, found: "\"\(text)\"") }
    return text
  }

  private static func value<Value>(_ value: Value?, _ expected: String, _ text: String) throws -> Value {
    guard let value else { throw WrongValue(expected: expected, found: "\"\(text)\"") }
    return value
  }
}

/// A number as people write it: without a fraction of zero.
public func plain(_ value: Double) -> String {
  let text = "\(value)"
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
