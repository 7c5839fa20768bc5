import Foundation
import TestSupport
import Testing

extension StageSuites {
  /// The whole method, each stage for real and as small as it gets, wired by a pipeline file and run by GNU make.
  @Suite struct PipelineTests {
    /// Steps and wiring of pipelines/quickstart.yaml.
    private static let yaml = """
      name: tiny
      manifest: {step: scenes}
      parameters: {seed: 1, threads: 1}
      steps:
        scenes: {stage: make-scenes, parameters: {train: 6, val: 3, width: 64, height: 48}}
        cam-train: {stage: train-cam, parameters: {width: 0.0625, depth: 0.1, epochs: 1, batch: 3, crop: 48, \
        resize-min: 48, resize-max: 64}}
        cam: {stage: cam-infer, inputs: {weights: cam-train}, shards: 2, parameters: {split: train, scales: [0.5, 1], \
        flip: true, background-power: 16}}
        crf-low: {stage: crf, inputs: {scores: cam}, parameters: {split: train, background-power: 4}}
        crf-high: {stage: crf, inputs: {scores: cam}, parameters: {split: train, background-power: 32}}
        affinity-train:
          stage: train-affinity
          inputs: {weights: cam-train, low: crf-low, high: crf-high}
          parameters: {epochs: 1, batch: 3, crop: 48, resize-min: 48, resize-max: 64}
        psa: {stage: psa-infer, inputs: {affinity: affinity-train, scores: cam}, shards: 3, parameters: {split: train, \
        background-power: 16}}
        psa-crf: {stage: crf, inputs: {scores: psa}, parameters: {split: train, background-power: -1}}
        ddnet-train:
          stage: train-ddnet
          inputs: {weights: cam-train, knowledge: psa, advice: psa-crf}
          parameters: &seg-parameters {epochs: 1, batch: 3, crop: 48, resize-min: 48, resize-max: 64, head-dilation: 2}
        ssdd: {stage: ssdd-merge, inputs: {weights: ddnet-train, knowledge: psa, advice: psa-crf}, parameters: {split: \
        train, dd-bias: 0.1, bg-bias: 0.1}}
        seg-psa: {stage: train-seg, inputs: {weights: cam-train, seeds: psa-crf}, parameters: *seg-parameters}
        seg-static: {stage: train-seg, inputs: {weights: cam-train, seeds: ssdd}, parameters: *seg-parameters}
        seg-dynamic: {stage: train-seg-dynamic, inputs: {weights: cam-train, seeds: ssdd, warm-up: seg-static}, \
        parameters: *seg-parameters}
        infer-psa: {stage: infer-seg, inputs: {weights: seg-psa}, parameters: &infer {split: val, scales: [0.5, 1], \
        flip: true, crf: true}}
        infer-static: {stage: infer-seg, inputs: {weights: seg-static}, parameters: *infer}
        infer-dynamic: {stage: infer-seg, inputs: {weights: seg-dynamic}, parameters: *infer}
        eval-cam: {stage: evaluate, inputs: {masks: cam}, parameters: {split: train}}
        eval-psa: {stage: evaluate, inputs: {masks: psa}, parameters: {split: train}}
        eval-psa-crf: {stage: evaluate, inputs: {masks: psa-crf}, parameters: {split: train}}
        eval-ssdd: {stage: evaluate, inputs: {masks: ssdd}, parameters: {split: train}}
        eval-seg-psa: {stage: evaluate, inputs: {masks: infer-psa}, parameters: {split: val}}
        eval-seg-psa-crf: {stage: evaluate, inputs: {masks: infer-psa}, parameters: {split: val, variant: masks-crf}}
        eval-seg-static: {stage: evaluate, inputs: {masks: infer-static}, parameters: {split: val}}
        eval-seg-static-crf: {stage: evaluate, inputs: {masks: infer-static}, parameters: {split: val, variant: \
        masks-crf}}
        eval-seg-dynamic: {stage: evaluate, inputs: {masks: infer-dynamic}, parameters: {split: val}}
        eval-seg-dynamic-crf: {stage: evaluate, inputs: {masks: infer-dynamic}, parameters: {split: val, variant: \
        masks-crf}}
        table:
          stage: summarize
          inputs:
            evaluation:
              CAM: eval-cam
              PSA: eval-psa
              PSA+CRF: eval-psa-crf
              SSDD: eval-ssdd
              baseline: eval-seg-psa
              baseline with CRF: eval-seg-psa-crf
              static: eval-seg-static
              static with CRF: eval-seg-static-crf
              dynamic: eval-seg-dynamic
              dynamic with CRF: eval-seg-dynamic-crf
            masks: {CAM: cam, PSA: psa, PSA+CRF: psa-crf, SSDD: ssdd}
          parameters: {split: train, images: 3}
          final: true

      """

    private let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
      try Self.yaml.write(toFile: folder.file("tiny.yaml"), atomically: true, encoding: .utf8)
    }

    /// Writes the rules and runs make; the steps that ran, each once, and all that was said.
    private func make(expecting status: Int32 = 0) throws -> (steps: Set<String>, output: String) {
      let rules = try Programs.run("pipeline", ["rules", "tiny.yaml", "--programs", Programs.folder], in: folder.path)
      try #require(rules.status == 0, "\(rules.output)")
      let made = try Programs.run("/usr/bin/env", ["make", "-f", "runs/tiny/rules.mk"], in: folder.path)
      #expect(made.status == status, "\(made.output)")
      return (Programs.steps(in: made.output), made.output)
    }

    /// What make would run or look at again.
    private func waiting() throws -> String {
      try Programs.run("pipeline", ["list", "tiny.yaml"], in: folder.path).output
    }

    private func edit(_ old: String, _ new: String) throws {
      let text = try String(contentsOfFile: folder.file("tiny.yaml"), encoding: .utf8)
      try #require(text.contains(old))
      try text.replacingOccurrences(of: old, with: new).write(
        toFile: folder.file("tiny.yaml"), atomically: true, encoding: .utf8)
    }

    private func exists(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: folder.file("runs/tiny/\(name)"))
    }

    @Test func theWholeMethodRunsOnceAndAgainOnlyWhatAChangeConcerns() throws {
      let first = try make()
      #expect(first.steps.count == 27)
      try checkTable(first.output)

      #expect(try make().steps.isEmpty, "a second make runs nothing")

      // A parameter in the middle: the step and its descendants.
      try edit("dd-bias: 0.1", "dd-bias: 0.4")
      let descendants: Set = [
        "ssdd", "seg-static", "seg-dynamic", "infer-static", "infer-dynamic", "eval-ssdd", "eval-seg-static",
        "eval-seg-static-crf", "eval-seg-dynamic",
        "eval-seg-dynamic-crf", "table",
      ]
      let listed = try waiting()
      #expect(
        listed.contains("dd-bias was 0.1, is 0.4") && listed.contains("\(descendants.count) of 27 steps to run"),
        "\(listed)")
      // What comes out as before makes nothing after it run.
      let ran = try make().steps
      #expect(ran.contains("ssdd") && ran.isSubset(of: descendants), "\(ran)")
      #expect(try make().steps.isEmpty)

      try edit("images: 3", "images: 2")
      #expect(try make().steps == ["table"])
      #expect(try make().steps.isEmpty)

      try checkSpoiltImage()
      try checkKilledMake()
    }

    private func checkTable(_ output: String) throws {
      let table = try String(contentsOfFile: folder.file("runs/tiny/table/table.txt"), encoding: .utf8)
      #expect(output.contains(table), "make ends with the table")
      let lines = table.split(separator: "\n").map(String.init)
      #expect(lines[0].contains("mIoU") && lines[0].contains("background") && lines[0].contains("mushroom"))
      let rows = [
        "CAM", "PSA", "PSA+CRF", "SSDD", "baseline", "baseline with CRF", "static", "static with CRF", "dynamic",
        "dynamic with CRF",
      ]
      for (index, row) in rows.enumerated() {
        // Ten rows in the order of the pipeline file: name, number of images, then scores in percent.
        let line = try #require(lines.first { $0.hasPrefix("\(row)  ") }, "no row \(row) in \(table)")
        let cells = line.dropFirst(row.count).split(separator: " ")
        #expect(cells.first == (index < 4 ? "6" : "3") && cells.count == 8, "\(line)")
      }
      for name in [
        "table/table.csv", "table/table.json", "table/pictures/train.png", "ssdd/masks/train-0000.png",
        "infer-dynamic/masks-crf/val-0002.png",
      ] {
        #expect(exists(name), "\(name)")
      }
      #expect(exists("cam/part-2-of-2.json") && exists("psa/part-3-of-3.h5") && !exists("seg-dynamic/unfinished"))
    }

    /// An image that was cut short is made again, and nothing else. One that is spoilt within its size stops make at
    /// the next step that reads it, with the stage's message; `verify` finds it, and the next make does the rest.
    private func checkSpoiltImage() throws {
      let image = folder.file("runs/tiny/scenes/images/train-0002.png")
      let whole = try Data(contentsOf: URL(fileURLWithPath: image))
      try whole.prefix(100).write(to: URL(fileURLWithPath: image))
      #expect(try make().steps == ["scenes"])
      #expect(try Data(contentsOf: URL(fileURLWithPath: image)) == whole)

      try (whole.prefix(100) + Data(repeating: 7, count: whole.count - 100)).write(to: URL(fileURLWithPath: image))
      #expect(try make().steps.isEmpty)
      try edit("bg-bias: 0.1", "bg-bias: 0")
      let before = try Data(contentsOf: URL(fileURLWithPath: folder.file("runs/tiny/ssdd/part-1-of-1.json")))
      let stopped = try make(expecting: 2)
      #expect(stopped.steps == ["ssdd"])
      #expect(
        stopped.output.contains("ssdd-merge: runs/tiny/scenes/images/train-0002.png: train-0002: damaged PNG"),
        "\(stopped.output)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("runs/tiny/ssdd/part-1-of-1.json"))) == before)
      let verified = try Programs.run("pipeline", ["verify", "tiny.yaml"], in: folder.path)
      #expect(verified.status == 65)
      #expect(
        verified.output.contains(
          "scenes: runs/tiny/scenes/images/train-0002.png has other content than when it was made"),
        "\(verified.output)")
      let rest = try make()
      #expect(rest.steps.isSuperset(of: ["scenes", "ssdd"]) && !rest.steps.contains("ddnet-train"))
      // The images before the spoilt one were finished by the run that stopped at it.
      #expect(rest.output.contains("ssdd-merge: going on: 2 of 6 images were done before"), "\(rest.output)")
      #expect(try make().steps.isEmpty)
    }

    /// Killed with all its children while a network is trained; the next make goes on from there.
    private func checkKilledMake() throws {
      try edit(
        "seg-psa: {stage: train-seg, inputs: {weights: cam-train, seeds: psa-crf}, parameters: *seg-parameters}",
        """
        seg-psa:
            stage: train-seg
            inputs: {weights: cam-train, seeds: psa-crf}
            parameters: {epochs: 60, batch: 3, crop: 48, resize-min: 48, resize-max: 64, head-dilation: 2, \
            checkpoint-every: 1}
        """)
      let rules = try Programs.run("pipeline", ["rules", "tiny.yaml", "--programs", Programs.folder], in: folder.path)
      try #require(rules.status == 0, "\(rules.output)")
      let before = try Data(contentsOf: URL(fileURLWithPath: folder.file("runs/tiny/seg-psa/weights.h5")))
      let killed = try Programs.run("/usr/bin/env", ["make", "-f", "runs/tiny/rules.mk"], in: folder.path) {
        exists("seg-psa/unfinished/checkpoint.h5")
      }
      #expect(killed.wasKilled && exists("seg-psa/unfinished/checkpoint.h5"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("runs/tiny/seg-psa/weights.h5"))) == before)
      let rest = try make()
      #expect(
        rest.steps.contains("seg-psa")
          && rest.steps.isSubset(of: ["seg-psa", "infer-psa", "eval-seg-psa", "eval-seg-psa-crf", "table"]))
      #expect(rest.output.contains("train-seg: going on after step "), "\(rest.output)")
      #expect(!exists("seg-psa/unfinished"))
    }
  }
}
