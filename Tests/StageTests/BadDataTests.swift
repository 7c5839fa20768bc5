import Foundation
import Foundations
import Imaging
import LabelMasks
import Testing

extension StageSuites {
  /// Manifests, images and masks that are wrong: the message names file, item, what was expected and what was found;
  /// earlier outputs stay.
  @Suite(.workshop) struct BadDataTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    // MARK: Manifest

    @Test(arguments: [
      (
        "outside", "id", "a/../../x",
        "the id \"a/../../x\" holds characters other than A-Z a-z 0-9 . _ -; a file of any name can stand in the "
          + "column \"image\""
      ),
      (
        "above", "id", "../x", "the id \"../x\" starts with \".\"; a file of any name can stand in the column \"image\""
      ),
      (
        "shell", "id", "x;touch hacked",
        "the id \"x;touch hacked\" holds characters other than A-Z a-z 0-9 . _ -; a file of any name can stand in the "
          + "column \"image\""
      ),
      (
        "dollar", "id", "$(touch hacked)",
        "the id \"$(touch hacked)\" holds characters other than A-Z a-z 0-9 . _ -; a file of any name can stand in the "
          + "column \"image\""
      ),
      ("option", "id", "-rf", "the id \"-rf\" starts with \"-\"; a file of any name can stand in the column \"image\""),
      (
        "class", "labels", "kite fisch",
        "train-0001 has the unknown class \"fisch\"; did you mean \"fish\"? (classes: beetle, fish, kite, lantern, "
          + "mushroom)"
      ),
    ])
    func wrongRow(name: String, column: String, value: String, message: String) throws {
      let scenes = try workshop.scenes(named: name)
      try workshop.changeCell(column, of: scenes, to: value)
      try workshop.expectFailure(
        "cam", ["--manifest", "\(scenes)/manifest.yaml"], status: 65,
        "cam-infer: \(scenes)/items.tsv: line 3: \(message)")
      #expect(!workshop.exists("hacked"))
    }

    @Test func changedTable() throws {
      let scenes = try workshop.copy("scenes", to: "changed")
      try workshop.changeCell("labels", of: scenes, to: "beetle cup")
      let outcome = try workshop.run(try workshop.command("cam", out: "o", ["--manifest", "\(scenes)/manifest.yaml"]))
      #expect(outcome.status == 65)
      #expect(outcome.output.hasPrefix("cam-infer: changed/items.tsv: expected SHA-256 "), "\(outcome.output)")
    }

    @Test func manifestNamesAMissingImage() throws {
      let scenes = try workshop.scenes(named: "missing")
      try FileManager.default.removeItem(atPath: workshop.path("\(scenes)/images/train-0004.png"))
      try workshop.expectFailure(
        "cam", ["--manifest", "\(scenes)/manifest.yaml"], status: 66,
        "cam-infer: missing/images/train-0004.png: train-0004: the manifest names this image, but there is no such file"
      )
    }

    @Test func manifestNamesAMissingMask() throws {
      let scenes = try workshop.scenes(named: "maskless")
      try FileManager.default.removeItem(atPath: workshop.path("\(scenes)/masks/val-0001.png"))
      try workshop.expectFailure(
        "evaluation", ["--manifest", "\(scenes)/manifest.yaml"], status: 66,
        "evaluate: maskless/masks/val-0001.png: val-0001: the manifest names this truth mask, but there is no such file"
      )
    }

    @Test func noManifest() throws {
      try workshop.expectFailure(
        "cam", ["--manifest", "none.yaml"], status: 66, "cam-infer: none.yaml: there is no such manifest")
    }

    // MARK: Images

    /// The fourth image is cut short: three are done by then, and leave no trace.
    @Test(arguments: ["cam", "cam-train"]) func truncatedJPEG(step: String) throws {
      let scenes = try workshop.scenes(named: "jpeg-\(step)")
      for id in (0..<6).map({ "train-000\($0)" }) {
        let image = try RGBImage(contentsOf: workshop.path("\(scenes)/images/\(id).png"))
        try image.writeJPEG(to: workshop.path("\(scenes)/images/\(id).jpg"))
      }
      try workshop.edit("\(scenes)/manifest.yaml", "images/{id}.png", "images/{id}.jpg")
      try workshop.cutShort("\(scenes)/images/train-0003.jpg")
      let program = step == "cam" ? "cam-infer" : "train-cam"
      try workshop.expectFailure(
        step, ["--manifest", "\(scenes)/manifest.yaml"], status: 65,
        "\(program): \(scenes)/images/train-0003.jpg: train-0003: damaged JPEG: Premature end of JPEG file")
    }

    @Test func anImageThatIsNone() throws {
      let scenes = try workshop.scenes(named: "text")
      try workshop.write("not an image", to: "\(scenes)/images/train-0002.png")
      try workshop.expectFailure(
        "cam", ["--manifest", "\(scenes)/manifest.yaml"], status: 65,
        "cam-infer: text/images/train-0002.png: train-0002: expected a PNG or JPEG image, found neither PNG nor JPEG")
    }

    @Test func anImageOfAnotherSizeThanTheManifestSays() throws {
      let scenes = try workshop.scenes(named: "size")
      try RGBImage(width: 32, height: 40, colour: .white).writePNG(to: workshop.path("\(scenes)/images/train-0002.png"))
      try workshop.expectFailure(
        "cam", ["--manifest", "\(scenes)/manifest.yaml"], status: 65,
        "cam-infer: size/images/train-0002.png: train-0002: the image is 32 x 40, the manifest's row is 64 x 48")
    }

    /// Maps that were made of images of another size.
    @Test func mapsOfAnotherSizeThanTheImage() throws {
      let scenes = try workshop.scenes(named: "resized")
      try workshop.write(
        try workshop.text("\(scenes)/items.tsv").replacingOccurrences(of: "\t64\t48", with: "\t32\t40"),
        to: "\(scenes)/items.tsv")
      for id in (0..<6).map({ "train-000\($0)" }) {
        try RGBImage(width: 32, height: 40, colour: .white).writePNG(to: workshop.path("\(scenes)/images/\(id).png"))
      }
      try workshop.expectFailure(
        "psa-crf", ["--manifest", "\(scenes)/manifest.yaml"], status: 65,
        "crf: psa: train-0000: the probability map is 64 x 48, resized/images/train-0000.png is 32 x 40")
    }

    // MARK: Masks

    @Test func seedMaskOfAnotherSize() throws {
      let seeds = try workshop.copy("ssdd", to: "small-seed")
      try LabelMask(width: 20, height: 10).write(to: workshop.path("\(seeds)/masks/train-0005.png"), palette: .voc)
      try workshop.expectFailure(
        "seg", ["--seeds", seeds], status: 65,
        "train-seg: small-seed/masks/train-0005.png: train-0005: the mask is 20 x 10, scenes/images/train-0005.png is "
          + "64 x 48"
      )
    }

    @Test func scoredMaskOfAnotherSize() throws {
      let masks = try workshop.copy("infer", to: "small-mask")
      try LabelMask(width: 20, height: 10).write(to: workshop.path("\(masks)/masks/val-0002.png"), palette: .voc)
      try workshop.expectFailure(
        "evaluation", ["--masks", masks], status: 65,
        "evaluate: small-mask/masks/val-0002.png: val-0002: the mask is 20 x 10, scenes/masks/val-0002.png is 64 x 48")
    }

    @Test func truthMaskOfAnotherSize() throws {
      let scenes = try workshop.scenes(named: "small-truth")
      try LabelMask(width: 20, height: 10).write(to: workshop.path("\(scenes)/masks/val-0000.png"), palette: .voc)
      try workshop.expectFailure(
        "evaluation", ["--manifest", "\(scenes)/manifest.yaml"], status: 65,
        "evaluate: small-truth/masks/val-0000.png: val-0000: the mask is 20 x 10, the manifest's row is 64 x 48")
    }

    private static let values =
      "expected a mask value among 0 (background), 1 (beetle), 2 (fish), 3 (kite), 4 (lantern), 5 (mushroom) or 255 "
      + "(void)"

    @Test func seedMaskValueOutsideTheClassTable() throws {
      let seeds = try workshop.copy("ssdd", to: "odd-seed")
      var mask = LabelMask(width: 64, height: 48)
      mask.labels[64 * 7 + 5] = 77
      try mask.write(to: workshop.path("\(seeds)/masks/train-0000.png"), palette: .voc)
      try workshop.expectFailure(
        "seg", ["--seeds", seeds], status: 65,
        "train-seg: odd-seed/masks/train-0000.png: train-0000: \(Self.values), found 77 at x 5, y 7; with `unlisted: "
          + "void` in the manifest such pixels do not count"
      )
    }

    @Test func truthMaskValueOutsideTheClassTable() throws {
      let scenes = try workshop.scenes(named: "odd-truth")
      try LabelMask(width: 64, height: 48, label: 6).write(
        to: workshop.path("\(scenes)/masks/val-0000.png"), palette: .voc)
      try workshop.expectFailure(
        "evaluation", ["--manifest", "\(scenes)/manifest.yaml"], status: 65,
        "evaluate: odd-truth/masks/val-0000.png: val-0000: \(Self.values), found 6 at x 0, y 0; with `unlisted: void` "
          + "in the manifest such pixels do not count"
      )
    }

    @Test func missingSeedMask() throws {
      let seeds = try workshop.copy("ssdd", to: "no-seed")
      try FileManager.default.removeItem(atPath: workshop.path("\(seeds)/masks/train-0002.png"))
      try workshop.expectFailure(
        "seg", ["--seeds", seeds], status: 66,
        "train-seg: no-seed/masks/train-0002.png: train-0002: there is no mask of this image")
    }
  }
}
