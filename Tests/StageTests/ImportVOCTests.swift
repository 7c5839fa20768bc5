import Datasets
import Foundation
import Imaging
import LabelMasks
import Testing

extension StageSuites {
  /// The exit codes of `import-voc`; what it finds is tested with the library.
  @Suite(.workshop) struct ImportVOCTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// Two images in VOC's layout, one of train and one of val.
    private func tree(_ name: String) throws -> String {
      for folder in ["JPEGImages", "Annotations", "ImageSets/Segmentation", "SegmentationClass"] {
        try FileManager.default.createDirectory(
          atPath: workshop.path("\(name)/\(folder)"), withIntermediateDirectories: true)
      }
      for (id, split, label) in [("2007_01", "train", "dog"), ("2007_02", "val", "cat")] {
        try RGBImage(width: 6, height: 4, colour: .white).writeJPEG(to: workshop.path("\(name)/JPEGImages/\(id).jpg"))
        try LabelMask(width: 6, height: 4).write(
          to: workshop.path("\(name)/SegmentationClass/\(id).png"), palette: .voc)
        try workshop.write(
          "<annotation><object><name>\(label)</name></object></annotation>\n", to: "\(name)/Annotations/\(id).xml")
        try workshop.write("\(id)\n", to: "\(name)/ImageSets/Segmentation/\(split).txt")
      }
      return name
    }

    @Test func smallDataAreWrittenAndStrictlyRefused() throws {
      let root = try tree("small")
      let strict = try workshop.run("import-voc", ["--root", root, "--out", "o-strict", "--strict", "--quiet"])
      #expect(strict.status == 65)
      #expect(
        strict.output.contains("import-voc: warning: deviation: val: 1 images, published are 1449\n"),
        "\(strict.output)")
      #expect(
        strict.output.hasSuffix("(and 3 more deviations); nothing is written under --strict\n"), "\(strict.output)")
      #expect(!workshop.exists("o-strict"))
      let written = try workshop.run("import-voc", ["--root", root, "--out", "o-small", "--digests"])
      #expect(written.status == 0, "\(written.output)")
      #expect(written.output.contains("missing: ImageSets/Segmentation/test.txt: VOC's evaluation server"))
      let manifest = try Manifest(contentsOf: workshop.path("o-small/manifest.yaml"), dataRoot: workshop.path(root))
      #expect(manifest.items.map(\.labels) == [[12], [8]])
      #expect(try manifest.verifyDigests(masks: true) == 4)
    }

    @Test func checkWritesNothing() throws {
      let root = try tree("checked")
      let good = try workshop.run("import-voc", ["--root", root, "--out", "o-checked", "--check"])
      #expect(good.status == 0)
      #expect(good.output.contains("missing: SegmentationClassAug: "))
      #expect(
        good.output.hasSuffix("would write o-checked/manifest.yaml and o-checked/items.tsv: 2 images\n"),
        "\(good.output)")
      try FileManager.default.removeItem(atPath: workshop.path("checked/Annotations"))
      let bad = try workshop.run("import-voc", ["--root", root, "--out", "o-checked", "--check"])
      #expect(bad.status == 66)
      #expect(bad.output.contains("missing: Annotations: "))
      #expect(bad.output.contains("import-voc: checked: Annotations is missing: VOCtrainval"), "\(bad.output)")
      #expect(!workshop.exists("o-checked"))
    }

    @Test func brokenAnnotation() throws {
      let root = try tree("broken")
      try workshop.write("<annotation><object>", to: "broken/Annotations/2007_01.xml")
      let outcome = try workshop.run("import-voc", ["--root", root, "--out", "o-broken", "--quiet"])
      #expect(outcome.status == 65)
      #expect(
        outcome.output.hasSuffix(
          "import-voc: broken/Annotations/2007_01.xml: line 1: not well-formed XML: the text ends within <object>\n"))
      #expect(!workshop.exists("o-broken"))
    }

    @Test func ownImages() throws {
      let root = try tree("own")
      try workshop.write("id\tlabels\n2007_01\tbeech\n", to: "own.tsv")
      let images = ["--images", "\(root)/JPEGImages", "--labels", "own.tsv", "--out", "o-own", "--quiet"]
      #expect(try workshop.run("import-voc", images) == Programs.Outcome(status: 0, output: ""))
      let manifest = try Manifest(
        contentsOf: workshop.path("o-own/manifest.yaml"), dataRoot: workshop.path("own/JPEGImages"))
      #expect(manifest.classes.names == ["background", "beech"] && manifest.splits == ["train", "unlabelled"])
      try workshop.write("id\tlabels\n2007_01\tbeech\n", to: "items.tsv")
      let over = try workshop.run(
        "import-voc", ["--images", "\(root)/JPEGImages", "--labels", "items.tsv", "--out", "."])
      #expect(
        over.status == 64 && over.output.contains("items.tsv: the manifest's table would take the place"),
        "\(over.output)")
      #expect(try workshop.run("import-voc", ["--out", "o"]).output.contains("give either --root or --images"))
    }
  }
}
