import Evaluation
import Foundation
import Foundations
import Imaging
import LabelMasks
import Testing

private func mask(_ labels: [UInt8]) -> LabelMask { LabelMask(width: labels.count, height: 1, labels: labels) }

private func matrix(classes: Int, truth: [UInt8], prediction: [UInt8]) throws -> ConfusionMatrix {
  var result = ConfusionMatrix(classes: classes)
  try result.add(truth: mask(truth), prediction: mask(prediction))
  return result
}

/// Four classes: 0 and 1 occur in both, 2 only in predictions, 3 nowhere. Two void pixels, one of them predicted as
/// nonsense.
private let truth: [UInt8] = [0, 0, 0, 0, 1, 1, 1, 0, 255, 255]
private let prediction: [UInt8] = [0, 0, 0, 1, 1, 1, 2, 0, 1, 77]

@Suite struct CountingPixels {
  @Test func rowsAreTruthAndVoidIsLeftOut() throws {
    let result = try matrix(classes: 4, truth: truth, prediction: prediction)
    #expect(result.counts == [4, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(result.total == 8 && result.images == 1)
    #expect(result[0, 1] == 1 && result[1, 0] == 0)
  }

  @Test func anotherVoidValue() throws {
    var result = ConfusionMatrix(classes: 2)
    try result.add(truth: mask([0, 1, 0]), prediction: mask([0, 1, 1]), void: 0)
    #expect(result.counts == [0, 0, 0, 1])
  }

  @Test func partsAddUpToTheWhole() throws {
    let other: [UInt8] = [3, 2, 1, 0, 1, 0, 1, 2, 0, 0]
    let whole = try matrix(classes: 4, truth: truth + truth, prediction: prediction + other)
    let parts = [
      try matrix(classes: 4, truth: truth, prediction: prediction),
      try matrix(classes: 4, truth: truth, prediction: other),
    ]
    let merged = try #require(try ConfusionMatrix.merged(parts))
    #expect(merged.counts == whole.counts)
    #expect(merged.images == 2)
    #expect(try ConfusionMatrix.merged([]) == nil)
  }

  @Test func groupsOfPixelsCountAsSinglePixelsDo() throws {
    // Runs of all lengths around the eight pixels that are counted together, at every offset.
    var generator = SeededGenerator(seed: 4, "runs")
    for size in [1, 7, 8, 9, 64, 1000, 4001] {
      var masks: [[UInt8]] = [[], []]
      for m in 0..<2 {
        while masks[m].count < size {
          let label = UInt8(generator.integer(0...3))
          masks[m] += [UInt8](repeating: label == 3 && m == 0 ? 255 : min(label, 2), count: generator.integer(1...30))
        }
        masks[m] = Array(masks[m].prefix(size))
      }
      var expected = [Int](repeating: 0, count: 9)
      for (t, p) in zip(masks[0], masks[1]) where t != 255 { expected[Int(t) * 3 + Int(p)] += 1 }
      #expect(try matrix(classes: 3, truth: masks[0], prediction: masks[1]).counts == expected)
    }
  }

  @Test func wrongSizesAreTold() {
    var result = ConfusionMatrix(classes: 2)
    let failure = #expect(throws: Failure.self) {
      try result.add(
        truth: LabelMask(width: 366, height: 500), prediction: LabelMask(width: 375, height: 500), item: "2007_000032",
        names: ("t.png", "p.png"))
    }
    #expect(failure?.description == "2007_000032: p.png is 375 x 500, t.png is 366 x 500")
    #expect(failure?.kind == .data)
  }

  @Test func labelsOutOfRangeAreToldAndAddNothing() throws {
    var result = ConfusionMatrix(classes: 2)
    let wrongTruth = #expect(throws: Failure.self) {
      try result.add(truth: mask([0, 1, 2]), prediction: mask([0, 0, 0]))
    }
    #expect(wrongTruth?.description == "truth: expected class indices 0...1 or void 255, found 2 at (2, 0)")
    let two = LabelMask(width: 2, height: 2, labels: [255, 0, 0, 0])
    let wrong = LabelMask(width: 2, height: 2, labels: [9, 0, 9, 0])
    let wrongPrediction = #expect(throws: Failure.self) { try result.add(truth: two, prediction: wrong, item: "a") }
    #expect(wrongPrediction?.description == "a: prediction: expected class indices 0...1, found 9 at (0, 1)")
    let undecided = #expect(throws: Failure.self) { try result.add(truth: mask([0]), prediction: mask([255])) }
    #expect(undecided?.description == "prediction: expected class indices 0...1, found 255 at (0, 0)")
    #expect(result == ConfusionMatrix(classes: 2))
  }
}

@Suite struct Scores {
  @Test func byHand() throws {
    let result = try matrix(classes: 4, truth: truth, prediction: prediction)
    let scores: [Double?] = [0.8, 0.5, 0, nil]
    #expect(result.intersectionOverUnion == scores)
    let sum = 0.8 + 0.5
    #expect(result.meanIntersectionOverUnion == sum / 3)
    #expect(result.meanIntersectionOverUnionWithAbsentAsZero == sum / 4)
    #expect(result.pixelAccuracy == 0.75)
  }

  @Test func nothingCounted() throws {
    let empty = try matrix(classes: 2, truth: [255], prediction: [0])
    #expect(empty.intersectionOverUnion == [nil, nil])
    #expect(empty.meanIntersectionOverUnion == nil)
    #expect(empty.pixelAccuracy == nil)
    #expect(empty.meanIntersectionOverUnionWithAbsentAsZero == 0)
  }

  @Test func codableRoundTripAndRefusal() throws {
    let result = try matrix(classes: 4, truth: truth, prediction: prediction)
    #expect(try JSONDecoder().decode(ConfusionMatrix.self, from: JSONEncoder().encode(result)) == result)
    for wrong in [#"{"classes":2,"images":1,"counts":[1,2,3]}"#, #"{"classes":1,"images":1,"counts":[-1]}"#] {
      #expect(throws: Failure.self) { try JSONDecoder().decode(ConfusionMatrix.self, from: Data(wrong.utf8)) }
    }
  }
}

@Suite struct Reports {
  private let report: EvaluationReport

  init() throws {
    report = try EvaluationReport(
      names: ["background", "cat", "dog", "a, b"], matrix: matrix(classes: 4, truth: truth, prediction: prediction))
  }

  @Test func textIsAligned() {
    #expect(
      report.text == """
        class       IoU %  precision %  recall %  truth px  predicted px
        ----------  -----  -----------  --------  --------  ------------
        background  80.00       100.00     80.00         5             4
        cat         50.00        66.67     66.67         3             3
        dog          0.00         0.00         -         0             1
        a, b            -            -         -         0             0

        mIoU over 3 classes that occur: 43.33 %
        mIoU over 4 classes, absent as 0: 32.50 %
        absent: a, b
        pixel accuracy: 75.00 %, 8 pixels of 1 images

        truth \\ prediction, %     0     1     2  3
        ---------------------  ----  ----  ----  -
        0 background           80.0  20.0     .  .
        1 cat                     .  66.7  33.3  .
        2 dog                     -     -     -  -
        3 a, b                    -     -     -  -

        """)
  }

  @Test func csvQuotes() {
    #expect(report.csv.split(separator: "\n").suffix(2) == ["\"a, b\",-,-,-,0,0", "mean,43.33,-,-,8,8"])
    #expect(
      report.confusionTable.csv == """
        truth \\ prediction,background,cat,dog,"a, b"
        background,4,1,0,0
        cat,0,2,1,0
        dog,0,0,0,0
        "a, b",0,0,0,0

        """)
    var table = TextTable(header: ["a", "b"])
    table.add(["x\"y", "1|2"])
    #expect(table.csv == "a,b\n\"x\"\"y\",1|2\n")
    #expect(table.markdown == "| a | b |\n| :-- | --: |\n| x\"y | 1\\|2 |\n")
  }

  @Test func jsonRoundTrip() throws {
    let json = try report.json()
    #expect(json.contains("\"iou\" : null"))
    #expect(try report.json() == json)
    #expect(try EvaluationReport(json: Array(json.utf8)) == report)
    let failure = #expect(throws: Failure.self) { try EvaluationReport(json: Array("{}".utf8), file: "r.json") }
    #expect(failure?.description.hasPrefix("r.json: not an evaluation report: no \"") == true)
  }

  @Test func namesMustFit() {
    #expect(throws: Failure.self) { try EvaluationReport(names: ["a"], matrix: ConfusionMatrix(classes: 2)) }
  }
}
