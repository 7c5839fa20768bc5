import Foundation
import Foundations

/// The scores of one confusion matrix with the names of its classes, in the forms that files and people want.
public struct EvaluationReport: Sendable, Equatable {
  public let names: [String]
  public let matrix: ConfusionMatrix

  /// Throws a `Failure` where the number of names is not the number of classes.
  public init(names: [String], matrix: ConfusionMatrix) throws {
    guard names.count == matrix.classes else {
      throw Failure(.data, expected: "\(matrix.classes) class names", found: "\(names.count)")
    }
    self.names = names
    self.matrix = matrix
  }

  /// One row a class: IoU, precision and recall in per cent, pixels in truth and prediction; `-` where undefined.
  public var classTable: TextTable {
    var table = TextTable(header: ["class", "IoU %", "precision %", "recall %", "truth px", "predicted px"])
    let scores = matrix.intersectionOverUnion
    for (index, name) in names.enumerated() {
      let (hit, truth, predicted) = (matrix[index, index], matrix.truthCount(of: index), matrix.predictionCount(of: index))
      table.add([
        name, Self.percent(scores[index]), Self.percent(Self.ratio(hit, predicted)), Self.percent(Self.ratio(hit, truth)), "\(truth)",
        "\(predicted)",
      ])
    }
    return table
  }

  /// The class table and the summary lines under it.
  public var text: String {
    let absent = zip(names, matrix.intersectionOverUnion).filter { $0.1 == nil }.map(\.0)
    var lines = [
      "mIoU over \(names.count - absent.count) classes that occur: \(Self.percent(matrix.meanIntersectionOverUnion)) %"
    ]
    if !absent.isEmpty {
      lines.append("mIoU over \(names.count) classes, absent as 0: \(Self.percent(matrix.meanIntersectionOverUnionWithAbsentAsZero)) %")
      lines.append("absent: \(absent.joined(separator: ", "))")
    }
    lines.append("pixel accuracy: \(Self.percent(matrix.pixelAccuracy)) %, \(matrix.total) pixels of \(matrix.images) images")
    return classTable.aligned + "\n" + lines.map { $0 + "\n" }.joined()
  }

  /// The class table as CSV.
  public var csv: String { classTable.csv }

  /// Everything as JSON with sorted keys: scores as fractions (null where undefined) and the matrix itself, so that files merge later.
  public func json() throws -> String {
    let scores = matrix.intersectionOverUnion
    let content = Content(
      classes: names.enumerated().map { index, name in
        Content.Class(
          name: name, iou: scores[index], truthPixels: matrix.truthCount(of: index), predictedPixels: matrix.predictionCount(of: index))
      }, meanIoU: matrix.meanIntersectionOverUnion, meanIoUAbsentAsZero: matrix.meanIntersectionOverUnionWithAbsentAsZero,
      pixelAccuracy: matrix.pixelAccuracy, matrix: matrix)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(content), as: UTF8.self) + "\n"
  }

  /// Reads what `json()` wrote: names and matrix. Throws a `Failure` that names `file`.
  public init(json: some Sequence<UInt8>, file: String? = nil) throws {
    let content: Content
    do {
      content = try JSONDecoder().decode(Content.self, from: Data(json))
    } catch let failure as Failure {
      throw file.map { failure.of(file: $0) } ?? failure
    } catch {
      throw Failure(.data, "not an evaluation report: \(Self.reason(error))", file: file)
    }
    try self.init(names: content.classes.map(\.name), matrix: content.matrix)
  }

  /// Two decimals, `-` of nil.
  public static func percent(_ fraction: Double?) -> String { fraction.map { String(format: "%.2f", $0 * 100) } ?? "-" }

  private static func ratio(_ a: Int, _ b: Int) -> Double? { b == 0 ? nil : Double(a) / Double(b) }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "no \"\(key.stringValue)\""
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "wrong type at \(context.codingPath.map(\.stringValue).joined(separator: "."))"
    default: "not JSON"
    }
  }

  private struct Content: Codable {
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

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(classes, forKey: .classes)
      try container.encode(meanIoU, forKey: .meanIoU)
      try container.encode(meanIoUAbsentAsZero, forKey: .meanIoUAbsentAsZero)
      try container.encode(pixelAccuracy, forKey: .pixelAccuracy)
      try container.encode(matrix, forKey: .matrix)
    }
  }
}
