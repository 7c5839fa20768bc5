import Foundation
import TestSupport
import Testing

extension StageSuites {
  /// `make check` finds what would otherwise come up hours or days later: each kind of mistake, with the real program
  /// on a finished run.
  @Suite struct CheckTests {
    struct Mistake: CustomTestStringConvertible, Sendable {
      let name: String
      /// Shell commands, as for `Situation`.
      let happened: String
      let status: Int32
      let message: String
      /// Options of `pipeline check`.
      var options: [String] = []
      var testDescription: String { name }
    }

    private static let seg =
      "  seg: {stage: train-seg-dynamic, inputs: {weights: net, seeds: crf}, parameters: {batch: 3, crop: 48, "
      + "resize-min: 48, resize-max: 64, head-dilation: 2, KEYS}}"

    /// Adds a step of the dynamic stage with further parameters.
    private static func dynamic(_ keys: String) -> String { "echo '\(seg.replacing("KEYS", with: keys))' >>small.yaml" }

    /// Writes a grey mask of one value.
    private static func mask(width: Int, value: Int) -> String {
      """
      python3 - <<'END'
      import zlib, struct
      def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
      rows = b"".join(b"\\0" + bytes([\(value)] * \(width)) for _ in range(48))
      head = chunk(b"IHDR", struct.pack(">IIBBBBB", \(width), 48, 8, 0, 0, 0, 0))
      with open("data/masks/train-0001.png", "wb") as file:
        file.write(b"\\x89PNG\\r\\n\\x1a\\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
      END
      """
    }

    static let mistakes = [
      Mistake(
        name: "a number out of its range", happened: "edit small.yaml 'spread: 26' 'spread: 0'", status: 78,
        message: "bilateral-spread: expected a number from 0.001 to 10000, found 0"),
      Mistake(
        name: "ends of a range exchanged", happened: "edit small.yaml 'resize-max: 64' 'resize-max: 40'", status: 78,
        message: "step net: --resize-max: expected at least --resize-min 48, found 40"),
      Mistake(
        name: "more epochs to warm up than there are", happened: dynamic("epochs: 2, warm-up-epochs: 3"), status: 78,
        message: "step seg: --warm-up-epochs: expected at most --epochs 2, found 3"),
      Mistake(
        name: "a crop that the head's dilation does not allow",
        happened: dynamic("epochs: 2") + "; edit small.yaml 'head-dilation: 2' 'head-dilation: 12'", status: 78,
        message: "step seg: --crop: expected at least 97 for --head-dilation 12, found 48"),
      Mistake(
        name: "an option without effect", happened: dynamic("epochs: 2, augmentation: none"), status: 78,
        message: "step seg: --resize-min is of no use with --augmentation none, which resizes nothing"),
      Mistake(
        name: "a split that there is not", happened: "edit small.yaml 'split: train}' 'split: trian}'", status: 78,
        message: "no split \"trian\" in data/manifest.yaml; did you mean \"train\"?"),
      Mistake(
        name: "weights that were trained for other classes",
        happened: """
          cp runs/small/net/weights.h5 mine.h5
          edit small.yaml 'weights: net' 'weights: {path: mine.h5}'
          sed -i 's/name: beetle/name: bug/' data/manifest.yaml
          sed -i 's/beetle/bug/' data/items.tsv
          """, status: 65, message: "mine.h5: step cam: trained for other classes: expected "),
      Mistake(
        name: "weights that are none", happened: "cp data/images/train-0000.png start/weights.h5", status: 65,
        message: "start/weights.h5: is none of the formats that can be read"),
      Mistake(
        name: "weights that are not there", happened: "rm start/weights.h5", status: 66,
        message: "small.yaml:5:52: weights: no such file: start/weights.h5"),
      Mistake(
        name: "an image that is not there", happened: "rm data/images/train-0002.png", status: 66,
        message: "data/images/train-0002.png: train-0002: the manifest names this file, but there is none"),
      Mistake(
        name: "an image whose header is damaged", happened: "truncate -s 20 data/images/train-0002.png", status: 65,
        message: "data/images/train-0002.png: train-0002: damaged PNG"),
      Mistake(
        name: "an image that is cut short", happened: "truncate -s 900 data/images/train-0002.png", status: 65,
        message: "data/images/train-0002.png: train-0002: damaged PNG", options: ["--deep"]),
      Mistake(
        name: "a mask with a value that is no class's", happened: mask(width: 64, value: 77), status: 65,
        message: "data/masks/train-0001.png: train-0001: "),
      Mistake(
        name: "a mask of another size than its image", happened: mask(width: 32, value: 0), status: 65,
        message:
          "data/masks/train-0001.png: train-0001: the mask is 32 x 48, data/images/train-0001.png is 64 x 48"),
    ]

    @Test(arguments: mistakes) func isFoundBeforeAnythingRuns(_ mistake: Mistake) throws {
      let folder = try Baseline.copy()
      try folder.shell(mistake.happened)
      let outcome = try Programs.run("pipeline", ["check", "small.yaml"] + mistake.options, in: folder.path)
      #expect(outcome.status == mistake.status, "\(outcome.output)")
      #expect(outcome.output.contains(mistake.message), "\(outcome.output)")
    }

    @Test(arguments: [[], ["--deep"]]) func nothingIsWrongWithASoundRun(_ options: [String]) throws {
      let folder = try Baseline.copy()
      let outcome = try Programs.run("pipeline", ["check", "small.yaml"] + options, in: folder.path)
      #expect(outcome == Programs.Outcome(status: 0, output: "small.yaml: 6 steps, nothing wrong\n"))
    }

    /// What only whole images tell is left to `DEEP=1`.
    @Test func pixelsAreReadOnRequest() throws {
      let folder = try Baseline.copy()
      try folder.shell("truncate -s 900 data/images/train-0002.png")
      #expect(try Programs.run("pipeline", ["check", "small.yaml"], in: folder.path).status == 0)
    }
  }
}
