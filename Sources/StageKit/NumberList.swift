import ArgumentParser
import Foundation

/// Numbers separated by commas: `--scales 0.5,1,1.5`. At least one; each positive.
public struct NumberList: ExpressibleByArgument, ExpressibleByArrayLiteral, Sendable {
  public let values: [Double]

  public init(arrayLiteral elements: Double...) { values = elements }

  public init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
    guard !numbers.isEmpty, numbers.count == parts.count, numbers.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
    values = numbers
  }

  public var defaultValueDescription: String { values.map { "\($0)" }.joined(separator: ",") }
}
