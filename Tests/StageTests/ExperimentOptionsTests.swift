import Foundation
import Imaging
import LabelMasks
import TensorStore
import Tensors
import TestSupport
import Testing

extension StageSuites {
  /// Options for experiments: each reaches what it names, and off it leaves the bytes as they are.
  @Suite(.workshop) struct ExperimentOptionsTests {
    let workshop: Workshop

    init() throws { workshop = try .shared }

    private func make(_ name: String, out: String, _ extra: [String], sourceLocation: SourceLocation = #_sourceLocation)
      throws
    {
      var words = try workshop.command(name, out: out, extra + ["--no-provenance"])
      if extra.contains("--augmentation") {
        // Sizes that an image without augmentation is never brought to are refused.
        for option in ["--resize-min", "--resize-max"] {
          if let place = words.firstIndex(of: option) { words.removeSubrange(place...(place + 1)) }
        }
      }
      let outcome = try workshop.run(words)
      try #require(outcome == Programs.Outcome(status: 0, output: ""), sourceLocation: sourceLocation)
    }

    private func log(_ out: String) throws -> [String: [String]] {
      let rows = try workshop.text("\(out)/log.tsv").split(separator: "\n").map {
        $0.split(separator: "\t").map(String.init)
      }
      return Dictionary(
        uniqueKeysWithValues: rows[0].enumerated().map { index, name in (name, rows.dropFirst().map { $0[index] }) })
    }

    @Test func innerMasksAreScoredAndTrainingDoesNotNotice() throws {
      try make("dynamic", out: "plain", ["--epochs", "2"])
      try make("dynamic", out: "looked-at", ["--epochs", "2", "--write-masks-at", "1,2"])
      let (plain, looked) = (try workshop.contents(of: "plain"), try workshop.contents(of: "looked-at"))
      #expect(looked.filter { !$0.key.hasPrefix("inner-masks/") } == plain)
      let names = Set(looked.keys.filter { $0.hasPrefix("inner-masks/") })
      let ids = (0..<6).map { "train-000\($0)" }
      let expected = [1, 2].flatMap { epoch in
        ["k1", "a1", "d1", "d2", "sub"].flatMap { kind in ids.map { "inner-masks/epoch-\(epoch)/\(kind)/\($0).png" } }
      }
      #expect(names == Set(expected), "\(names.sorted())")
      for kind in ["k1", "a1", "d1", "d2", "sub"] {
        let outcome = try workshop.run(
          "evaluate",
          Workshop.data + [
            "--split", "train", "--masks", "looked-at/inner-masks/epoch-2/\(kind)", "--out", "score-\(kind)",
          ])
        #expect(outcome == Programs.Outcome(status: 0, output: ""))
      }
      // Another training into the folder leaves no masks of epochs that it was not asked for.
      try make("dynamic", out: "looked-at", ["--epochs", "2", "--write-masks-at", "2"])
      #expect(
        Set(try workshop.contents(of: "looked-at").keys.filter { $0.hasPrefix("inner-masks/") })
          == Set(expected.filter { $0.contains("epoch-2") }))
      try make("dynamic", out: "looked-at", ["--epochs", "2"])
      #expect(!workshop.exists("looked-at/inner-masks"))
    }

    @Test func epochsThatAreNeverCompleteAreRefused() throws {
      try workshop.expectFailure(
        "dynamic", ["--write-masks-at", "2"], status: 64,
        "train-seg-dynamic: --write-masks-at: expected epochs up to --epochs 1, found 2; see train-seg-dynamic --help")
      #expect(try workshop.run(try workshop.command("dynamic", out: "o", ["--write-masks-at", "1.5"])).status == 64)
    }

    /// The affinity network has nothing to learn here: each of these tiny images is of one class to its last cell.
    @Test(arguments: ["cam-train", "affinity", "ddnet", "seg", "dynamic"]) func theGradientIsClippedOnRequest(
      step: String
    ) throws {
      try make(step, out: "free-\(step)", [])
      try make(step, out: "wide-\(step)", ["--clip-norm", "1e8"])
      try make(step, out: "tight-\(step)", ["--clip-norm", "1e-5"])
      let (free, wide, tight) = (try log("free-\(step)"), try log("wide-\(step)"), try log("tight-\(step)"))
      #expect(free["gradient_norm"] == nil)
      #expect(
        try workshop.contents(of: "wide-\(step)")["weights.h5"] == workshop.contents(of: "free-\(step)")["weights.h5"])
      #expect(
        tight["gradient_norm"]?[0] == wide["gradient_norm"]?[0] && Double(wide["gradient_norm"]?[0] ?? "") ?? 0 > 1e-5
          || step == "affinity")
      #expect(tight["loss"]?[0] == free["loss"]?[0] && tight["loss"]?[1] != free["loss"]?[1] || step == "affinity")
    }

    @Test(arguments: ["affinity", "ddnet", "seg", "dynamic"]) func theFrozenPartKeepsItsWeights(step: String) throws {
      let start = try WeightsFile.load(workshop.path(try workshop.output("cam-train") + "/weights.h5"))
      // `dynamic` starts from `seg`, which moves the trunk beyond the first convolution.
      let extra = step == "dynamic" ? ["--warm-up", "frozen-seg/weights.h5"] : []
      if step == "dynamic" { try make("seg", out: "frozen-seg", ["--frozen", "firstStage"]) }
      try make(step, out: "frozen-\(step)", ["--frozen", "firstStage"] + extra)
      let end = try WeightsFile.load(workshop.path("frozen-\(step)/weights.h5"))
      let prefix = step == "affinity" ? "" : "encoder."
      func isSame(_ name: String) throws -> Bool { end[prefix + name] == start[name] }
      #expect(try isSame("conv1a.weight") && isSame("b2.conv_branch2a.weight"))
      #expect(try !isSame("b3.conv_branch2a.weight"))
    }

    /// The first network has learned a little from the truth, and the CRF is weak, so that m^K1 holds objects and the
    /// CRF moves their edges.
    @Test func membersOfAPresetCanBeSetOneByOne() throws {
      let shared = ["--seeds", "scenes", "--head-statistics", "batch", "--augmentation", "none"]
      try make("seg", out: "start", shared + ["--epochs", "60", "--learning-rate", "0.02", "--momentum", "0.9"])
      let crf = ["--crf-gaussian-weight", "0.5", "--crf-gaussian-spread", "1", "--crf-bilateral-weight", "0"]
      func log(_ choice: [String]) throws -> String {
        try make("dynamic", out: "member", shared + crf + ["--warm-up", "start/weights.h5"] + choice)
        return try workshop.text("member/log.tsv")
      }
      let standard = try log([])
      let choices = [
        ["--second-module-loss", "wholeBatch"], ["--advice-target", "secondRefinement"],
        ["--crf-spread-unit", "imagePixels"],
        ["--crf-temperature", "3"], ["--loss-form", "plain"], ["--term-averaging", "sum"],
        ["--difference-target", "equal"],
        ["--shrink-threshold", "0"],
      ]
      for choice in choices { #expect(try log(choice) != standard, "\(choice) changes nothing") }
      for preset in [
        ["--second-module-loss", "perSample"], ["--crf-spread-unit", "outputPixels"], ["--crf-temperature", "1"],
      ] {
        #expect(try log(preset) == standard)
      }
      for wrong in [
        ["--score-floor", "2"], ["--shrink-threshold", "2"], ["--schedule-stretch", "0.5"], ["--crf-temperature", "0"],
        ["--clip-norm=-1"],
      ] {
        let outcome = try workshop.run(try workshop.command("dynamic", out: "o", wrong))
        #expect(outcome.status == 64 && outcome.output.contains(wrong[0].prefix { $0 != "=" }), "\(outcome.output)")
      }
      #expect(
        try workshop.run(try workshop.command("infer", out: "o", ["--no-crf", "--crf-temperature", "2"])).status == 64)
    }

    @Test func theTemperatureChangesTheMasksOfTheCRFAlone() throws {
      try make("infer", out: "warm", ["--crf-temperature", "20"])
      let (warm, plain) = (try workshop.contents(of: "warm"), try workshop.contents(of: try workshop.output("infer")))
      func masks(_ contents: [String: Data], _ folder: String) throws -> [String: LabelMask] {
        try contents.filter { $0.key.hasPrefix("\(folder)/") }.mapValues { try LabelMask(encoded: Array($0)) }
      }
      #expect(try masks(warm, "masks") == masks(plain, "masks"))
    }

    /// From the classifier on, every network is built as its file says; out and in again nothing is lost.
    @Test func normalisedTapsTravelWithTheWeights() throws {
      let squeezenet = ["--backbone", "squeezenet", "--width", "1", "--depth", "1"]
      try make("cam-train", out: "raw", squeezenet)
      try make("cam-train", out: "normalised", squeezenet + ["--normalised-taps"])
      #expect(try log("raw")["loss"] != log("normalised")["loss"])
      let weights = "normalised/weights.h5"
      func specification(_ path: String) throws -> String {
        try WeightsFile.load(workshop.path(path)).attributes["specification"]?.asString ?? ""
      }
      #expect(try !specification("raw/weights.h5").contains("normalisedTaps"))
      #expect(try specification(weights).contains("\"normalisedTaps\":true"))
      try make("seg", out: "seg-normalised", ["--weights", weights])
      #expect(try specification("seg-normalised/weights.h5").contains("\"normalisedTaps\":true"))

      try #require(
        try workshop.run(
          "export-weights", ["--weights", weights, "--file", "w.safetensors", "--out", "taps-out", "--quiet"]
        ).output == "")
      try #require(
        try workshop.run("import-weights", ["--from", "taps-out/w.safetensors", "--out", "taps-in", "--quiet"]).output
          == "")
      #expect(try specification("taps-in/weights.h5") == specification(weights))
      let named = [
        "--from", "taps-out/w.safetensors", "--network", "classifier", "--backbone", "squeezenet", "--normalised-taps",
        "--out", "taps-named",
      ]
      try #require(try workshop.run("import-weights", Workshop.data + named).output == "")
      #expect(try specification("taps-named/weights.h5") == specification(weights))

      let other = try workshop.run(try workshop.command("cam-train", out: "o", squeezenet + ["--weights", weights]))
      #expect(
        other
          == Programs.Outcome(
            status: 64,
            output: "train-cam: normalised/weights.h5: trained with --normalised-taps, which has to be given again\n"))
      let resnet = try workshop.run(try workshop.command("cam-train", out: "o", ["--normalised-taps"]))
      #expect(
        resnet.status == 64 && resnet.output.contains("--normalised-taps: expected --backbone squeezenet"),
        "\(resnet.output)")
    }
  }
}
