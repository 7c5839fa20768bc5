import Foundation
import Testing

extension StageSuites {
  /// Programs killed (SIGKILL) in the middle: nothing half-done at a final path, and running again finishes the work.
  @Suite(.workshop) struct InterruptionTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// Runs a command and kills it when `condition` holds, several times if the program was faster than the look.
    private func interrupt(_ command: [String], out: String, when condition: () -> Bool) throws {
      let before = try workshop.contents(of: out)
      for _ in 0..<10 {
        let outcome = try Programs.run(
          command[0], Array(command.dropFirst()), in: workshop.folder.path, killingWhen: condition)
        if outcome.wasKilled, condition() { return }
        // Finished: put back what was there.
        try FileManager.default.removeItem(atPath: workshop.path(out))
        for (name, data) in before {
          let url = URL(fileURLWithPath: workshop.path("\(out)/\(name)"))
          try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
          try data.write(to: url)
        }
      }
      Issue.record("\(command[0]) ended before it could be killed, ten times")
    }

    /// The files that are neither hidden nor work in progress.
    private func finished(_ out: String) throws -> [String: Data] {
      try workshop.contents(of: out).filter { name, _ in
        !name.hasPrefix("unfinished") && !name.split(separator: "/").contains { $0.hasPrefix(".") }
      }
    }

    @Test func killedMapStageLeavesNothingAndFinishesLater() throws {
      // Larger pictures than elsewhere, so that there is a middle to be killed in.
      #expect(
        try workshop.run("make-scenes", ["--train", "12", "--val", "1", "--quiet", "--out", "large"]).status == 0)
      let extra = ["--manifest", "large/manifest.yaml", "--scales", "0.5,1", "--flip"]
      let command = try workshop.command("cam", out: "killed", extra)
      let staging = workshop.path("killed/unfinished-1-of-1/items")
      func isInTheMiddle() -> Bool {
        ((try? FileManager.default.contentsOfDirectory(atPath: staging)) ?? []).contains {
          $0.hasSuffix(".json") && !$0.hasPrefix(".")
        }
      }

      try interrupt(command, out: "killed", when: isInTheMiddle)
      #expect(try finished("killed").isEmpty)
      let rest = try workshop.run(command.filter { $0 != "--quiet" })
      #expect(
        rest.status == 0 && rest.output.contains(/going on: [0-9]+ of 12 images were done before/), "\(rest.output)")
      #expect(try workshop.run(try workshop.command("cam", out: "unbroken", extra)).status == 0)
      let unbroken = try workshop.contents(of: "unbroken")
      #expect(unbroken.count == 15)
      #expect(try workshop.contents(of: "killed") == unbroken, "hidden files included")

      // Over earlier outputs: they stay as they are until the new ones are whole.
      let again = try workshop.command("cam", out: "killed", extra + ["--background-power", "4"])
      try interrupt(again, out: "killed", when: isInTheMiddle)
      #expect(try finished("killed") == unbroken)
      #expect(try workshop.run(again).status == 0)
      #expect(try finished("killed") == workshop.contents(of: "killed"))
      #expect(try finished("killed") != unbroken)
    }

    @Test func killedScenesLeaveNoManifest() throws {
      let command = [
        "make-scenes", "--train", "30", "--val", "1", "--quiet", "--threads", "1", "--out", "killed-scenes",
      ]
      try interrupt(command, out: "killed-scenes") { workshop.exists("killed-scenes/unfinished/images/train-0001.png") }
      #expect(try finished("killed-scenes").isEmpty)
      #expect(try workshop.run(command).status == 0)
      #expect(workshop.exists("killed-scenes/manifest.yaml"))
    }

    /// Momentum, so that a resumed run needs the velocities; dropout and augmentation draw at random in every step.
    @Test(arguments: [("cam-train", "200"), ("dynamic", "40")]) func killedTrainingResumesToTheSameBits(
      step: String, epochs: String
    ) throws {
      let options = ["--epochs", epochs, "--momentum", "0.9", "--checkpoint-every", "3", "--learning-rate", "0.001"]
      let out = "killed-\(step)"
      let command = try workshop.command(step, out: out, options)
      try interrupt(command, out: out) { workshop.exists("\(out)/unfinished/checkpoint.h5") }
      #expect(try finished(out).isEmpty)
      // Killed while the next checkpoint is written, and again.
      for _ in 0..<2 {
        let seen = try workshop.contents(of: out)["unfinished/checkpoint.h5"]
        try interrupt(command, out: out) { (try? workshop.contents(of: out)["unfinished/checkpoint.h5"]) != seen }
        #expect(!workshop.exists("\(out)/weights.h5"))
      }
      let resumed = try workshop.run(command.filter { $0 != "--quiet" })
      #expect(resumed.status == 0)
      #expect(resumed.output.contains(/going on after step [0-9]+ of [0-9]+/), "\(resumed.output)")
      #expect(try workshop.run(try workshop.command(step, out: "unbroken-\(step)", options)).status == 0)
      let unbroken = try workshop.contents(of: "unbroken-\(step)")
      #expect(Set(unbroken.keys) == ["weights.h5", "log.tsv", "step.json", "step.tsv"])
      #expect(try workshop.contents(of: out) == unbroken, "hidden files included")
    }

    /// A checkpoint counts only for the training that wrote it.
    @Test func changedLabelsStartTheTrainingAnew() throws {
      let options = ["--epochs", "200", "--checkpoint-every", "3"]
      let command = try workshop.command("cam-train", out: "relabelled", options)
      try interrupt(command, out: "relabelled") { workshop.exists("relabelled/unfinished/checkpoint.h5") }
      let scenes = try workshop.scenes(named: "other-labels")
      // It shows at least class 2; class 1 alone is another label.
      try workshop.changeCell("labels", of: scenes, to: "beetle")
      let outcome = try workshop.run(command.filter { $0 != "--quiet" } + ["--manifest", "\(scenes)/manifest.yaml"])
      #expect(outcome.status == 0)
      #expect(!outcome.output.contains("going on after"), "\(outcome.output)")
      #expect(
        outcome.output.contains(
          "starting anew: what an earlier run left unfinished was made otherwise (manifest labels was "),
        "\(outcome.output)")
    }
  }
}
