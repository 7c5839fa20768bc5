import Datasets
import Foundation
import Imaging
import LabelMasks
import TestSupport
import Testing

extension StageSuites {
  /// Data as people have them, and as nobody should: what is asked for and absent is an error, what contradicts itself
  /// is told, nothing hangs.
  @Suite(.workshop) struct RealDataTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    private func expect(
      _ command: [String], _ status: Int32, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let outcome = try workshop.run(command)
      #expect(
        outcome.status == status && outcome.output.contains(message), "\(outcome)", sourceLocation: sourceLocation)
    }

    // MARK: Numbers and options

    @Test(arguments: [
      (["make-scenes", "--train", "99999999999", "--out", "o"], "expected a whole number from 1 to 1000000"),
      (
        ["make-scenes", "--width", "400", "--height", "50", "--out", "o"],
        "expected a width of half to four times the height, found --width 400 --height 50"
      ),
      (
        ["cam-infer", "--manifest", "m", "--weights", "w", "--background-power", "0", "--out", "o"],
        "--background-power"
      ),
      (
        [
          "cam-infer", "--manifest", "m", "--weights", "w", "--background-power", "4", "--background-threshold", "0.3",
          "--out", "o",
        ],
        "give either --background-power or --background-threshold"
      ),
      (["make-scenes", "--shard", "2/2", "--out", "o"], "Unknown option '--shard'"),
      (["summarize", "--out", "o"], "give --evaluation for a table, --masks or --predictions for pictures"),
      (["import-voc", "--images", "i", "--out", "o"], "give --labels, what the images show, or --classes"),
    ])
    func wrongOptions(command: [String], message: String) throws {
      try expect(command, 64, message)
      #expect(!workshop.exists("o"))
    }

    @Test func aVariantThatIsNotThere() throws {
      try workshop.output("ssdd")
      try workshop.expectFailure(
        "evaluation", ["--masks", "ssdd", "--split", "train", "--variant", "masks-crf"], status: 66,
        "evaluate: ssdd: expected a folder masks-crf in it, found masks")
    }

    /// Tensors for which there is no memory end a training with a word and a code, and leave nothing behind.
    @Test func outOfMemoryIsSaid() throws {
      let command = try workshop.command("cam-train", out: "o-memory", ["--crop", "2048"])
      let limited = ["-c", "ulimit -v 2000000 && exec \"$0\" \"$@\"", Programs.path(command[0])] + command.dropFirst()
      let outcome = try workshop.run("/bin/bash", limited)
      #expect(outcome.status == 71 && !outcome.wasKilled, "\(outcome)")
      #expect(
        outcome.output.hasPrefix("train-cam: out of memory: the system refuses ")
          && outcome.output.contains("--memory SIZE makes trainings"),
        "\(outcome.output)")
      #expect(!workshop.exists("o-memory/weights.h5"))
    }

    // MARK: Files that are none

    @Test func anImageThatIsAPipe() throws {
      let scenes = try workshop.scenes(named: "pipe")
      let path = workshop.path("\(scenes)/images/train-0002.png")
      try FileManager.default.removeItem(atPath: path)
      #expect(mkfifo(path, 0o600) == 0)
      try workshop.expectFailure(
        "cam", ["--manifest", "\(scenes)/manifest.yaml"], status: 66,
        "cam-infer: pipe/images/train-0002.png: train-0002: expected a plain file as image, found a named pipe")
    }

    @Test func aManifestThatIsABomb() throws {
      let levels = (1...9).map { level in
        "l\(level): &l\(level) [\(Array(repeating: "*l\(level - 1)", count: 9).joined(separator: ", "))]"
      }
      try workshop.write((["l0: &l0 [a, b]"] + levels + ["? *l9", ": v"]).joined(separator: "\n"), to: "bomb.yaml")
      try workshop.expectFailure(
        "cam", ["--manifest", "bomb.yaml"], status: 65,
        "cam-infer: bomb.yaml: line 6: expected at most 100000 values once aliases are followed, found more")
    }

    // MARK: Orientation

    /// Photographs that are stored turned, and say so, give the maps and masks of those that are not.
    @Test(arguments: [Orientation.upsideDown, .clockwise, .counterclockwise]) func turnedPhotographs(
      _ orientation: Orientation
    ) throws {
      try workshop.output("cam")
      let scenes = try workshop.scenes(named: "turned-\(orientation.rawValue)")
      let inverse: [Orientation: Orientation] = [
        .upsideDown: .upsideDown, .clockwise: .counterclockwise, .counterclockwise: .clockwise,
      ]
      for index in 0..<6 {
        let path = workshop.path("\(scenes)/images/train-000\(index).png")
        let stored = try RGBImage(contentsOf: path).turned(try #require(inverse[orientation]))
        let file = EXIFBytes.png(try stored.pngBytes(), EXIFBytes.exif(orientation.rawValue, isBig: true))
        try Data(file).write(to: URL(fileURLWithPath: path))
      }
      let command = [
        "--manifest", "\(scenes)/manifest.yaml", "--quiet", "--threads", "1", "--weights", "cam-train/weights.h5",
      ]
      let outcome = try workshop.run("cam-infer", command + Workshop.oneScale + ["--out", "\(scenes)-cam"])
      #expect(outcome == Programs.Outcome(status: 0, output: ""))
      #expect(try workshop.contents(of: "\(scenes)-cam") == workshop.contents(of: "cam"))
    }

    // MARK: Masks that say something else

    @Test func seedsWithNothingToTrainOn() throws {
      let seeds = try workshop.copy("ssdd", to: "void-seeds")
      for index in 0..<6 {
        try LabelMask(width: 64, height: 48, label: 255).write(
          to: workshop.path("\(seeds)/masks/train-000\(index).png"), palette: .voc)
      }
      try workshop.expectFailure(
        "seg", ["--seeds", seeds], status: 65,
        "train-seg: void-seeds/masks: there is nothing to train on: all pixels of all 6 masks are void")
    }

    @Test func seedsWithAnotherPalette() throws {
      let seeds = try workshop.copy("ssdd", to: "turned-seeds")
      let classes = try Manifest(contentsOf: workshop.path("scenes/manifest.yaml")).classes
      let palette = classes.palette.setting(1, to: classes.palette[2])
      try LabelMask(width: 64, height: 48, label: 1).write(
        to: workshop.path("\(seeds)/masks/train-0003.png"), palette: palette)
      let outcome = try workshop.run(try workshop.command("seg", out: "o-turned", ["--seeds", seeds]))
      #expect(outcome.status == 65)
      #expect(
        outcome.output.hasPrefix(
          "train-seg: turned-seeds/masks/train-0003.png: train-0003: index 1 has the colour of class fish"),
        "\(outcome.output)")
      #expect(
        try workshop.run(try workshop.command("seg", out: "o-turned", ["--seeds", seeds, "--ignore-palette"])).status
          == 0)
    }

    @Test func truthThatContradictsTheLabels() throws {
      let scenes = try workshop.scenes(named: "contradiction")
      for index in 0..<3 {
        // Grey masks that mean the object by 255, which is void here.
        let mask = LabelMask(width: 64, height: 48, labels: (0..<64 * 48).map { $0 % 2 == 0 ? 0 : 255 })
        try mask.write(to: workshop.path("\(scenes)/masks/val-000\(index).png"), palette: nil)
      }
      let manifest = ["--manifest", "\(scenes)/manifest.yaml", "--quiet", "--split", "val"]
      let outcome = try workshop.run("evaluate", manifest + ["--masks", "\(scenes)/masks", "--out", "o-grey"])
      // Void is no prediction, but no pixel with a truth is void here.
      #expect(outcome.status == 0)
      #expect(
        outcome.output.contains("evaluate: warning: truth masks and image-level labels contradict each other: "),
        "\(outcome.output)")
      #expect(outcome.output.contains(" images labelled beetle show no pixel of beetle"))
      #expect(
        outcome.output.contains(
          "evaluate: warning: no truth mask shows any class: do the manifest's values, and its value for void, fit "
            + "these masks?\n"
        ))
      #expect(
        outcome.output.contains(
          "classes beetle, fish, kite, lantern, mushroom are left out of the mean: no pixel of truth or masks shows "
            + "them\n"
        ))
    }

    // MARK: Images that show no class

    /// Of an image labelled `none` each step makes a map and a mask of background.
    @Test func imagesOfNoClassGoThroughEveryStep() throws {
      try workshop.output("affinity")
      let scenes = try workshop.scenes(named: "none")
      try workshop.changeCell("labels", of: scenes, to: "none")
      let data = ["--manifest", "\(scenes)/manifest.yaml", "--quiet", "--threads", "1"]
      func run(_ command: [String], out: String) throws {
        let outcome = try workshop.run(command + ["--out", out])
        #expect(outcome == Programs.Outcome(status: 0, output: ""), "\(command)")
        let mask = try LabelMask(contentsOf: workshop.path("\(out)/masks/train-0001.png"))
        #expect(mask == LabelMask(width: 64, height: 48))
      }
      try run(["cam-infer"] + data + ["--weights", "cam-train/weights.h5"] + Workshop.oneScale, out: "none-cam")
      try run(["crf"] + data + ["--scores", "none-cam", "--background-power", "4"], out: "none-crf")
      try run(["psa-infer"] + data + ["--affinity", "affinity/weights.h5", "--scores", "none-cam"], out: "none-psa")
      try run(["crf"] + data + ["--scores", "none-psa"], out: "none-psa-crf")
      let training = data + Workshop.training
      let pair = ["--weights", "cam-train/weights.h5", "--knowledge", "none-psa", "--advice", "none-psa-crf"]
      #expect(try workshop.run(["train-cam"] + training + Workshop.trunk + ["--out", "none-cam-train"]).status == 0)
      #expect(
        try workshop.run(["train-ddnet"] + training + Workshop.head + pair + ["--out", "none-ddnet"]).status == 0)
      try run(
        ["ssdd-merge"] + data + ["--weights", "none-ddnet/weights.h5"] + Array(pair.dropFirst(2)), out: "none-ssdd")
    }

    // MARK: Pictures

    /// Without truth masks there are pictures too, of held-out predictions as well, and each image is drawn once.
    @Test func picturesNeedNoTruth() throws {
      try workshop.output("ssdd")
      try workshop.output("infer")
      let scenes = try workshop.scenes(named: "truthless")
      let manifest = try workshop.text("\(scenes)/manifest.yaml").split(separator: "\n").filter {
        !$0.hasPrefix("mask:")
      }
      try workshop.write(manifest.joined(separator: "\n") + "\n", to: "\(scenes)/manifest.yaml")
      let command = [
        "summarize", "--manifest", "\(scenes)/manifest.yaml", "--quiet", "--masks", "SSDD=ssdd", "--images", "6",
      ]
      let outcome = try workshop.run(
        command + ["--predictions", "net=infer", "--predictions-variant", "masks-crf", "--out", "o-pictures"])
      #expect(outcome == Programs.Outcome(status: 0, output: ""))
      #expect(try workshop.text("o-pictures/table.txt") == "Nothing was scored: there is no evaluation.\n")
      let train = try RGBImage(contentsOf: workshop.path("o-pictures/pictures/train.png"))
      let val = try RGBImage(contentsOf: workshop.path("o-pictures/pictures/val.png"))
      // Two columns; six rows and three. No row is drawn twice.
      #expect(train.height - val.height == 3 * (48 + 4))
      let rows = (0..<6).map {
        train.cropped(x: 0, y: train.height - ($0 + 1) * 52, width: train.width, height: 48).pixels
      }
      #expect(Set(rows).count == 6)
      try expect(
        command + ["--predictions", "net=infer", "--predictions-split", "train", "--out", "o"], 64,
        "are the same: give all as --masks")
    }
  }
}
