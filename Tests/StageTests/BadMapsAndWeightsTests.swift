import Foundation
import TensorStore
import Tensors
import TestSupport
import Testing

extension StageSuites {
  /// HDF5 files that are damaged or of something else, trainings that diverge, disks that are full.
  @Suite(.workshop) struct BadMapsAndWeightsTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// A changed copy of the classifier's weights.
    private func weights(named name: String, _ change: (NamedTensors) -> NamedTensors) throws -> String {
      let original = try WeightsFile.load(workshop.path(try workshop.output("cam-train") + "/weights.h5"))
      try WeightsFile.save(change(original), to: workshop.path(name))
      return name
    }

    // MARK: HDF5

    @Test func mapsCutShort() throws {
      let scores = try workshop.copy("cam", to: "cut-maps")
      try workshop.cutShort("\(scores)/part-1-of-1.h5")
      let outcome = try workshop.run(try workshop.command("crf-low", out: "o", ["--scores", scores]))
      #expect(outcome.status == 65)
      #expect(
        outcome.output.hasPrefix("crf: cut-maps/part-1-of-1.h5: not a readable HDF5 file: truncated file"),
        "\(outcome.output)")
      #expect(try workshop.contents(of: "o").isEmpty)
    }

    @Test func weightsCutShort() throws {
      _ = try workshop.copy("cam-train", to: "cut-weights")
      try workshop.cutShort("cut-weights/weights.h5")
      let out = try workshop.copy("cam", to: "cut-weights-out")
      let before = try workshop.contents(of: out)
      let outcome = try workshop.run(try workshop.command("cam", out: out, ["--weights", "cut-weights/weights.h5"]))
      #expect(outcome.status == 65)
      #expect(
        outcome.output.hasPrefix("cam-infer: cut-weights/weights.h5: not a readable HDF5 file: truncated file"),
        "\(outcome.output)")
      #expect(try workshop.contents(of: out) == before)
    }

    @Test func weightsThatAreNoHDF5() throws {
      try workshop.write("not weights", to: "text.h5")
      try workshop.expectFailure(
        "cam", ["--weights", "text.h5"], status: 65,
        "cam-infer: text.h5: not a readable HDF5 file: file signature not found")
    }

    @Test func noWeights() throws {
      try workshop.expectFailure(
        "cam", ["--weights", "none.h5"], status: 66, "cam-infer: none.h5: no such file, or it cannot be read")
    }

    @Test func partsMissing() throws {
      let scores = try workshop.copy("cam", to: "parts")
      for part in ["h5", "json"] {
        try FileManager.default.moveItem(
          atPath: workshop.path("\(scores)/part-1-of-1.\(part)"), toPath: workshop.path("\(scores)/part-2-of-3.\(part)")
        )
      }
      try workshop.expectFailure(
        "crf-low", ["--scores", scores], status: 66,
        "crf: parts: is incomplete: part-1-of-3.h5, part-3-of-3.h5 of 3 parts missing")
    }

    @Test func mapsOfAnotherSplit() throws {
      try workshop.expectFailure(
        "crf-low", ["--split", "val"], status: 65,
        "crf: cam: val-0000: has no scores of this image of the manifest; was it made from another split?")
    }

    /// Maps that have a background already, where activation maps are due.
    @Test func mapsOfAnotherKind() throws {
      let outcome = try workshop.run(
        try workshop.command("psa", out: "o", ["--scores", try workshop.output("crf-low")]))
      #expect(outcome.status == 65)
      let start = "psa-infer: crf-low: train-0000: expected maps of the image's classes ["
      #expect(outcome.output.hasPrefix(start), "\(outcome.output)")
      let match = try #require(
        outcome.output.dropFirst(start.count).wholeMatch(of: /(.+)\], without background, found \[0, (.+)\]\n/),
        "\(outcome.output)")
      #expect(match.1 == match.2)
    }

    // MARK: Weights of another network

    @Test func weightsOfAnotherNetwork() throws {
      try workshop.output("dynamic")
      try workshop.expectFailure(
        "cam", ["--weights", "affinity/weights.h5"], status: 65,
        "cam-infer: affinity/weights.h5: weights of another network: expected classifier, found affinity")
      try workshop.expectFailure(
        "psa", ["--affinity", "cam-train/weights.h5"], status: 65,
        "psa-infer: cam-train/weights.h5: weights of another network: expected affinity, found classifier")
      try workshop.expectFailure(
        "infer", ["--weights", "affinity/weights.h5"], status: 65,
        "infer-seg: affinity/weights.h5: weights of another network: expected segmentation or static or dynamic, found "
          + "affinity"
      )
      try workshop.expectFailure(
        "ssdd", ["--weights", "dynamic/weights.h5"], status: 65,
        "ssdd-merge: dynamic/weights.h5: weights of another network: expected static, found dynamic")
    }

    @Test func tensorOfAnotherShape() throws {
      let file = try weights(named: "shape.h5") { weights in
        let entries = weights.entries.map {
          $0.name == "fc8.weight" ? (name: $0.name, tensor: Tensor(zeros: [4, 8, 1, 1])) : $0
        }
        return NamedTensors(entries, attributes: weights.attributes)
      }
      let original = try WeightsFile.load(workshop.path("cam-train/weights.h5"))
      let shape = try #require(original["fc8.weight"]).shape
      try workshop.expectFailure(
        "cam", ["--weights", file], status: 65,
        "cam-infer: shape.h5: weights do not fit the network: 1 tensor of another shape: fc8.weight (expected "
          + "\(shape), found 4x8x1x1)"
      )
    }

    @Test func missingTensor() throws {
      let file = try weights(named: "fewer.h5") { weights in
        NamedTensors(weights.entries.filter { $0.name != "conv1a.weight" }, attributes: weights.attributes)
      }
      let outcome = try workshop.run(try workshop.command("cam", out: "o", ["--weights", file]))
      #expect(outcome.status == 65)
      #expect(
        outcome.output.hasPrefix("cam-infer: fewer.h5: weights do not fit the network: 1 tensor"), "\(outcome.output)")
      #expect(outcome.output.contains("conv1a.weight"), "\(outcome.output)")
    }

    @Test func weightsForOtherClasses() throws {
      let file = try weights(named: "classes.h5") { weights in
        var changed = weights
        changed.attributes["classes"] = .strings(["background", "cat", "dog"])
        return changed
      }
      try workshop.expectFailure(
        "cam", ["--weights", file], status: 65,
        "cam-infer: classes.h5: trained for other classes: expected background beetle fish kite lantern mushroom, "
          + "found background cat dog"
      )
    }

    @Test func aCheckpointThatIsNone() throws {
      try workshop.write("pickle?", to: "weights.pth")
      let outcome = try workshop.run("import-weights", ["--from", "weights.pth", "--out", "o", "--quiet"])
      #expect(
        outcome
          == Programs.Outcome(
            status: 65,
            output:
              "import-weights: weights.pth: is none of the formats that can be read: PyTorch, safetensors, MXNet, "
              + "HDF5\n"
          ))
      #expect(try workshop.contents(of: "o").isEmpty)
    }

    /// Bytes of a file as `WeightsFile` writes it that end libhdf5 1.10.8 (read out of bounds, memory given back that
    /// is not its own); others may refuse them.
    @Test(arguments: [(130, 0x7F), (184, 0xFF)] as [(Int, UInt8)]) func damageThatCrashesTheLibrary(
      at offset: Int, value: UInt8
    ) throws {
      let file = "it's \"odd\"; $(name) é \(offset).h5"
      let small = NamedTensors([
        ("a.weight", Tensor([2, 3], [0, 1, 2, 3, 4, 5])), ("a.bias", Tensor([3], [6, 7, 8])), ("b", Tensor(9)),
      ])
      try WeightsFile.save(small, to: workshop.path(file))
      let out = "earlier-import-\(offset)"
      let options = ["--from", file, "--out", out, "--quiet"]
      #expect(try workshop.run("import-weights", options) == Programs.Outcome(status: 0, output: ""))
      #expect(try WeightsFile.load(workshop.path("\(out)/weights.h5")).names == small.names)
      let before = try workshop.contents(of: out)
      var bytes = try Data(contentsOf: URL(fileURLWithPath: workshop.path(file)))
      bytes[offset] = value
      try bytes.write(to: URL(fileURLWithPath: workshop.path(file)))
      let outcome = try workshop.run("import-weights", options)
      #expect(outcome.status == 65 && !outcome.wasKilled)
      #expect(
        outcome.output.hasPrefix("import-weights: \(file): ") && outcome.output.split(separator: "\n").count == 1,
        "\(outcome.output)")
      #expect(try workshop.contents(of: out) == before)
      let cam = try workshop.run(try workshop.command("cam", out: "cam-\(out)", ["--weights", file]))
      #expect(cam.status == 65 && cam.output.hasPrefix("cam-infer: \(file): "), "\(cam.output)")
    }

    // MARK: Diverging

    @Test(arguments: [
      ("cam-train", "train-cam"), ("affinity", "train-affinity"), ("seg", "train-seg"), ("ddnet", "train-ddnet"),
      ("dynamic", "train-seg-dynamic"),
    ])
    func diverging(step: String, program: String) throws {
      let out = try workshop.copy(step, to: "diverging-\(step)")
      let before = try workshop.contents(of: out)
      let outcome = try workshop.run(try workshop.command(step, out: out, ["--learning-rate", "1e30"]))
      #expect(outcome.status == 70)
      #expect(
        outcome.output.wholeMatch(
          of: /[a-z-]+: step [12] of 2 \(epoch 1\): .+; a lower --learning-rate or other weights may help\n/) != nil
          && outcome.output.hasPrefix("\(program): "), "\(outcome.output)")
      #expect(try workshop.contents(of: out) == before)
    }

    // MARK: Full disk

    @Test(.enabled(if: SmallDisk.isAvailable, "needs the right to mount a small file system")) func fullDisk() throws {
      let disk = try SmallDisk(kibibytes: 32)
      try "earlier".write(toFile: "\(disk.path)/earlier.txt", atomically: true, encoding: .utf8)
      for (step, program) in [("cam-train", "train-cam"), ("crf-low", "crf")] {
        let outcome = try workshop.run(try workshop.command(step, out: disk.path))
        #expect(outcome.status == 74)
        #expect(outcome.output.hasPrefix("\(program): \(disk.path)/"), "\(outcome.output)")
        #expect(outcome.output.hasSuffix(": No space left on device\n"), "\(outcome.output)")
        #expect(
          try FileManager.default.contentsOfDirectory(atPath: disk.path).sorted().filter { !$0.hasPrefix("unfinished") }
            == ["earlier.txt"])
      }
      let scenes = try workshop.run(
        "make-scenes", ["--train", "20", "--val", "3", "--out", "\(disk.path)/scenes", "--quiet"])
      #expect(scenes.status == 74, "\(scenes.output)")
      #expect(!FileManager.default.fileExists(atPath: "\(disk.path)/scenes/manifest.yaml"))
      #expect(try String(contentsOfFile: "\(disk.path)/earlier.txt", encoding: .utf8) == "earlier")
    }

    @Test func outputFolderThatCannotBe() throws {
      try workshop.write("a file", to: "file")
      let outcome = try workshop.run(try workshop.command("cam", out: "file/out"))
      #expect(outcome.status == 73)
      #expect(outcome.output.hasPrefix("cam-infer: file/out"), "\(outcome.output)")
    }
  }
}
