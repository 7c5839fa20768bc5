import Foundation
import Imaging
import LabelMasks
import TestSupport
import Testing

extension StageSuites {
  /// pipelines/voc2012*.yaml, wired as they are shipped, on nine tiny images in VOC's layout and networks as small as
  /// they get.
  @Suite struct VOCPipelineTests {
    private let folder: TemporaryFolder
    private static let shipped =
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path + "/pipelines"

    init() throws {
      folder = try TemporaryFolder()
      try makeTree()
    }

    /// Six images of train_aug, of which two are VOC's own, and three of val: a square of one class on grey.
    private func makeTree() throws {
      let classes: [(name: String, value: UInt8)] = [("cat", 8), ("dog", 12), ("sheep", 17)]
      for part in ["JPEGImages", "Annotations", "ImageSets/Segmentation", "SegmentationClass", "SegmentationClassAug"] {
        try FileManager.default.createDirectory(
          atPath: folder.file("VOC2012/\(part)"), withIntermediateDirectories: true)
      }
      let ids = (1...9).map { "2008_00000\($0)" }
      for (index, id) in ids.enumerated() {
        let (name, value) = classes[index % 3]
        let (x, y) = (8 + 4 * (index % 5), 6 + 2 * index)
        var image = RGBImage(width: 64, height: 48, colour: RGB(UInt8(90 + 10 * index), 120, 110))
        image.fill(x: x, y: y, width: 24, height: 20, colour: RGB(value * 13, 240 - value * 10, 40))
        try image.writeJPEG(to: folder.file("VOC2012/JPEGImages/\(id).jpg"))
        var labels = [UInt8](repeating: 0, count: 64 * 48)
        for row in y..<y + 20 { for column in x..<x + 24 { labels[row * 64 + column] = value } }
        let mask = LabelMask(width: 64, height: 48, labels: labels)
        for part in ["SegmentationClassAug"] + ([0, 1, 6, 7, 8].contains(index) ? ["SegmentationClass"] : []) {
          try mask.write(to: folder.file("VOC2012/\(part)/\(id).png"), palette: .voc)
        }
        try write(
          "<annotation><object><name>\(name)</name></object></annotation>\n", to: "VOC2012/Annotations/\(id).xml")
      }
      try write(ids[0..<2].joined(separator: "\n") + "\n", to: "VOC2012/ImageSets/Segmentation/train.txt")
      try write(ids[6...].joined(separator: "\n") + "\n", to: "VOC2012/ImageSets/Segmentation/val.txt")
    }

    private func write(_ text: String, to name: String) throws {
      try text.write(toFile: folder.file(name), atomically: true, encoding: .utf8)
    }

    /// Copies a shipped file with sizes made small and `replacements` done, each of which must occur.
    private func shrink(_ name: String, _ replacements: [(String, String)]) throws {
      var text = try String(contentsOfFile: "\(Self.shipped)/\(name).yaml", encoding: .utf8)
      let patterns = [
        ("epochs: \\d+", "epochs: 1"), ("\\bbatch: \\d+", "batch: 3"), ("crop: \\d+", "crop: 48"),
        ("resize-min: \\d+", "resize-min: 48"),
        ("resize-max: \\d+", "resize-max: 64"), ("shards: \\d+", "shards: 2"), ("images: \\d+", "images: 2"),
        ("scales: \\[[^\\]]*\\]", "scales: [1]"),
        ("threads: 0", "threads: 1"),
        (
          "split: train_aug, ",
          "split: train_aug, epochs: 1, batch: 3, crop: 48, resize-min: 48, resize-max: 64, head-dilation: 2, "
        ),
      ]
      for (pattern, replacement) in patterns {
        text = text.replacingOccurrences(of: pattern, with: replacement, options: .regularExpression)
      }
      for (old, new) in replacements {
        try #require(text.contains(old), "\(name) lacks \(old)")
        text = text.replacingOccurrences(of: old, with: new)
      }
      try write(text, to: "\(name).yaml")
    }

    /// Runs make on a pipeline; the steps that ran, each once, and what was said.
    @discardableResult
    private func make(_ name: String, _ goals: [String] = []) throws -> (steps: Set<String>, output: String) {
      let rules = try Programs.run(
        "pipeline",
        ["rules", "\(name).yaml", "--set", "DATA=VOC2012", "--programs", Programs.folder]
          + goals.flatMap { ["--goal", $0] }, in: folder.path)
      try #require(rules.status == 0, "\(rules.output)")
      let made = try Programs.run("/usr/bin/env", ["make", "-f", "runs/\(name)/rules.mk"] + goals, in: folder.path)
      try #require(made.status == 0, "\(made.output)")
      return (Programs.steps(in: made.output), made.output)
    }

    private func rows(_ table: String) throws -> [String] {
      let lines = try String(contentsOfFile: folder.file("runs/\(table)/table.csv"), encoding: .utf8).split(
        separator: "\n"
      ).dropFirst()
      return lines.map { String($0.prefix { $0 != "," }).replacingOccurrences(of: "\"", with: "") }
    }

    @Test func theShippedPipelinesRunOnATreeInTheLayoutOfVOC() throws {
      let imagenet = "voc2012-from-imagenet"
      try shrink(
        imagenet,
        [
          ("  imagenet: {", "  # imagenet: {"), ("inputs: {weights: imagenet}", "inputs: {}"),
          ("{backbone: resnet38,", "{backbone: resnet38, width: 0.0625, depth: 0.1,"),
        ])
      let first = try make(imagenet)
      #expect(first.steps.count == 28, "\(first.steps.sorted())")
      #expect(first.output.contains("Table:    runs/voc2012-from-imagenet/table/table.txt"))
      #expect(
        try rows("\(imagenet)/table") == [
          "PSA (val)", "PSA with CRF (val)", "static SSDD (val)", "static SSDD with CRF (val)", "dynamic SSDD (val)",
          "dynamic SSDD with CRF (val)",
        ])
      #expect(
        try rows("\(imagenet)/seeds") == [
          "CAM (train_aug)", "PSA (train_aug)", "PSA+CRF (train_aug)", "static SSDD (train_aug)",
        ])
      #expect(FileManager.default.fileExists(atPath: folder.file("runs/\(imagenet)/seeds/pictures/train_aug.png")))
      #expect(FileManager.default.fileExists(atPath: folder.file("runs/\(imagenet)/table/pictures/val.png")))
      // A new file in the data's folder is no new data.
      try write("", to: "VOC2012/notes.txt")
      #expect(try make(imagenet).steps.isEmpty)

      let networks = [
        ("  classifier: {", "  # classifier: {"), ("  affinity: {", "  # affinity: {"),
        ("affinity: affinity", "affinity: {path: runs/\(imagenet)/affinity/weights.h5}"),
        ("weights: classifier", "weights: {path: runs/\(imagenet)/classifier/weights.h5}"),
      ]
      try shrink("voc2012", networks)
      #expect(try make("voc2012", ["ssdd"]).steps == ["voc", "psa", "psa-crf", "ddnet", "ssdd"])

      let sweep = "voc2012-crf-sweep"
      try shrink(
        sweep,
        networks + [
          (
            "gaussian-weight: [1, 3, 5], bilateral-weight: [3, 5, 10]",
            "gaussian-weight: [1, 3], bilateral-weight: [10]"
          )
        ])
      #expect(
        try make(sweep, ["ssdd/gaussian-weight-3+bilateral-weight-10"]).steps
          == Set(["voc", "psa"] + ["crf", "ddnet", "ssdd"].map { "\($0)/gaussian-weight-3+bilateral-weight-10" }))
      try make(sweep)
      #expect(
        try rows("\(sweep)/table").map { $0.replacingOccurrences(of: " (gaussian-weight", with: "") } == [
          "PSA", "CRF 1", "CRF 3", "SSDD+CRF 1", "SSDD+CRF 3",
        ])
      #expect(try make(sweep).steps.isEmpty)
    }
  }
}
