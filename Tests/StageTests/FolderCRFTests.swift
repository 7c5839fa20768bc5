import DenseCRF
import Foundation
import Imaging
import LabelMasks
import TensorStore
import Tensors
import TestSupport
import Testing

extension StageSuites {
  /// `crf` on plain folders.
  @Suite struct FolderCRFTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func path(_ name: String) -> String { folder.file(name) }

    private func crf(_ arguments: [String]) throws -> Programs.Outcome {
      try Programs.run("crf", arguments + ["--quiet", "--threads", "1"], in: folder.path)
    }

    /// A bright square on a dark ground, with some texture.
    private static func photograph(shift: Int) -> RGBImage {
      var pixels: [UInt8] = []
      for y in 0..<30 {
        for x in 0..<40 {
          let isInside = (10 + shift..<30).contains(x) && (8..<22).contains(y)
          let level: Int = (isInside ? 200 : 60) + (x * 7 + y * 13 + shift) % 9
          pixels += [UInt8(level), UInt8(level / 2), UInt8(250 - level)]
        }
      }
      return RGBImage(width: 40, height: 30, pixels: pixels)
    }

    /// A mask that misses the square's edges, with a void column.
    private static func mask(label: UInt8) -> LabelMask {
      var mask = LabelMask(width: 40, height: 30)
      for y in 10..<25 { for x in 7..<27 { mask[x, y] = label } }
      for y in 0..<30 { mask[39, y] = 255 }
      return mask
    }

    /// What the library makes of a mask.
    private static func refined(_ mask: LabelMask, _ image: RGBImage, labels: [UInt8], confidence: Float = 0.7) throws
      -> Tensor
    {
      let field = try DenseCRF(width: image.width, height: image.height, rgb: image.pixels)
      return try field.infer(
        probabilities: probabilities(
          ofMask: mask.labels, height: mask.height, width: mask.width, labels: labels, void: 255, confidence: confidence
        ))
    }

    private static func winners(_ scores: Tensor, _ labels: [UInt8]) -> [UInt8] {
      let (area, values) = (scores.shape[1] * scores.shape[2], scores.values)
      return (0..<area).map { (pixel: Int) -> UInt8 in
        var best = 0
        for channel in labels.indices where values[channel * area + pixel] > values[best * area + pixel] {
          best = channel
        }
        return labels[best]
      }
    }

    @Test func masksInSubfoldersKeepTheirPaletteAndTheLibrarysNumbers() throws {
      let names = ["a", "2024 été/IMG 1", "2024 été/IMG 2"]
      for (shift, name) in names.enumerated() {
        let photograph = Self.photograph(shift: shift)
        if shift == 1 {
          try photograph.writeJPEG(to: path("photos/\(name).JPG"), quality: 95)
        } else {
          try photograph.writePNG(to: path("photos/\(name).png"))
        }
        try Self.mask(label: 15).write(to: path("masks/\(name).png"), palette: .voc)
      }
      try Self.photograph(shift: 5).writePNG(to: path("photos/without a mask.png"))
      #expect(
        try crf(["--images", "photos", "--masks", "masks", "--out", "refined"])
          == Programs.Outcome(status: 0, output: ""))
      for name in names {
        let photograph = try RGBImage(contentsOf: path(name == names[1] ? "photos/\(name).JPG" : "photos/\(name).png"))
        let expected = try Self.refined(Self.mask(label: 15), photograph, labels: [0, 15])
        let (mask, palette, text) = try LabelMask.readAll(contentsOf: path("refined/\(name).png"))
        #expect(mask.labels == Self.winners(expected, [0, 15]))
        #expect(mask.labels != Self.mask(label: 15).labels)
        #expect(palette == .voc)
        #expect(
          text.contains { $0.key == "stage" && $0.value == "crf" } && !text.contains { $0.value.contains("photos") })
      }
      #expect(!FileManager.default.fileExists(atPath: path("refined/without a mask.png")))
    }

    @Test func greyAndRGBMasks() throws {
      let photograph = Self.photograph(shift: 0)
      try photograph.writePNG(to: path("photos/a.png"))
      let expected = Self.winners(
        try Self.refined(Self.mask(label: 2), photograph, labels: [0, 2], confidence: 0.9), [0, 2])
      try Self.mask(label: 2).write(to: path("grey/a.png"), palette: nil)
      #expect(
        try crf(["--images", "photos", "--masks", "grey", "--confidence", "0.9", "--out", "of grey"]).status == 0)
      let grey = try LabelMask.readAll(contentsOf: path("of grey/a.png"))
      #expect(grey.mask.labels == expected && grey.palette == nil)

      let table = [0: RGB(10, 20, 30), 2: RGB(0, 255, 0), 255: RGB(255, 255, 255)]
      var colours: [UInt8] = []
      for label in Self.mask(label: 2).labels { if let c = table[Int(label)] { colours += [c.red, c.green, c.blue] } }
      try RGBImage(width: 40, height: 30, pixels: colours).writePNG(to: path("rgb/a.png"))
      let rgb = ["--images", "photos", "--masks", "rgb", "--confidence", "0.9", "--out", "of rgb"]
      let refused = try crf(rgb)
      #expect(
        refused
          == Programs.Outcome(
            status: 65, output: "crf: rgb/a.png: is an RGB image: a colour table must say which colour is which label\n"
          ))
      try "value\tred\tgreen\tblue\n0\t10\t20\t30\n2\t0\t255\t0\n".write(
        toFile: path("colours.tsv"), atomically: true, encoding: .utf8)
      #expect(
        try crf(rgb + ["--colours", "colours.tsv"]).output
          == "crf: rgb/a.png: expected colours of the colour table, found (255, 255, 255) at x 39, y 0\n")
      try "value\tred\tgreen\tblue\n0\t10\t20\t30\n2\t0\t255\t0\n255\t255\t255\t255\n".write(
        toFile: path("colours.tsv"), atomically: true, encoding: .utf8)
      #expect(try crf(rgb + ["--colours", "colours.tsv"]) == Programs.Outcome(status: 0, output: ""))
      let back = try LabelMask.readAll(contentsOf: path("of rgb/a.png"))
      #expect(back.mask.labels == expected)
      #expect(back.palette?[2] == RGB(0, 255, 0) && back.palette?[0] == RGB(10, 20, 30))
    }

    /// Every command of docs/cookbook.md that works on plain folders.
    @Test func theCookbooksCommands() throws {
      try Self.photograph(shift: 0).writeJPEG(to: path("photographs/a.jpg"))
      let mask = Self.mask(label: 15)
      try mask.write(to: path("masks/a.png"), palette: .voc)
      var colours: [UInt8] = []
      for label in mask.labels {
        colours += [Palette.voc[label].red, Palette.voc[label].green, Palette.voc[label].blue]
      }
      try RGBImage(width: 40, height: 30, pixels: colours).writePNG(to: path("coloured/a.png"))
      try NumpyScores.write(Tensor([2, 30, 40], (0..<2400).map { $0 < 1200 ? 0.4 : 0.6 }), to: path("softmax/a.npy"))
      let commands = try Cookbook.commands("crf").filter { $0.contains("--images") }
      #expect(commands.count == 4)
      for command in commands {
        #expect(try crf(command) == Programs.Outcome(status: 0, output: ""), "\(command)")
        let out = try #require(command.last)
        #expect(FileManager.default.fileExists(atPath: path("\(out)/a.png")), "\(command)")
        #expect(
          FileManager.default.fileExists(atPath: path("\(out)/a.npy")) == command.contains("--write-npy"), "\(command)")
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: path("from-colours/a.png"))).count > 0)
      #expect(try LabelMask(contentsOf: path("from-colours/a.png")) == LabelMask(contentsOf: path("refined/a.png")))
    }

    @Test func whatIsRefused() throws {
      try Self.photograph(shift: 0).writePNG(to: path("photos/a.png"))
      try Self.mask(label: 1).write(to: path("masks/b.png"), palette: .voc)
      let command = ["--images", "photos", "--masks", "masks", "--out", "o"]
      func output(_ extra: [String] = []) throws -> String { try crf(command + extra).output }
      #expect(try output() == "crf: photos: b: has no image of this name (b.jpg, .jpeg or .png)\n")
      try FileManager.default.moveItem(atPath: path("masks/b.png"), toPath: path("masks/a.png"))
      #expect(
        try output(["--confidence", "1"])
          == "crf: The value '1' is invalid for '--confidence <X>': expected a number above 0, at most 0.9999, found "
          + "1; see crf --help\n"
      )
      #expect(
        try output(["--label-count", "1"]) == "crf: masks/a.png: expected labels below --label-count 1, found 1\n")
      #expect(
        try output(["--manifest", "m.yaml"])
          == "crf: give either --manifest and --scores, or --images and one of --masks and --npy; see crf --help\n")
      #expect(
        try output(["--npy", "masks"]) == "crf: expected --images and one of --masks and --npy; see crf --help\n")
      #expect(
        try output(["--write-npy"])
          == "crf: --write-npy with --masks needs --label-count, which says how many maps there are; see crf --help\n")
      var binary = Self.mask(label: 255)
      binary[39, 0] = 0
      try binary.write(to: path("masks/a.png"), palette: nil)
      #expect(
        try output()
          == "crf: masks/a.png: is grey and holds 0 and 255 only: give --void -1 where 255 is a label, --label-count "
          + "where it is void\n"
      )
      #expect(try crf(command + ["--void=-1"]).status == 0)
      #expect(try LabelMask(contentsOf: path("o/a.png")).presentLabels == [0, 255])
      try Self.photograph(shift: 0).writeJPEG(to: path("photos/a.JPEG"))
      #expect(try output() == "crf: photos: a: two images have this name: a.JPEG and a.png\n")
    }

    @Test(.enabled(if: Peers.have("pydensecrf", "PIL", "numpy"), "\(Peers.absence)")) func theSameNumbersAsPydensecrf()
      throws
    {
      var generator = SystemSeed()
      for shift in 0..<2 {
        try Self.photograph(shift: shift).writePNG(to: path("photos/\(shift).png"))
        try Self.mask(label: UInt8(shift + 1)).write(to: path("masks/\(shift).png"), palette: .voc)
        // Three labels, most pixels unsure.
        let raw: [Float] = (0..<3 * 1200).map { _ in Float(generator.next() % 97 + 1) }
        let sums: [Float] = (0..<1200).map { (pixel: Int) -> Float in
          let sum: Float = raw[pixel] + raw[1200 + pixel]
          return sum + raw[2400 + pixel]
        }
        let probabilities: [Float] = raw.indices.map { (i: Int) -> Float in raw[i] / sums[i % 1200] }
        try NumpyScores.write(Tensor([3, 30, 40], probabilities), to: path("scores/\(shift).npy"))
      }
      for (kind, input, options) in [("masks", "masks", ["--label-count", "3"]), ("npy", "scores", [])] {
        try FileManager.default.createDirectory(atPath: path("peer of \(kind)"), withIntermediateDirectories: true)
        let peer = try Peers.run(
          "crf.py", [kind, path("photos"), path(input), path("peer of \(kind)"), "0.7", kind == "masks" ? "3" : "0"])
        try #require(peer.status == 0, "\(peer.output)")
        #expect(
          try crf(["--images", "photos", "--\(kind)", input, "--out", "own of \(kind)", "--write-npy"] + options)
            == .init(status: 0, output: ""))
        for shift in 0..<2 {
          let own = try NumpyScores(contentsOf: path("own of \(kind)/\(shift).npy")).maps
          let other = try NumpyScores(contentsOf: path("peer of \(kind)/\(shift).npy")).maps
          // Ours are stored in half precision.
          #expect(zip(own.values, other.values).allSatisfy { abs($0 - $1) < 2e-3 }, "\(kind) \(shift)")
          let mask = try LabelMask(contentsOf: path("own of \(kind)/\(shift).png"))
          let differing = zip(mask.labels, Self.winners(other, [0, 1, 2])).enumerated().filter { $1.0 != $1.1 }
          #expect(
            differing.allSatisfy { i, _ in Self.isClose(other, at: i) },
            "\(kind) \(shift): \(differing.count) labels differ")
        }
      }
    }

    /// Whether the two best scores of a pixel are as good as equal.
    private static func isClose(_ scores: Tensor, at pixel: Int) -> Bool {
      let area = scores.shape[1] * scores.shape[2]
      let sorted = (0..<scores.shape[0]).map { scores.values[$0 * area + pixel] }.sorted()
      return sorted[sorted.count - 1] - sorted[sorted.count - 2] < 1e-3
    }
  }
}

/// A few numbers that look drawn.
private struct SystemSeed {
  private var state: UInt32 = 7

  mutating func next() -> UInt32 {
    state = state &* 1_664_525 &+ 1_013_904_223
    return state >> 8
  }
}
