import Foundation
import Foundations
import StepFiles

/// The scores of one shard of a split, as `evaluate --shard` leaves them. All parts of a split add up to exactly what
/// the whole gives.
public struct EvaluationPart: Sendable, Equatable {
  public let part: Part
  public let split: String
  public let report: EvaluationReport

  public init(_ part: Part, split: String, report: EvaluationReport) {
    self.part = part
    self.split = split
    self.report = report
  }

  private static let suffix = ".json"

  /// `part-2-of-3.json`.
  public var fileName: String { part.stem + Self.suffix }

  /// The parts that a folder holds, by their number.
  ///
  /// - Throws: `Failure` where it holds none or two divisions, where one is missing, or where one is damaged.
  public static func all(in folder: String) throws -> [EvaluationPart] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw Failure(.noInput, "no such folder of parts", file: folder)
    }
    guard let parts = try Part.complete(in: names, suffix: suffix, of: folder) else {
      throw Failure(.noInput, "holds no parts (part-I-of-N.json)", file: folder)
    }
    return try parts.map { part in
      let path = "\(folder)/\(part.stem)\(suffix)"
      let bytes = try InputFile.bytes(of: path, what: "part", limit: EvaluationReport.sizeLimit)
      let read = try EvaluationPart(json: bytes, file: path)
      guard read.part == part else {
        throw Failure(.data, "says that it is part \(read.part.index) of \(read.part.count)", file: path)
      }
      return read
    }
  }

  /// The report of the whole split. Throws a `Failure` naming the part that was made of other masks, classes or options
  /// than the first.
  ///
  /// Precondition: at least one part.
  public static func merged(_ parts: [EvaluationPart]) throws -> EvaluationReport {
    precondition(!parts.isEmpty, "no parts to merge")
    var sum = parts[0].report
    for part in parts.dropFirst() {
      guard part.split == parts[0].split else {
        throw Failure(.data, expected: "the split \(parts[0].split)", found: part.split, file: part.fileName)
      }
      do { try sum.merge(part.report) } catch let failure as Failure { throw failure.of(file: part.fileName) }
    }
    return sum
  }
}

extension EvaluationPart {
  private struct Head: Codable {
    let shard: Int
    let shards: Int
    let split: String
  }

  private struct Content: Encodable {
    let part: Head
    let report: EvaluationReport.Content

    /// One object: the head beside the report's members.
    func encode(to encoder: any Encoder) throws {
      try part.encode(to: encoder)
      try report.encode(to: encoder)
    }
  }

  /// The report's JSON with `shard`, `shards` and `split` beside.
  public func json() throws -> String {
    try EvaluationReport.text(
      of: Content(part: Head(shard: part.index, shards: part.count, split: split), report: report.content))
  }

  /// Reads what `json()` wrote. Throws a `Failure` that names `file`.
  public init(json: some Sequence<UInt8>, file: String? = nil) throws {
    let data = Data(json)
    let head = try EvaluationReport.decoded(Head.self, from: data, file: file)
    guard let part = Part(argument: "\(head.shard)/\(head.shards)") else {
      throw Failure(.data, "part \(head.shard) of \(head.shards)", file: file)
    }
    self.init(part, split: head.split, report: try EvaluationReport(json: data, file: file))
  }
}
