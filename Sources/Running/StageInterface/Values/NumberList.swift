/// Numbers separated by commas: `--scales 0.5,1,1.5`.
public struct NumberList: ExpressibleByArrayLiteral, Sendable, Hashable, CustomStringConvertible {
  public let values: [Double]

  public init(_ values: [Double]) { self.values = values }
  public init(arrayLiteral elements: Double...) { values = elements }

  /// The canonical spelling: `0.5,1.0,1.5`.
  public var description: String { values.map { "\($0)" }.joined(separator: ",") }
}
