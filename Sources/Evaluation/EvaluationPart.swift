import Foundation
import Foundations

/// The scores of one shard of a split, as `evaluate --shard` leaves them. All parts of a split add up to exactly what the whole gives.
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

  /// The parts that a folder holds, by their number. Throws a `Failure` where it holds none or two divisions, where one is missing, or where
  /// one is damaged.
  public static func all(in folder: String) throws -> [EvaluationPart] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { throw Failure(.noInput, "no such folder of parts", file: folder) }
    let found = names.compactMap { name in name.wholeMatch(of: /part-[0-9]+-of-([0-9]+)\.json/).flatMap { Int($0.output.1) } }
    guard let shards = found.first else { throw Failure(.noInput, "holds no parts (part-I-of-N.json)", file: folder) }
    guard Set(found).count == 1 else {
      let divisions = Set(found).sorted().map(String.init).joined(separator: " and of ")
      throw Failure(.data, "holds parts of more than one division (of \(divisions)); remove the old one", file: folder)
    }
    let missing = found.count >= shards ? [] : (1...shards).map { fileName(shard: $0, shards: shards) }.filter { !names.contains($0) }
    guard missing.isEmpty else {
      let list = missing.prefix(5).joined(separator: ", ") + (missing.count > 5 ? " and \(missing.count - 5) more" : "")
      throw Failure(.noInput, "is incomplete: \(list) missing", file: folder)
    }
    return try (1...shards).map { shard in
      let path = "\(folder)/\(fileName(shard: shard, shards: shards))"
      guard let data = FileManager.default.contents(atPath: path) else { throw Failure(.noInput, "no such part, or it cannot be read", file: path) }
      let part = try EvaluationPart(json: data, file: path)
      guard part.shard == shard, part.shards == shards else {
        throw Failure(.data, "says that it is part \(part.shard) of \(part.shards)", file: path)
      }
      return part
    }
  }

  /// Removes from a folder the parts of a division into another number of shards.
  public static func removeOtherDivisions(than shards: Int, in folder: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard name.wholeMatch(of: /part-[0-9]+-of-[0-9]+\.json/) != nil, !name.hasSuffix("-of-\(shards).json") else { continue }
      try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
    }
  }

  /// The report of the whole split. Throws a `Failure` naming the part that was made of other masks, classes or options than the first.
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
    try EvaluationReport.text(of: Content(part: Head(shard: shard, shards: shards, split: split), report: report.content))
  }

  /// Reads what `json()` wrote. Throws a `Failure` that names `file`.
  public init(json: some Sequence<UInt8>, file: String? = nil) throws {
    let data = Data(json)
    let head = try EvaluationReport.decoded(Head.self, from: data, file: file)
    guard head.shards >= 1, (1...head.shards).contains(head.shard) else {
      throw Failure(.data, "part \(head.shard) of \(head.shards)", file: file)
    }
    self.init(shard: head.shard, shards: head.shards, split: head.split, report: try EvaluationReport(json: data, file: file))
  }
}
