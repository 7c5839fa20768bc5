import Foundation
import Foundations

/// The scores of one confusion matrix with the names of its classes, in the forms that files and people want.
public struct EvaluationReport: Sendable, Equatable {
  public let names: [String]
  public private(set) var matrix: ConfusionMatrix
  /// What made it, by key; empty where nothing is told.
  public let provenance: [String: String]

  private static let longestName = 200
  /// A matrix of 255 classes takes about a MiB.
  static let sizeLimit = 16 << 20

  /// Throws a `Failure` where the number of names is not the number of classes, or two are equal, one is empty, over
  /// 200 bytes or has a control character.
  public init(names: [String], matrix: ConfusionMatrix, provenance: [String: String] = [:]) throws {
    guard names.count == matrix.classes else {
      throw Failure(.data, expected: "\(matrix.classes) class names", found: "\(names.count)")
    }
    var seen: Set<String> = []
    for name in names {
      guard !name.isEmpty, name.utf8.count <= Self.longestName,
        !name.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 })
      else {
        throw Failure(
          .data, expected: "class names of 1 to \(Self.longestName) bytes in one line", found: "\"\(name)\"")
      }
      guard seen.insert(name).inserted else { throw Failure(.data, "two classes are called \"\(name)\"") }
    }
    self.names = names
    self.matrix = matrix
    self.provenance = provenance
  }

  /// Adds the counts of another part of the same set. Throws a `Failure` where it is of other classes or was made
  /// otherwise.
  public mutating func merge(_ other: EvaluationReport) throws {
    guard names == other.names else {
      throw Failure(
        .data, expected: "the classes \(names.joined(separator: " "))", found: other.names.joined(separator: " "))
    }
    let keys = Set(provenance.keys).union(other.provenance.keys).sorted()
    if let key = keys.first(where: { provenance[$0] != other.provenance[$0] }) {
      throw Failure(
        .data,
        "was made otherwise: `\(key)` is \(provenance[key] ?? "not told") in the first part and "
          + "\(other.provenance[key] ?? "not told") here"
      )
    }
    try matrix.merge(other.matrix)
  }

  /// One row per class: IoU, precision and recall in per cent, pixels in truth and prediction; `-` where undefined.
  public var classTable: TextTable {
    var table = TextTable(header: ["class", "IoU %", "precision %", "recall %", "truth px", "predicted px"])
    let scores = matrix.intersectionOverUnion
    for (index, name) in names.enumerated() {
      let (hit, truth, predicted) = (
        matrix[index, index], matrix.truthCount(of: index), matrix.predictionCount(of: index)
      )
      table.add([
        name, Self.percent(scores[index]), Self.percent(Self.ratio(hit, predicted)),
        Self.percent(Self.ratio(hit, truth)), "\(truth)",
        "\(predicted)",
      ])
    }
    return table
  }

  /// The matrix itself, in pixels: one row per true class, one column per predicted class.
  public var confusionTable: TextTable {
    var table = TextTable(header: ["truth \\ prediction"] + names)
    for (index, name) in names.enumerated() { table.add([name] + names.indices.map { "\(matrix[index, $0])" }) }
    return table
  }

  /// The matrix in per cent of each true class's pixels, columns by number; a class without pixels has `-`, no pixels
  /// at all `.`.
  private var shareTable: TextTable {
    var table = TextTable(header: ["truth \\ prediction, %"] + names.indices.map { "\($0)" })
    for (index, name) in names.enumerated() {
      let truth = matrix.truthCount(of: index)
      table.add(
        ["\(index) \(name)"]
          + names.indices.map { column in
            let count = matrix[index, column]
            return truth == 0 ? "-" : count == 0 ? "." : String(format: "%.1f", Double(count) * 100 / Double(truth))
          })
    }
    return table
  }

  /// The class table, the summary lines under it, and where the pixels of each class went.
  public var text: String {
    guard matrix.images > 0 else { return "No image was scored.\n" }
    let absent = zip(names, matrix.intersectionOverUnion).filter { $0.1 == nil }.map(\.0)
    var lines = [
      "mIoU over \(names.count - absent.count) classes that occur: \(Self.percent(matrix.meanIntersectionOverUnion)) %"
    ]
    if !absent.isEmpty {
      lines.append(
        "mIoU over \(names.count) classes, absent as 0: "
          + "\(Self.percent(matrix.meanIntersectionOverUnionWithAbsentAsZero)) %"
      )
      lines.append("absent: \(absent.joined(separator: ", "))")
    }
    lines.append(
      "pixel accuracy: \(Self.percent(matrix.pixelAccuracy)) %, \(matrix.total) pixels of \(matrix.images) images")
    return classTable.aligned + "\n" + lines.map { $0 + "\n" }.joined() + "\n" + shareTable.aligned
  }

  /// The classes that the mean is without, as a sentence, if there are any.
  public var leftOut: [String] {
    guard matrix.images > 0 else { return [] }
    let absent = zip(names, matrix.intersectionOverUnion).filter { $0.1 == nil }.map(\.0)
    if absent.isEmpty { return [] }
    let classes = absent.count == 1 ? "class \(absent[0]) is" : "classes \(absent.joined(separator: ", ")) are"
    return ["\(classes) left out of the mean: no pixel of truth or masks shows \(absent.count == 1 ? "it" : "them")"]
  }

  /// The class table as CSV, its last row the mean over the classes that occur and all pixels.
  public var csv: String {
    var table = classTable
    table.add(["mean", Self.percent(matrix.meanIntersectionOverUnion), "-", "-", "\(matrix.total)", "\(matrix.total)"])
    return table.csv
  }

  /// Everything as JSON with sorted keys: scores as fractions (null where undefined), the matrix itself, and what made
  /// it.
  public func json() throws -> String { try Self.text(of: content) }

  var content: Content {
    let scores = matrix.intersectionOverUnion
    return Content(
      classes: names.enumerated().map { index, name in
        Content.Class(
          name: name, iou: scores[index], truthPixels: matrix.truthCount(of: index),
          predictedPixels: matrix.predictionCount(of: index))
      }, meanIoU: matrix.meanIntersectionOverUnion,
      meanIoUAbsentAsZero: matrix.meanIntersectionOverUnionWithAbsentAsZero,
      pixelAccuracy: matrix.pixelAccuracy, matrix: matrix, provenance: provenance.isEmpty ? nil : provenance)
  }

  static func text(of content: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(content), as: UTF8.self) + "\n"
  }

  /// Reads a file that `json()` wrote, of at most 16 MiB. Throws a `Failure` that names it.
  public init(contentsOf path: String) throws {
    try self.init(json: try InputFile.bytes(of: path, what: "evaluation", limit: Self.sizeLimit), file: path)
  }

  /// Reads what `json()` wrote. Throws a `Failure` that names `file`.
  public init(json: some Sequence<UInt8>, file: String? = nil) throws {
    let content = try Self.decoded(Content.self, from: Data(json), file: file)
    do {
      try self.init(names: content.classes.map(\.name), matrix: content.matrix, provenance: content.provenance ?? [:])
    } catch let failure as Failure {
      throw file.map { failure.of(file: $0) } ?? failure
    }
  }

  static func decoded<Value: Decodable>(_ type: Value.Type, from data: Data, file: String?) throws -> Value {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch let failure as Failure {
      throw file.map { failure.of(file: $0) } ?? failure
    } catch {
      throw Failure(.data, "not an evaluation report: \(reason(error))", file: file)
    }
  }

  /// Two decimals, `-` of nil.
  public static func percent(_ fraction: Double?) -> String { fraction.map { String(format: "%.2f", $0 * 100) } ?? "-" }

  private static func ratio(_ a: Int, _ b: Int) -> Double? { b == 0 ? nil : Double(a) / Double(b) }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "no \"\(key.stringValue)\""
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "wrong type at \(context.codingPath.map(\.stringValue).joined(separator: "."))"
    case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
      "a number out of range at \(context.codingPath.map(\.stringValue).joined(separator: "."))"
    default: "not JSON"
    }
  }

  struct Content: Codable {
    struct Class: Codable {
      let name: String
      let iou: Double?
      let truthPixels: Int
      let predictedPixels: Int

      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        // nil is written as null, not left out: the field is there and undefined.
        try container.encode(iou, forKey: .iou)
        try container.encode(truthPixels, forKey: .truthPixels)
        try container.encode(predictedPixels, forKey: .predictedPixels)
      }
    }

    let classes: [Class]
    let meanIoU: Double?
    let meanIoUAbsentAsZero: Double
    let pixelAccuracy: Double?
    let matrix: ConfusionMatrix
    let provenance: [String: String]?

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(classes, forKey: .classes)
      try container.encode(meanIoU, forKey: .meanIoU)
      try container.encode(meanIoUAbsentAsZero, forKey: .meanIoUAbsentAsZero)
      try container.encode(pixelAccuracy, forKey: .pixelAccuracy)
      try container.encode(matrix, forKey: .matrix)
      try container.encodeIfPresent(provenance, forKey: .provenance)
    }
  }
}
