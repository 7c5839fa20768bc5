import Foundation
import Imaging
import LabelMasks
import TensorStore
import Testing

extension StageSuites {
  /// The same command gives the same bytes, and the division into shards changes none.
  @Suite(.workshop) struct DeterminismTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    /// Two threads: partial sums must come together in the same order each time.
    @Test(arguments: [
      "cam-train", "cam", "affinity", "psa", "psa-crf", "ddnet", "ssdd", "seg", "dynamic", "infer", "evaluation",
    ])
    func sameSeedSameBytes(step: String) throws {
      for out in ["one", "two"] {
        let outcome = try workshop.run(
          try workshop.command(step, out: "\(out)-\(step)", ["--threads", "2", "--seed", "9"]))
        #expect(outcome == Programs.Outcome(status: 0, output: ""))
      }
      let contents = try workshop.contents(of: "one-\(step)")
      #expect(!contents.isEmpty)
      #expect(try workshop.contents(of: "two-\(step)") == contents)
    }

    @Test func scenesAreTheSameForAnyNumberOfThreads() throws {
      for threads in ["1", "3"] {
        let outcome = try workshop.run(
          "make-scenes",
          [
            "--train", "4", "--val", "2", "--width", "64", "--height", "48", "--threads", threads, "--quiet", "--out",
            "scenes-\(threads)",
          ])
        #expect(outcome.status == 0, "\(outcome.output)")
      }
      #expect(try workshop.contents(of: "scenes-1") == workshop.contents(of: "scenes-3"))
    }

    @Test func anotherSeedGivesOtherWeights() throws {
      let first = try workshop.contents(of: try workshop.output("cam-train"))
      #expect(try workshop.run(try workshop.command("cam-train", out: "seed-2", ["--seed", "2"])).status == 0)
      #expect(try workshop.contents(of: "seed-2")["log.tsv"] != first["log.tsv"])
    }

    @Test(arguments: ["cam", "psa", "psa-crf", "ssdd", "infer"]) func oneAndThreeShardsGiveTheSame(step: String) throws
    {
      let whole = try workshop.output(step)
      let out = "shards-\(step)"
      for shard in 1...3 {
        let outcome = try workshop.run(try workshop.command(step, out: out, ["--shard", "\(shard)/3"]))
        #expect(outcome == Programs.Outcome(status: 0, output: ""))
      }
      try expectSameMasks(whole, out)
      guard step != "infer" else { return }
      let (one, three) = (try ScoreMapReader(workshop.path(whole)), try ScoreMapReader(workshop.path(out)))
      #expect(Set(one.ids) == Set(three.ids) && one.ids.count == 6)
      for id in one.ids {
        #expect(try one.mapNames(id) == three.mapNames(id))
        for name in try one.mapNames(id) {
          #expect(try one.map(id, named: name) == three.map(id, named: name), "\(id)/\(name)")
        }
        for name in ["labels", "size", "stride", "bad_sample", "advice_share"] {
          #expect(try one.attribute(name, of: id) == three.attribute(name, of: id), "\(id), attribute \(name)")
        }
      }
    }

    /// What reads sharded maps gets the same; and a folder that is made anew with other shards keeps no part of the old
    /// ones.
    @Test func shardsAreReadAndReplaced() throws {
      let out = "replaced"
      for shard in 1...3 {
        #expect(try workshop.run(try workshop.command("cam", out: out, ["--shard", "\(shard)/3"])).status == 0)
      }
      #expect(try workshop.run(try workshop.command("crf-low", out: "crf-of-shards", ["--scores", out])).status == 0)
      try expectSameMasks(try workshop.output("crf-low"), "crf-of-shards", samePixelsOnly: true)
      #expect(try workshop.run(try workshop.command("cam", out: out)).status == 0)
      #expect(try workshop.contents(of: out) == workshop.contents(of: try workshop.output("cam")))
    }

    /// - Parameter samePixelsOnly: the text in the PNGs names the inputs' digests, and those tell how many parts the
    ///   inputs had.
    private func expectSameMasks(_ one: String, _ other: String, samePixelsOnly: Bool = false) throws {
      func masks(_ folder: String) throws -> [String: Data] {
        try workshop.contents(of: folder).filter { $0.key.hasSuffix(".png") }
      }
      let (first, second) = (try masks(one), try masks(other))
      #expect(!first.isEmpty && first.keys == second.keys)
      for (name, bytes) in first where bytes != second[name] {
        #expect(samePixelsOnly, "\(name) differs")
        let pixels = try [one, other].map { try LabelMask(contentsOf: workshop.path("\($0)/\(name)")) }
        #expect(pixels[0] == pixels[1], "\(name) differs")
      }
    }
  }
}
