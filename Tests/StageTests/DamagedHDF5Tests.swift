import Foundation
import TensorStore
import TestSupport
import Tensors
import Testing

extension StageSuites {
  /// Maps and checkpoints with changed bits: a message that names the file, never a crash, and numbers only where
  /// nothing that matters was changed.
  @Suite(.workshop) struct DamagedHDF5Tests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    private func bytes(_ name: String) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: workshop.path(name)))
    }
    private func write(_ data: Data, _ name: String) throws {
      try data.write(to: URL(fileURLWithPath: workshop.path(name)))
    }

    @Test func maps() throws {
      let scores = try workshop.copy("cam", to: "damaged-maps")
      let part = "\(scores)/part-1-of-1.h5"
      let command = try workshop.command("crf-low", out: "damaged-maps-out", ["--scores", scores])
      let sound = try bytes(part)
      var refused = 0
      for index in 0..<24 {
        var mutations = Mutations("maps", index)
        try write(Data(mutations.withBitsFlipped([UInt8](sound), within: 4096)), part)
        let outcome = try workshop.run(command)
        #expect(!outcome.wasKilled && [0, 65].contains(outcome.status), "\(index): \(outcome)")
        guard outcome.status != 0 else { continue }
        refused += 1
        #expect(outcome.output.hasPrefix("crf: \(scores)"), "\(index): \(outcome.output)")
        #expect(outcome.output.split(separator: "\n").count == 1, "\(index): \(outcome.output)")
      }
      #expect(refused > 0)
    }

    @Test func checkpoints() throws {
      let out = "damaged-checkpoint"
      let file = "\(out)/unfinished/checkpoint.h5"
      let command = try workshop.command("cam-train", out: out, ["--epochs", "40", "--checkpoint-every", "60"])
      _ = try Programs.run(command[0], Array(command.dropFirst()), in: workshop.folder.path) { workshop.exists(file) }
      try #require(workshop.exists(file), "the training was faster than the look")
      let sound = try bytes(file)
      let (path, kept) = (workshop.path(out), workshop.path("\(out)-kept"))
      try FileManager.default.copyItem(atPath: path, toPath: kept)
      for index in 0..<16 {
        // A training that takes no notice of the damage ends, and takes its unfinished work away.
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: kept, toPath: path)
        var mutations = Mutations("checkpoints", index)
        try write(Data(mutations.withBitsFlipped([UInt8](sound), within: 3072)), file)
        let outcome = try workshop.run(command)
        #expect(!outcome.wasKilled && [0, 65].contains(outcome.status), "\(index): \(outcome)")
        guard outcome.status != 0 else { continue }
        #expect(outcome.output.hasPrefix("train-cam: \(file): "), "\(index): \(outcome.output)")
        #expect(outcome.output.hasSuffix("; remove the file to train from the start\n"), "\(index): \(outcome.output)")
      }
    }

    @Test func otherThreadsAreTold() throws {
      let out = "other-threads"
      let file = "\(out)/unfinished/checkpoint.h5"
      let command = try workshop.command("cam-train", out: out, ["--epochs", "40", "--checkpoint-every", "60"])
      _ = try Programs.run(command[0], Array(command.dropFirst()), in: workshop.folder.path) { workshop.exists(file) }
      try #require(workshop.exists(file), "the training was faster than the look")
      let outcome = try workshop.run(command + ["--threads", "2"])
      #expect(outcome.status == 0)
      #expect(
        outcome.output
          == "train-cam: warning: starting anew: what an earlier run left unfinished was made otherwise "
          + "(threads was 1, is 2)\n")
    }

    @Test func scoresThatAreNotFiniteNameTheFile() throws {
      let scores = try workshop.copy("psa", to: "not-finite")
      let reader = try ScoreMapReader(workshop.path("psa"))
      let provenance = try reader.provenance()
      try ScoreMapWriter.write(to: workshop.path(scores), provenance: provenance) { part in
        for id in reader.ids {
          var map = try reader.scores(id)
          var values = map.scores.values
          values[values.count - 1] = .nan
          map.scores = Tensor(map.scores.shape, values)
          try part.append(id, map)
        }
      }
      let outcome = try workshop.run(try workshop.command("psa-crf", out: "o", ["--scores", scores]))
      #expect(outcome.status == 65)
      #expect(
        outcome.output.wholeMatch(
          of: /crf: not-finite: train-0000: expected finite scores, found nan in channel \d+, row \d+, column \d+\n/)
          != nil,
        "\(outcome.output)")
    }

    @Test func weightsThatAreNotFiniteNameTheFile() throws {
      let original = try WeightsFile.load(workshop.path(try workshop.output("cam-train") + "/weights.h5"))
      let entries = original.entries.map { entry in
        guard entry.name == "fc8.weight" else { return entry }
        var values = entry.tensor.values
        values[3] = -.infinity
        return (name: entry.name, tensor: Tensor(entry.tensor.shape, values))
      }
      try WeightsFile.save(NamedTensors(entries, attributes: original.attributes), to: workshop.path("infinite.h5"))
      try workshop.expectFailure(
        "cam", ["--weights", "infinite.h5"], status: 65,
        "cam-infer: infinite.h5: fc8.weight: expected finite weights, found -inf at element 3")
    }
  }
}
