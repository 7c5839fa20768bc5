import Evaluation
import Foundation
import Foundations
import Imaging
import LabelMasks
import TestSupport
import Testing

/// Evaluations from elsewhere: numbers and names that no evaluation has are refused with the file's name, in no time
/// and no memory.
@Suite struct HostileEvaluationTests {
  private static func json(names: [String] = ["background", "a"], counts: String = "1,2,3,4", images: String = "1")
    -> String
  {
    let classes = names.map { #"{"name":"\#($0)","iou":null,"truthPixels":1,"predictedPixels":1}"# }.joined(
      separator: ",")
    return #"{"classes":[\#(classes)],"meanIoU":null,"meanIoUAbsentAsZero":0,"pixelAccuracy":null,"#
      + #""matrix":{"classes":2,"images":\#(images),"counts":[\#(counts)]},"shard":1,"shards":2,"split":"val"}"#
  }

  private func problem(_ json: String) -> String? {
    let failure = #expect(throws: Failure.self) { try EvaluationReport(json: json.utf8, file: "e.json") }
    #expect(failure?.kind == .data)
    return failure?.description
  }

  @Test func numbersOutOfRange() {
    #expect(throws: Never.self) { try EvaluationReport(json: Self.json().utf8) }
    let most = "e.json: expected a confusion matrix of at most 9007199254740992 pixels and images, found more"
    #expect(problem(Self.json(counts: "9223372036854775807,2,3,4")) == most)
    #expect(problem(Self.json(counts: "9223372036854775807,9223372036854775807,9223372036854775807,4")) == most)
    #expect(problem(Self.json(images: "9223372036854775807")) == most)
    #expect(problem(Self.json(counts: "1,2,3,-4"))?.contains("one negative or too few") == true)
    #expect(
      problem(Self.json(counts: "1,2,3,9223372036854775808"))?.hasPrefix("e.json: not an evaluation report: ") == true)
    #expect(problem(Self.json(counts: "1,2,3,1e300"))?.hasPrefix("e.json: not an evaluation report: ") == true)
  }

  @Test func namesThatNoClassHas() {
    #expect(problem(Self.json(names: ["a", "a"])) == "e.json: two classes are called \"a\"")
    #expect(problem(Self.json(names: ["a", ""]))?.contains("class names of 1 to 200 bytes") == true)
    #expect(problem(Self.json(names: ["a", "b\\n"]))?.contains("class names of 1 to 200 bytes in one line") == true)
    let start = ContinuousClock.now
    let huge = problem(Self.json(names: ["a", String(repeating: "x", count: 5_000_000)]))
    #expect(huge?.contains("class names of 1 to 200 bytes") == true && (huge?.utf8.count ?? 0) < 10_000)
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test func sumsOfPartsAreBounded() throws {
    var sum = try EvaluationReport(json: Self.json(counts: "9007199254740000,2,3,4").utf8)
    let failure = #expect(throws: Failure.self) { try sum.merge(sum) }
    #expect(failure?.description == "expected at most 9007199254740992 pixels and images in all, found more")
    #expect(sum.matrix[0, 0] == 9_007_199_254_740_000)
  }

  @Test(arguments: [
    (["part-0-of-0.json"], "/part-0-of-0.json: is not a part: expected part-I-of-N.json with 1 <= I <= N <= 9999"),
    (["part-2-of-1.json"], "/part-2-of-1.json: is not a part: expected part-I-of-N.json with 1 <= I <= N <= 9999"),
    (
      ["part-01-of-1.json"],
      "/part-01-of-1.json: is not a part: expected part-I-of-N.json with 1 <= I <= N <= 9999"
    ),
    (["part-1-of-99999999999999999999.json"], "is not a part: expected part-I-of-N.json with 1 <= I <= N <= 9999"),
    (
      ["part-1-of-1000000000000.json"],
      "/part-1-of-1000000000000.json: is not a part: expected part-I-of-N.json with 1 <= I <= N <= 9999"
    ),
    (
      ["part-1-of-9999.json"],
      ": is incomplete: part-2-of-9999.json, part-3-of-9999.json, part-4-of-9999.json, part-5-of-9999.json, "
        + "part-6-of-9999.json and 9993 more of 9999 parts missing"
    ),
    (
      ["part-1-of-2.json", "part-1-of-3.json"],
      "holds parts of more than one set (of 2 and of 3); remove the old one"
    ),
  ])
  func namesOfParts(names: [String], message: String) throws {
    let folder = try TemporaryFolder()
    for name in names { try AtomicFile.write(Self.json(), to: folder.file(name)) }
    let start = ContinuousClock.now
    let failure = #expect(throws: Failure.self) { try EvaluationPart.all(in: folder.path) }
    #expect(failure?.description.hasSuffix(message) == true, "\(failure?.description ?? "")")
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test func classesLeftOutOfTheMeanAreNamed() throws {
    var matrix = ConfusionMatrix(classes: 3)
    try matrix.add(
      truth: LabelMask(width: 2, height: 1, labels: [0, 255]),
      prediction: LabelMask(width: 2, height: 1, labels: [0, 1]))
    let names = ["background", "a", "b"]
    #expect(
      try EvaluationReport(names: names, matrix: matrix).leftOut == [
        "classes a, b are left out of the mean: no pixel of truth or masks shows them"
      ])
    try matrix.add(
      truth: LabelMask(width: 1, height: 1, label: 0), prediction: LabelMask(width: 1, height: 1, label: 1))
    #expect(
      try EvaluationReport(names: names, matrix: matrix).leftOut == [
        "class b is left out of the mean: no pixel of truth or masks shows it"
      ])
    #expect(try EvaluationReport(names: names, matrix: ConfusionMatrix(classes: 3)).leftOut == [])
  }

  /// Damaged evaluations are read or refused with `Failure(.data)`, never worse.
  @Test func damagedEvaluationsDoNoHarm() throws {
    let good = Array(Self.json(names: ["background", "traffic light"], counts: "100,2,3,4000", images: "12").utf8)
    var refused = 0
    for index in 0..<5_000 {
      var mutations = Mutations("evaluation", index)
      let bytes = mutations.mutated(good)
      do {
        let report = try EvaluationReport(json: bytes, file: "e")
        _ = (report.text, report.csv, report.leftOut)
        _ = try EvaluationPart(json: bytes)
      } catch let failure as Failure {
        #expect(failure.kind == .data, "input \(index): \(failure)")
        refused += 1
      }
    }
    #expect(refused > 2_000 && refused < 5_000)
  }
}
