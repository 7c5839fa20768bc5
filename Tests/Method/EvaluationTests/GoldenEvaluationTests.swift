import Evaluation
import Foundation
import Imaging
import LabelMasks
import TestSupport
import Testing

@Suite(.enabled(if: Golden.isAvailable, "\(Golden.absence)")) struct GoldenEvaluation {
  private let golden: GoldenFile

  init() throws { golden = try Golden.open("eval") }

  private func mask(_ name: String) throws -> LabelMask {
    let (shape, labels) = try golden.labels(name)
    return LabelMask(width: shape[1], height: shape[0], labels: labels)
  }

  @Test func countsAndScores() throws {
    let classes = try golden.shape("confusion")[0]
    var total = ConfusionMatrix(classes: classes)
    let pairs = try golden.cases("pairs")
    #expect(!pairs.isEmpty)
    for pair in pairs {
      var one = ConfusionMatrix(classes: classes)
      try one.add(truth: mask("\(pair)/gt"), prediction: mask("\(pair)/pred"))
      #expect(try one.counts == golden.integers("\(pair)/confusion"))
      try total.merge(one)
    }
    #expect(try total.counts == golden.integers("confusion"))
    #expect(try (0..<classes).map { total.union(of: $0) } == golden.integers("union"))
    #expect(try golden.mismatch(total.intersectionOverUnion.map { $0 ?? .nan }, "iou", tolerance: 1e-12) == nil)
    #expect(try abs((total.meanIntersectionOverUnion ?? .nan) - golden.double("miou_over_nonempty_union")) < 1e-12)
    #expect(
      try abs(total.meanIntersectionOverUnionWithAbsentAsZero - golden.double("miou_absent_as_0_over_21")) < 1e-12)
    #expect(try abs((total.pixelAccuracy ?? .nan) - golden.double("pixel_accuracy")) < 1e-12)
    let absent = (0..<classes).filter { total.intersectionOverUnion[$0] == nil }
    #expect(try absent == golden.file.integers("absent_classes"))
  }

  @Test func masksFromFiles() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Golden.path("eval_png")).filter {
      $0.hasPrefix("gt") && $0.hasSuffix(".png")
    }
    #expect(!names.isEmpty)
    for name in names.sorted() {
      let index = name.dropFirst(2).dropLast(4)
      let truth = try LabelMask(contentsOf: Golden.path("eval_png/\(name)"))
      let prediction = try LabelMask(contentsOf: Golden.path("eval_png/pred\(index).png"))
      #expect(try truth == mask("pairs/\(index)/gt"))
      #expect(try prediction == mask("pairs/\(index)/pred"))
    }
  }
}
