import Foundation
import PipelineGraph
import Testing

/// Steps with a matrix: the cells, how they are wired, what make does with them, and what is said of wrong ones.
@Suite struct MatrixTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  static let yaml = """
    manifest: {step: scenes}
    steps:
      scenes: {stage: make-scenes}
      net: {stage: train-cam}
      cam: {stage: cam-infer, inputs: {weights: net}}
      crf: {stage: crf, inputs: {scores: cam}, matrix: {gaussian-weight: [1, 3.0], bilateral-weight: [5, 10]}, \
      parameters: {split: train}}
      dd: {stage: train-ddnet, inputs: {weights: net, knowledge: cam, advice: {step: crf, cell: {bilateral-weight: \
      10}}}}
      merge: {stage: ssdd-merge, inputs: {weights: dd, knowledge: cam, advice: crf}, shards: 2}
      e-crf: {stage: evaluate, inputs: {masks: crf}}
      e-merge: {stage: evaluate, inputs: {masks: merge}}
      table: {stage: summarize, inputs: {evaluation: {CRF: e-crf, SSDD: {step: e-merge, cell: {gaussian-weight: 3}}}}, \
      final: true}

    """

  private func command(_ pipeline: Pipeline, _ step: String) throws -> String {
    pipeline.command(of: try #require(pipeline[step], "no step \(step)")).joined(separator: " ").replacingOccurrences(
      of: bench.path("runs/test"), with: "~")
  }

  @Test func aCellIsEveryCombination() throws {
    let pipeline = try bench.pipeline(Self.yaml)
    #expect(
      pipeline.cells(of: "crf").map(\.name) == [
        "crf/gaussian-weight-1+bilateral-weight-5", "crf/gaussian-weight-1+bilateral-weight-10",
        "crf/gaussian-weight-3+bilateral-weight-5",
        "crf/gaussian-weight-3+bilateral-weight-10",
      ])
    #expect(pipeline.cells(of: "cam").map(\.name) == ["cam"])
    #expect(pipeline.families == ["scenes", "net", "cam", "crf", "dd", "merge", "e-crf", "e-merge", "table"])
    #expect(
      try command(pipeline, "crf/gaussian-weight-3+bilateral-weight-5")
        == "crf --manifest ~/scenes/manifest.yaml --data ~/scenes --out ~/crf/gaussian-weight-3+bilateral-weight-5 "
        + "--threads 0 --scores ~/cam "
        + "--split train --gaussian-weight 3.0 --bilateral-weight 5.0")
  }

  @Test func cellsAreReadCellByCellAndInputsWithNamesTakeAll() throws {
    let pipeline = try bench.pipeline(Self.yaml)
    // One axis is pinned, so the training has the other one; the merge has both again from the CRF.
    #expect(pipeline.cells(of: "dd").map(\.name) == ["dd/gaussian-weight-1", "dd/gaussian-weight-3"])
    let merge = try command(pipeline, "merge/gaussian-weight-3+bilateral-weight-5")
    #expect(
      merge.hasSuffix(
        "--weights ~/dd/gaussian-weight-3/weights.h5 --knowledge ~/cam --advice "
          + "~/crf/gaussian-weight-3+bilateral-weight-5"
      ), "\(merge)")
    #expect(
      try command(pipeline, "table").hasSuffix(
        "--evaluation CRF (gaussian-weight 1, bilateral-weight "
          + "5)=~/e-crf/gaussian-weight-1+bilateral-weight-5/evaluation.json "
          + "--evaluation CRF (gaussian-weight 1, bilateral-weight "
          + "10)=~/e-crf/gaussian-weight-1+bilateral-weight-10/evaluation.json "
          + "--evaluation CRF (gaussian-weight 3, bilateral-weight "
          + "5)=~/e-crf/gaussian-weight-3+bilateral-weight-5/evaluation.json "
          + "--evaluation CRF (gaussian-weight 3, bilateral-weight "
          + "10)=~/e-crf/gaussian-weight-3+bilateral-weight-10/evaluation.json "
          + "--evaluation SSDD (bilateral-weight 5)=~/e-merge/gaussian-weight-3+bilateral-weight-5/evaluation.json "
          + "--evaluation SSDD (bilateral-weight 10)=~/e-merge/gaussian-weight-3+bilateral-weight-10/evaluation.json"))
  }

  @Test func oneAxisOfTwoSidesIsWalkedTogether() throws {
    let yaml = """
      manifest: {step: scenes}
      steps:
        scenes: {stage: make-scenes}
        net: {stage: train-cam, matrix: {seed: [4, 5]}}
        cam: {stage: cam-infer, inputs: {weights: net}, matrix: {flip: [true, false], scales: [1, [0.5, 1]]}}
        seg: {stage: train-seg, inputs: {weights: net, seeds: cam}, matrix: {seed: [4, 5]}}

      """
    let pipeline = try bench.pipeline(yaml)
    #expect(
      pipeline.cells(of: "cam").map(\.name).prefix(2) == [
        "cam/seed-4+flip-true+scales-1", "cam/seed-4+flip-true+scales-0.5_1",
      ])
    #expect(pipeline.cells(of: "cam").count == 8 && pipeline.cells(of: "seg").count == 8)
    #expect(try command(pipeline, "net/seed-5").hasSuffix("--threads 0 --seed 5"))
    let seg = try command(pipeline, "seg/seed-5+flip-false+scales-0.5_1")
    #expect(
      seg.hasSuffix("--seed 5 --weights ~/net/seed-5/weights.h5 --seeds ~/cam/seed-5+flip-false+scales-0.5_1"), "\(seg)"
    )
    #expect(try command(pipeline, "cam/seed-5+flip-false+scales-0.5_1").hasSuffix("--scales 0.5,1.0 --no-flip"))
    // Another order is another list: which cells belong together would be a guess.
    let other = yaml.replacingOccurrences(
      of: "seeds: cam}, matrix: {seed: [4, 5]}", with: "seeds: cam}, matrix: {seed: [5, 4]}")
    #expect(
      try bench.problems(other) == ["6:3: step seg: expected one list of values for the axis seed, found 4, 5 and 5, 4"]
    )
  }

  @Test(arguments: [["-j1"], ["-j4"]]) func makeRunsCellsAloneAndTogether(_ arguments: [String]) throws {
    try bench.installFakeStages()
    let pipeline = try bench.pipeline(Self.yaml)
    #expect(
      try bench.make(pipeline, arguments + ["crf/gaussian-weight-3+bilateral-weight-5"]) == [
        "cam", "gaussian-weight-3+bilateral-weight-5", "net", "scenes",
      ])
    #expect(try bench.make(pipeline, arguments + ["crf"]).count == 3)
    #expect(try bench.make(pipeline, arguments).count == 2 + 8 + 4 + 4 + 1)
    #expect(try bench.make(pipeline, arguments) == [])
    #expect(try bench.states(pipeline).allSatisfy { $0.isUpToDate && $0.seconds != nil })
    // One more value: its cells and the table. One value less: the table alone.
    let more = try bench.pipeline(
      Self.yaml.replacingOccurrences(of: "bilateral-weight: [5, 10]}", with: "bilateral-weight: [5, 10, 20]}"))
    #expect(try bench.waiting(more).count == 2 + 2 + 2 + 2 + 1)
    #expect(try bench.make(more, arguments).count == 2 + 4 + 2 + 2 + 1)
    #expect(try bench.make(pipeline, arguments) == ["table"])
  }

  @Test func aChangedCellRerunsWhatReadsIt() throws {
    try bench.installFakeStages()
    try bench.make(try bench.pipeline(Self.yaml))
    try FileManager.default.removeItem(atPath: bench.path("runs/test/crf/gaussian-weight-3+bilateral-weight-5"))
    let cell = "gaussian-weight-3+bilateral-weight-5"
    // It makes the same again, so nothing after it runs.
    #expect(try bench.make(try bench.pipeline(Self.yaml)) == [cell])
  }

  @Test func dotDrawsOneBoxForAllCells() throws {
    let dot = try bench.pipeline(Self.yaml).dot()
    #expect(dot.contains("\"crf\" [label=\"crf\\ncrf\\n4 cells: gaussian-weight, bilateral-weight\"];"))
    #expect(dot.components(separatedBy: "\"e-crf\" -> \"table\" [label=\"CRF\"];").count == 2)
  }

  static let head = """
    manifest: {step: scenes}
    steps:
      scenes: {stage: make-scenes}
      net: {stage: train-cam}
      cam: {stage: cam-infer, inputs: {weights: net}, matrix: {background-power: [4, 16]}}

    """

  private static let many = (1...101).map { $0 }

  static let wrong = [
    WrongFile(
      "unknown axis", "  x: {stage: train-cam, matrix: {epoch: [3]}}", at: "6:34",
      "unknown parameter of stage train-cam \"epoch\"", "\"epochs\"?"),
    WrongFile(
      "no list", "  x: {stage: train-cam, matrix: {epochs: 3}}", at: "6:42",
      "expected a list of values for epochs, found \"3\""),
    WrongFile("an empty list", "  x: {stage: train-cam, matrix: {epochs: []}}", at: "6:42", "found an empty list"),
    WrongFile(
      "a wrong value", "  x: {stage: train-cam, matrix: {epochs: [1, 2.5]}}", at: "6:46",
      "epochs: expected a whole number, found \"2.5\""),
    WrongFile(
      "out of range", "  x: {stage: train-cam, matrix: {epochs: [1, 0]}}", at: "6:46", "from 1 to 100000, found 0"),
    WrongFile(
      "a value twice", "  x: {stage: train-cam, matrix: {learning-rate: [0.1, 1e-1]}}", at: "6:55",
      "expected each value of learning-rate once"),
    WrongFile(
      "a value with a slash", "  x: {stage: train-cam, matrix: {split: [a/b]}}", at: "6:42",
      "a value is a part of a folder's name", "\"a/b\""),
    WrongFile(
      "in both places", "  x: {stage: train-cam, matrix: {epochs: [1]}, parameters: {epochs: 2}}", at: "6:34",
      "epochs in either `matrix:` or `parameters:`"),
    WrongFile(
      "no pairs", "  x: {stage: train-cam, matrix: [epochs]}", at: "6:33",
      "expected matrix as `name: value` pairs, found a list"),
    WrongFile(
      "threads", "  x: {stage: train-cam, matrix: {threads: [1, 2]}}", at: "6:34",
      "unknown parameter of stage train-cam \"threads\""),
    WrongFile(
      "too many cells", "  x: {stage: train-cam, matrix: {seed: \(many), epochs: \(many)}}", at: "6:3",
      "expected at most 10000 cells, found more"),
    WrongFile(
      "unknown axis of a cell", "  x: {stage: evaluate, inputs: {masks: {step: cam, cell: {background-powr: 4}}}}",
      at: "6:59",
      "unknown axis of step cam \"background-powr\"", "did you mean \"background-power\"?"),
    WrongFile(
      "unknown value of a cell", "  x: {stage: evaluate, inputs: {masks: {step: cam, cell: {background-power: 17}}}}",
      at: "6:77",
      "unknown value of the axis background-power of step cam \"17\"", "did you mean \"16\"?"),
    WrongFile(
      "a value of another kind", "  x: {stage: evaluate, inputs: {masks: {step: cam, cell: {background-power: low}}}}",
      at: "6:77",
      "background-power: expected a number, found \"low\""),
    WrongFile(
      "a cell of a step without", "  x: {stage: cam-infer, inputs: {weights: {step: net, cell: {seed: 4}}}}",
      at: "6:62", "unknown axis of step net \"seed\"", "there are none"),
    WrongFile(
      "a final step with cells",
      "  x: {stage: summarize, matrix: {images: [1, 2]}, inputs: {evaluation: {A: {path: /}}}, final: true}",
      at: "6:3", "final: expected one table, found step x with the axes images"),
    WrongFile(
      "a cycle of cells",
      "  x: {stage: train-cam, inputs: {weights: y}, matrix: {epochs: [1, 2]}}\n  y: {stage: train-cam, inputs: "
        + "{weights: x}}",
      at: "6:3",
      "a cycle: x needs y needs x"),
  ]

  @Test(arguments: wrong) func isToldAtItsPlace(_ wrong: WrongFile) throws {
    let problems = try bench.problems(Self.head + wrong.steps + "\n")
    let first = problems.first ?? "nothing"
    #expect(problems.count == 1, "\(problems)")
    #expect(first.hasPrefix(wrong.place), "\(first)")
    for words in wrong.words { #expect(first.contains(words), "\(first)") }
  }

  @Test func manifestOfACellIsRefused() throws {
    #expect(
      try bench.problems("manifest: {step: s}\nsteps: {s: {stage: make-scenes, matrix: {train: [1, 2]}}}") == [
        "1:11: manifest: expected a step without a matrix, found \"s\" with the axes train"
      ])
  }

  @Test func importedNetworksAreGivenTheManifest() throws {
    try bench.write("weights", to: "net.pth")
    let pipeline = try bench.pipeline(
      """
      manifest: {step: scenes}
      steps:
        scenes: {stage: make-scenes}
        any: {stage: import-weights, inputs: {from: \(bench.path("net.pth"))}}
        some: {stage: import-weights, inputs: {from: \(bench.path("net.pth"))}, matrix: {network: [any, classifier]}}

      """)
    #expect(try #require(pipeline["any"]).manifest == nil && pipeline["some/network-any"]?.manifest == nil)
    #expect(
      try command(pipeline, "some/network-classifier").hasPrefix(
        "import-weights --manifest ~/scenes/manifest.yaml --data ~/scenes "))
    let without =
      "steps: {some: {stage: import-weights, inputs: {from: \(bench.path("net.pth"))}, parameters: {network: "
      + "affinity}}}"
    #expect(try bench.problems(without).first?.contains("stage import-weights reads a data set") == true)
  }
}
