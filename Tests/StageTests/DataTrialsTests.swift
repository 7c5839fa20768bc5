import Foundation
import TestSupport
import Testing

/// Small inputs that once were read wrongly, kept outside of this project: `SSDD_TRIALS`, else `shared/trials` beside
/// it.
enum DataTrials {
  static let folder: String = {
    if let given = ProcessInfo.processInfo.environment["SSDD_TRIALS"] { return given }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return root.deletingLastPathComponent().appendingPathComponent("shared/trials").path
  }()
  static let areAvailable = FileManager.default.fileExists(atPath: folder)

  /// A copy of a trial that programs may write into.
  static func copy(_ name: String) throws -> TemporaryFolder {
    let copy = try TemporaryFolder()
    let source = "\(folder)/\(name)"
    for file in try FileManager.default.subpathsOfDirectory(atPath: source) {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: "\(source)/\(file)", isDirectory: &isFolder), !isFolder.boolValue
      else { continue }
      let target = URL(fileURLWithPath: copy.file(file))
      try FileManager.default.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(contentsOf: URL(fileURLWithPath: "\(source)/\(file)")).write(to: target)
    }
    return copy
  }
}

extension StageSuites {
  @Suite(.enabled(if: DataTrials.areAvailable, "no folder of trials: set SSDD_TRIALS"))
  struct DataTrialsTests {
    /// Its maps were made of the pixels as stored: they fit `orientation: ignore`, and the truth fits `apply`.
    @Test func orientationIsTold() throws {
      let folder = try DataTrials.copy("exif-orientation")
      let imported = try Programs.run(
        "import-voc", ["--images", "photos", "--labels", "labels.tsv", "--name", "t", "--out", "m"], in: folder.path)
      #expect(imported.status == 0)
      #expect(
        imported.output.contains(
          "2 images have an EXIF orientation: they are turned as viewers show them (orientation: apply): IMG_3, IMG_6\n"
        ),
        "\(imported.output)")
      let hint = "; the sides are exchanged: does `orientation: apply` or `ignore` in the manifest fit these files?\n"
      let command = ["--split", "s6", "--quiet", "--scores", "scores", "--out", "o"]
      let turned = try Programs.run("crf", ["--manifest", "manifest.yaml"] + command, in: folder.path)
      #expect(turned.status == 65)
      #expect(
        turned.output == "crf: scores: IMG_6: the probability map is 64 x 48, ./photos/IMG_6.jpg is 48 x 64\(hint)",
        "\(turned.output)")
      let manifest = try String(contentsOfFile: folder.file("manifest.yaml"), encoding: .utf8)
      try (manifest + "orientation: ignore\n").write(
        toFile: folder.file("as-stored.yaml"), atomically: true, encoding: .utf8)
      let stored = try Programs.run("crf", ["--manifest", "as-stored.yaml"] + command, in: folder.path)
      #expect(stored == Programs.Outcome(status: 0, output: ""))
      let scored = try Programs.run(
        "evaluate", ["--manifest", "as-stored.yaml", "--split", "s6", "--masks", "o", "--out", "e", "--quiet"],
        in: folder.path)
      #expect(scored.status == 65)
      #expect(
        scored.output == "evaluate: o/masks/IMG_6.png: IMG_6: the mask is 64 x 48, ./truth/IMG_6.png is 48 x 64\(hint)",
        "\(scored.output)")
    }

    @Test func aReorderedPaletteIsRefused() throws {
      let folder = try DataTrials.copy("palette-reordered")
      let command = ["--manifest", "manifest.yaml", "--masks", "pred", "--quiet"]
      let refused = try Programs.run("evaluate", command + ["--out", "out"], in: folder.path)
      #expect(refused.status == 65)
      #expect(refused.output.hasPrefix("evaluate: ./truth/x.png: x: index "), "\(refused.output)")
      #expect(
        refused.output.contains(" has the colour of class ")
          && refused.output.hasSuffix("insist on the values with --ignore-palette\n"))
      #expect(!FileManager.default.fileExists(atPath: folder.file("out/evaluation.json")))
      #expect(
        try Programs.run("evaluate", command + ["--out", "out", "--ignore-palette"], in: folder.path).status == 0)
      let pictures = [
        "--manifest", "manifest.yaml", "--split", "val", "--masks", "pred=pred", "--out", "pictures", "--quiet",
      ]
      let summary = try Programs.run("summarize", pictures, in: folder.path)
      #expect(
        summary.status == 65 && summary.output.hasPrefix("summarize: ./truth/x.png: x: index "), "\(summary.output)")
    }

    @Test func twoTablesAreAnError() throws {
      let folder = try DataTrials.copy("shadowed-table")
      let outcome = try Programs.run(
        "crf", ["--manifest", "exp1/manifest.yaml", "--data", "data", "--scores", "scores", "--out", "out", "--quiet"],
        in: folder.path)
      #expect(outcome.status == 65)
      #expect(
        outcome.output
          == "crf: exp1/manifest.yaml: there are two different tables of items, exp1/items.tsv beside the manifest and "
          + "data/items.tsv in the data root: "
          + "remove or rename one\n")
      #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
    }
  }
}
