import Foundation
import TensorStore
import Tensors
import Testing

extension StageSuites {
  /// Score maps through `.npy`: what stages write, they read again, and get the same.
  @Suite(.workshop) struct NumpyMapsTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// A folder with the arrays that a stage wrote, and nothing else.
    private func arrays(of output: String) throws -> String {
      let (made, name) = ("with-arrays-\(output)", "arrays-\(output)")
      if workshop.exists(name) { return name }
      let outcome = try workshop.run(try workshop.command(output, out: made, ["--write-npy"]))
      try #require(outcome == Programs.Outcome(status: 0, output: ""))
      try FileManager.default.moveItem(atPath: workshop.path("\(made)/npy"), toPath: workshop.path(name))
      return name
    }

    /// What a stage writes beside provenance.
    private func results(_ output: String, _ options: [String], as name: String) throws -> [String: Data] {
      let outcome = try workshop.run(try workshop.command(output, out: name, options + ["--no-provenance"]))
      try #require(outcome == Programs.Outcome(status: 0, output: ""), "\(outcome.output)")
      return try workshop.contents(of: name)
    }

    @Test func arraysHoldWhatTheMapsHold() throws {
      let arrays = try arrays(of: "cam")
      let reader = try ScoreMapReader(workshop.path("with-arrays-cam"))
      for id in reader.ids {
        let (map, dense) = (try reader.scores(id), try NumpyScores(contentsOf: workshop.path("\(arrays)/\(id).npy")))
        #expect(dense.channels == .all && dense.maps.shape[0] >= map.labels.count)
        let present = (0..<dense.maps.shape[0]).filter { map.labels.contains($0 + 1) }
        #expect(Tensor.stacked(present.map { dense.maps.batch($0..<$0 + 1) }) == map.scores)
        let others = (0..<dense.maps.shape[0]).filter { !map.labels.contains($0 + 1) }
        #expect(others.allSatisfy { dense.maps.batch($0..<$0 + 1).values.allSatisfy { $0 == 0 } })
      }
    }

    @Test(arguments: [("crf-low", ["cam"]), ("psa", ["cam"]), ("psa-crf", ["psa"])]) func mapsFromArrays(
      _ output: String, _ inputs: [String]
    ) throws {
      let own = try results(output, [], as: "\(output)-of-parts")
      let foreign = try results(output, ["--scores", try arrays(of: inputs[0])], as: "\(output)-of-arrays")
      #expect(own == foreign)
      #expect(own.count > 6)
    }

    @Test func trainingsFromArrays() throws {
      let low = ["--low", try arrays(of: "crf-low"), "--high", try arrays(of: "crf-high")]
      let seeds = ["--knowledge", try arrays(of: "psa"), "--advice", try arrays(of: "psa-crf")]
      for (output, options) in [("affinity", low), ("ddnet", seeds)] {
        let own = try results(output, [], as: "\(output)-of-parts")
        let foreign = try results(output, options, as: "\(output)-of-arrays")
        #expect(own["weights.h5"] == foreign["weights.h5"] && own["log.tsv"] == foreign["log.tsv"], "\(output)")
        #expect(own["weights.h5"] != nil)
      }
    }

    /// The commands of docs/cookbook.md that read arrays with a manifest.
    @Test func theCookbooksCommands() throws {
      try FileManager.default.copyItem(atPath: workshop.path(try arrays(of: "cam")), toPath: workshop.path("cams"))
      let commands = try Cookbook.commands("crf").filter { $0.contains("--manifest") }
      #expect(commands.count == 2)
      for command in commands {
        #expect(try workshop.run("crf", command + ["--quiet"]) == Programs.Outcome(status: 0, output: ""), "\(command)")
      }
      #expect(workshop.exists("with-arrays/npy/train-0000.npy") && !workshop.exists("crf-of-cams/npy"))
    }

    @Test func whatIsRefused() throws {
      let arrays = try arrays(of: "cam")
      let classes = try NumpyScores(contentsOf: workshop.path("\(arrays)/train-0000.npy")).maps.shape[0]
      try workshop.expectFailure(
        "psa-crf", ["--scores", arrays], status: 65,
        "crf: \(arrays)/train-0000.npy: train-0000: expected maps of the background and \(classes) classes, found "
          + "\(classes) maps"
      )
      try FileManager.default.copyItem(atPath: workshop.path(arrays), toPath: workshop.path("incomplete"))
      try FileManager.default.removeItem(atPath: workshop.path("incomplete/train-0002.npy"))
      try workshop.expectFailure(
        "crf-low", ["--scores", "incomplete"], status: 65,
        "crf: incomplete: train-0002: has no scores (ID.npy or ID.npz) of this image of the manifest")
      try NumpyScores.write(Tensor(zeros: [classes, 10, 11]), to: workshop.path("incomplete/train-0002.npy"))
      try workshop.expectFailure(
        "crf-low", ["--scores", "incomplete"], status: 65,
        "crf: incomplete/train-0002.npy: train-0002: expected maps of 64x48, or of that divided by 2 to 32, found 11x10"
      )
    }
  }
}
