import Foundation
import Foundations

/// What is sent between a program and the process that reads for it: a head of two numbers, and as many bytes as the
/// second says.
struct ReaderMessage {
  /// Requests, each with a `Request`; answers: well; a failure.
  enum Kind: UInt64 { case open, close, names, attributes, group, tensor, bytes, done, failed }

  static let headSize = 16

  /// What is asked for.
  struct Request: Codable {
    /// The number that `open` gave; 0 for `open` itself.
    var file = 0
    /// An item of the file; for `open` its path.
    let item: String
    /// What the data set must have, for `tensor` and `bytes`.
    var shape: [Int] = []
  }

  /// A `Failure`, sent.
  struct Refusal: Codable {
    let kind: Int32
    let message: String
    let file: String?
    let item: String?

    init(_ failure: Failure) {
      (kind, message, file, item) = (failure.kind.rawValue, failure.message, failure.file, failure.item)
    }

    var failure: Failure { Failure(Failure.Kind(rawValue: kind) ?? .data, message, file: file, item: item) }
  }

  static func head(_ kind: Kind, _ number: Int) -> [UInt8] {
    [kind.rawValue, UInt64(number)].flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
  }

  /// Nil where it is no head.
  static func parse(_ head: [UInt8]) -> (kind: Kind, number: Int)? {
    guard head.count == headSize, let kind = Kind(rawValue: littleEndian(head, 0, 8)),
      let number = Int(exactly: littleEndian(head, 8, 8))
    else { return nil }
    return (kind, number)
  }

  static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try [UInt8](encoder.encode(value))
  }

  static func decode<T: Decodable>(_ type: T.Type, _ bytes: [UInt8]) -> T? {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try? decoder.decode(type, from: Data(bytes))
  }
}
