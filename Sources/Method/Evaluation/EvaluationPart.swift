import Foundation
import Foundations

/// The scores of one shard of a split, as `evaluate --shard` leaves them. All parts of a split add up to exactly what
/// the whole gives.
public struct EvaluationPart: Sendable, Equatable {
  /// From 1 to `shards`.
  public let shard: Int
  public let shards: Int
  public let split: String
  public let report: EvaluationReport

  /// Precondition: a shard from 1 to `shards`.
  public init(shard: Int, shards: Int, split: String, report: EvaluationReport) {
    precondition(shards >= 1 && (1...shards).contains(shard), "shard \(shard) of \(shards)")
    self.shard = shard
    self.shards = shards
    self.split = split
    self.report = report
  }

  /// `part-2-of-3.json`.
  public var fileName: String { Self.fileName(shard: shard, shards: shards) }

  private static func fileName(shard: Int, shards: Int) -> String { "part-\(shard)-of-\(shards).json" }

  /// The parts that a folder holds, by their number. Throws a `Failure` where it holds none or two divisions, where one
  /// is missing, or where one is damaged.
  public static func all(in folder: String) throws -> [EvaluationPart] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw Failure(.noInput, "no such folder of parts", file: folder)
    }
    let shards = try division(of: names, in: folder)
    return try (1...shards).map { shard in
      let path = "\(folder)/\(fileName(shard: shard, shards: shards))"
      let bytes = try InputFile.bytes(of: path, what: "part", limit: EvaluationReport.sizeLimit)
      let part = try EvaluationPart(json: bytes, file: path)
      guard part.shard == shard, part.shards == shards else {
        throw Failure(.data, "says that it is part \(part.shard) of \(part.shards)", file: path)
      }
      return part
    }
  }

  /// The number of shards whose parts are all among the files of a folder. Whatever the names say, no more is counted
  /// through than there are files.
  private static func division(of names: [String], in folder: String) throws -> Int {
    let parts = try names.sorted().compactMap { name -> (shard: Int, shards: Int)? in
      guard let match = name.wholeMatch(of: /part-([0-9]+)-of-([0-9]+)\.json/) else { return nil }
      guard let shard = Int(match.output.1), let shards = Int(match.output.2), shard >= 1, shard <= shards,
        name == fileName(shard: shard, shards: shards)
      else {
        throw Failure(
          .data, "is no part of a division: expected part-I-of-N.json with I from 1 to N", file: "\(folder)/\(name)")
      }
      return (shard, shards)
    }
    guard let shards = parts.first?.shards else {
      throw Failure(.noInput, "holds no parts (part-I-of-N.json)", file: folder)
    }
    let divisions = Set(parts.map(\.shards))
    guard divisions.count == 1 else {
      let list = divisions.sorted().map(String.init).joined(separator: " and of ")
      throw Failure(.data, "holds parts of more than one division (of \(list)); remove the old one", file: folder)
    }
    guard parts.count == shards else {
      let found = Set(parts.map(\.shard))
      let first = (1...shards).lazy.filter { !found.contains($0) }.prefix(5).map { fileName(shard: $0, shards: shards) }
      let rest = shards - parts.count - first.count
      let list = Array(first).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
      throw Failure(.noInput, "is incomplete: \(list) missing", file: folder)
    }
    return shards
  }

  /// Removes from a folder the parts of a division into another number of shards.
  public static func removeOtherDivisions(than shards: Int, in folder: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard name.wholeMatch(of: /part-[0-9]+-of-[0-9]+\.json/) != nil, !name.hasSuffix("-of-\(shards).json") else {
        continue
      }
      try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
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
      of: Content(part: Head(shard: shard, shards: shards, split: split), report: report.content))
  }

  /// Reads what `json()` wrote. Throws a `Failure` that names `file`.
  public init(json: some Sequence<UInt8>, file: String? = nil) throws {
    let data = Data(json)
    let head = try EvaluationReport.decoded(Head.self, from: data, file: file)
    guard head.shards >= 1, (1...head.shards).contains(head.shard) else {
      throw Failure(.data, "part \(head.shard) of \(head.shards)", file: file)
    }
    self.init(
      shard: head.shard, shards: head.shards, split: head.split, report: try EvaluationReport(json: data, file: file))
  }
}
