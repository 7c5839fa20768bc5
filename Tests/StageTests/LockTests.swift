import Foundation
import TestSupport
import Testing

extension StageSuites {
  /// Two processes and one folder, parts of two runs in one folder, damaged images.
  @Suite(.workshop) struct LockTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// Starts a long training and waits until it works.
    private func start(_ out: String) throws -> Process {
      let command = try workshop.command("cam-train", out: out, ["--epochs", "2000"])
      let process = Programs.prepared(command[0], Array(command.dropFirst()), in: workshop.folder.path)
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      while process.isRunning, !workshop.exists("\(out)/unfinished/recipe.json") { usleep(1000) }
      try #require(process.isRunning)
      return process
    }

    @Test func theSecondOfTwoProcessesIsRefusedAtOnceAndTheFirstGoesOn() throws {
      let first = try start("twice")
      let second = try workshop.run(try workshop.command("cam-train", out: "twice", ["--seed", "5"]))
      #expect(second.status == 75)
      #expect(
        second.output.hasPrefix(
          "train-cam: twice/.lock: another process is working on this step: train-cam, process "
            + "\(first.processIdentifier) on "
        ),
        "\(second.output)")
      #expect(first.isRunning)
      // Killed, its lock is free, and what it left is no hindrance.
      kill(first.processIdentifier, SIGKILL)
      first.waitUntilExit()
      #expect(workshop.exists("twice/.lock"))
      #expect(try workshop.run(try workshop.command("cam-train", out: "twice")).status == 0)
      #expect(Set(try workshop.contents(of: "twice").keys) == ["weights.h5", "log.tsv", "step.json", "step.tsv"])
      #expect(try workshop.contents(of: "twice") == workshop.contents(of: try workshop.output("cam-train")))
    }

    @Test func partsOfTwoRunsAreNotJoined() throws {
      let other = try workshop.run(try workshop.command("cam-train", out: "other-net", ["--seed", "8"]))
      #expect(other.status == 0)
      #expect(try workshop.run(try workshop.command("cam", out: "mixed", ["--shard", "1/2"])).status == 0)
      #expect(
        try workshop.run(
          try workshop.command("cam", out: "mixed", ["--shard", "2/2", "--weights", "other-net/weights.h5"])
        ).status == 0)
      let joined = try workshop.run(
        "crf", Workshop.data + ["--scores", "mixed", "--background-power", "4", "--out", "o"])
      #expect(joined.status == 65)
      #expect(
        joined.output.hasPrefix(
          "crf: mixed/part-2-of-2.h5: was made otherwise than part-1-of-2.h5: `input weights` is "), "\(joined.output)")
      let scored = try workshop.run("evaluate", Workshop.data + ["--split", "train", "--masks", "mixed", "--out", "o"])
      #expect(scored.status == 65)
      #expect(
        scored.output.contains("was made otherwise than part-1-of-2.json: `input weights` is "), "\(scored.output)")
    }

    @Test func damagedImagesStopAStepOrAreCountedAndNamed() throws {
      try workshop.output("cam-train")
      let scenes = try workshop.scenes(named: "spoilt")
      try workshop.cutShort("\(scenes)/images/train-0001.png")
      try workshop.cutShort("\(scenes)/images/train-0004.png")
      let command = try workshop.command("cam", out: "skipping", ["--manifest", "\(scenes)/manifest.yaml"])
      let stopped = try workshop.run(command)
      #expect(stopped.status == 65)
      #expect(stopped.output.hasPrefix("cam-infer: spoilt/images/train-0001.png: train-0001: "), "\(stopped.output)")
      let skipped = try workshop.run(command + ["--skip-damaged"])
      #expect(skipped.status == 0)
      #expect(
        skipped.output.contains(
          "cam-infer: warning: 2 of 6 images were left out as damaged; part-1-of-1.json names them\n"),
        "\(skipped.output)")
      let completion = try #require(
        try JSONSerialization.jsonObject(with: Data(workshop.text("skipping/part-1-of-1.json").utf8)) as? [String: Any])
      #expect((completion["skipped"] as? [String: String])?.keys.sorted() == ["train-0001", "train-0004"])
      #expect(completion["ids"] as? [String] == ["train-0000", "train-0002", "train-0003", "train-0005"])
      #expect(!workshop.exists("skipping/masks/train-0001.png") && workshop.exists("skipping/masks/train-0005.png"))
      // What reads the maps says what is missing.
      let reading = try workshop.run(
        "crf",
        ["--manifest", "\(scenes)/manifest.yaml", "--scores", "skipping", "--background-power", "4", "--out", "o"])
      #expect(
        reading.status == 65 && reading.output.contains("train-0001: has no scores of this image of the manifest"),
        "\(reading.output)")
    }
  }
}
