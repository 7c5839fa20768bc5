import Datasets
import Foundation
import Imaging
import LabelMasks
import TestSupport
import Testing

extension StageSuites {
  /// `evaluate` beyond one run over a split with truth masks: shards, and what VOC's server takes.
  @Suite(.workshop) struct EvaluateTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    @Test func mergedShardsEqualTheWhole() throws {
      let whole = try workshop.contents(of: try workshop.output("evaluation"))
      #expect(
        Set(whole.keys) == [
          "evaluation.json", "evaluation.csv", "evaluation.txt", "confusion.csv", "step.json", "step.tsv",
        ])
      for shard in 1...4 {
        // Three images in four shards: one part is empty.
        let outcome = try workshop.run(try workshop.command("evaluation", out: "parts", ["--shard", "\(shard)/4"]))
        #expect(outcome == Programs.Outcome(status: 0, output: ""))
      }
      #expect(try workshop.contents(of: "parts").keys.sorted() == (1...4).map { "part-\($0)-of-4.json" })
      let merge = ["--merge", "parts", "--out", "merged", "--quiet"]
      #expect(try workshop.run("evaluate", merge) == Programs.Outcome(status: 0, output: ""))
      #expect(
        try workshop.contents(of: "merged").filter { !$0.key.hasPrefix("step.") }
          == whole.filter { !$0.key.hasPrefix("step.") })

      try FileManager.default.removeItem(atPath: workshop.path("parts/part-3-of-4.json"))
      #expect(
        try workshop.run("evaluate", merge)
          == Programs.Outcome(
            status: 66, output: "evaluate: parts: is incomplete: part-3-of-4.json of 4 parts missing\n"))
      #expect(try workshop.run("evaluate", ["--out", "merged"]).output.contains("give either --masks or --merge"))
    }

    @Test func aSubmissionHoldsEveryImageOfTheSplit() throws {
      try makeVOC("voc")
      let command = [
        "--manifest", "voc/manifest.yaml", "--quiet", "--masks", "voc/masks", "--submission", "comp6", "--out", "sent",
      ]
      let tree = "sent/results/VOC2012/Segmentation/comp6_test_cls"
      #expect(try workshop.run("evaluate", command + ["--split", "test"]) == Programs.Outcome(status: 0, output: ""))
      #expect(Set(try workshop.contents(of: tree).keys) == ["2008_000001.png", "2008_000002.png"])
      for (id, size) in [("2008_000001", (20, 10)), ("2008_000002", (10, 20))] {
        let (mask, palette, text) = try LabelMask.readAll(contentsOf: workshop.path("\(tree)/\(id).png"))
        #expect(mask == LabelMask(width: size.0, height: size.1, label: 15) && text.isEmpty)
        #expect(palette == .voc)
      }
      #expect(
        try workshop.text("sent/evaluation.txt") == "No image was scored.\n", "the test images' truth is the server's")

      // A split with truth masks is scored too; a second run leaves nothing of the first.
      try workshop.write("old", to: "\(tree)/2007_000001.png")
      #expect(try workshop.run("evaluate", command + ["--split", "test"]).status == 0)
      #expect(!workshop.exists("\(tree)/2007_000001.png"))
      #expect(try workshop.run("evaluate", command + ["--split", "val"]).status == 0)
      #expect(workshop.exists("sent/results/VOC2012/Segmentation/comp6_val_cls/2008_000003.png"))
      #expect(try workshop.text("sent/evaluation.csv").contains("person,100.00,100.00,100.00,200,200\n"))
    }

    @Test func whatTheServerWouldNotTakeIsRefused() throws {
      try makeVOC("wrong")
      let command = [
        "--manifest", "wrong/manifest.yaml", "--quiet", "--split", "test", "--masks", "wrong/masks", "--submission",
        "comp5", "--out", "refused",
      ]
      func expect(_ status: Int32, _ message: String) throws {
        #expect(
          try workshop.run("evaluate", command) == Programs.Outcome(status: status, output: "evaluate: \(message)\n"))
        #expect(try workshop.contents(of: "refused").isEmpty)
      }
      let path = workshop.path("wrong/masks/2008_000002.png")
      try LabelMask(width: 20, height: 10).write(to: path, palette: .voc)
      try expect(
        65,
        "wrong/masks/2008_000002.png: 2008_000002: the mask is 20 x 10, wrong/images/2008_000002.png is 10 x 20; the "
          + "sides are exchanged: does `orientation: apply` or `ignore` in the manifest fit these files?"
      )
      try LabelMask(width: 10, height: 20, label: 255).write(to: path, palette: .voc)
      try expect(65, "2008_000002: the mask leaves pixels void; the server wants a class at each")
      try FileManager.default.removeItem(atPath: path)
      try expect(66, "wrong/masks/2008_000002.png: 2008_000002: there is no mask of this image")
      try LabelMask(width: 10, height: 20).write(to: path, palette: .voc)
      try workshop.edit("wrong/manifest.yaml", "tvmonitor", "television")
      let outcome = try workshop.run("evaluate", command)
      #expect(
        outcome.status == 65
          && outcome.output.hasPrefix("evaluate: --submission: expected the background and VOC's 20 classes"),
        "\(outcome.output)")
    }

    /// Three images with the classes of VOC, two of them without truth; masks that are all person.
    private func makeVOC(_ folder: String) throws {
      let classes = try ClassTable.voc().entries.map { "  - {name: \($0.name), value: \($0.value)}" }
      let header = ["name: tiny-voc", "classes:"] + classes + ["items: items.tsv", "image: images/{id}.png"]
      let rows = [
        "id\tsplit\tlabels\tmask", "2008_000001\ttest\t-\t", "2008_000002\ttest\t-\t",
        "2008_000003\tval\tperson\ttruth/2008_000003.png",
      ]
      for (id, width, height) in [("2008_000001", 20, 10), ("2008_000002", 10, 20), ("2008_000003", 20, 10)] {
        try RGBImage(width: width, height: height, colour: .black).writePNG(
          to: workshop.path("\(folder)/images/\(id).png"))
        try LabelMask(width: width, height: height, label: 15).write(
          to: workshop.path("\(folder)/masks/\(id).png"), palette: .voc)
      }
      try LabelMask(width: 20, height: 10, label: 15).write(
        to: workshop.path("\(folder)/truth/2008_000003.png"), palette: .voc)
      try workshop.write(header.joined(separator: "\n") + "\n", to: "\(folder)/manifest.yaml")
      try workshop.write(rows.joined(separator: "\n") + "\n", to: "\(folder)/items.tsv")
    }
  }
}
