import Foundation
import Foundations
import PipelineGraph
import Testing

/// One wrong pipeline file, and the line, column and words that its message must have.
struct WrongFile: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let steps: String
  let place: String
  let words: [String]

  init(_ description: String, _ steps: String, at place: String, _ words: String...) {
    testDescription = description
    self.steps = steps
    self.place = place
    self.words = words
  }
}

@Suite struct ProblemTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  /// Stands on lines 1 to 4; what a case adds starts on line 5.
  static let head = """
    manifest: {step: scenes}
    steps:
      scenes: {stage: make-scenes}
      net: {stage: train-cam}

    """

  static let cases = [
    WrongFile(
      "unknown stage", "  x: {stage: cam-infre}", at: "5:14", "unknown stage \"cam-infre\"",
      "did you mean \"cam-infer\"?"),
    WrongFile(
      "unknown parameter", "  x: {stage: train-cam, parameters: {epoch: 3}}", at: "5:38",
      "unknown parameter of stage train-cam", "\"epochs\"?"),
    WrongFile(
      "unknown input", "  x: {stage: cam-infer, inputs: {weight: net}}", at: "5:34", "unknown input",
      "did you mean \"weights\"?"),
    WrongFile(
      "missing input", "  x: {stage: cam-infer}", at: "5:3", "needs the input \"weights\" (weights), found none"),
    WrongFile(
      "unknown step", "  x: {stage: cam-infer, inputs: {weights: nett}}", at: "5:43", "unknown step \"nett\"",
      "did you mean \"net\"?"),
    WrongFile(
      "a path where a step belongs", "  x: {stage: cam-infer, inputs: {weights: a/b.h5}}", at: "5:43", "{path: FILE}"),
    WrongFile(
      "missing file", "  x: {stage: cam-infer, inputs: {weights: {path: none.h5}}}", at: "5:50", "no such file: none.h5"
    ),
    WrongFile(
      "output of another kind", "  x: {stage: evaluate, inputs: {masks: net}}", at: "5:40",
      "expected masks, found step \"net\"", "makes weights"),
    WrongFile(
      "unknown key of a step", "  x: {stage: train-cam, shard: 2}", at: "5:25", "unknown key",
      "did you mean \"shards\"?"),
    WrongFile(
      "unknown key of the file", "parameter: {seed: 1}", at: "5:1", "unknown key \"parameter\"",
      "did you mean \"parameters\"?"),
    WrongFile("unknown default", "parameters: {epoch: 1}", at: "5:14", "unknown parameter \"epoch\"", "\"epochs\"?"),
    WrongFile(
      "not a whole number", "  x: {stage: train-cam, parameters: {epochs: 2.5}}", at: "5:46",
      "epochs: expected a whole number, found \"2.5\""),
    WrongFile(
      "out of range", "  x: {stage: train-cam, parameters: {epochs: 0}}", at: "5:46", "from 1 to 100000, found 0"),
    WrongFile(
      "not a number", "  x: {stage: train-cam, parameters: {learning-rate: half}}", at: "5:53",
      "learning-rate: expected a number, found \"half\""),
    WrongFile(
      "infinite", "  x: {stage: train-cam, parameters: {learning-rate: inf}}", at: "5:53",
      "learning-rate: expected a number"),
    WrongFile("a list for a number", "  x: {stage: train-cam, parameters: {dropout: [1]}}", at: "5:47", "found a list"),
    WrongFile(
      "not a flag", "  x: {stage: train-cam, parameters: {jitter: on}}", at: "5:46",
      "jitter: expected true or false, found \"on\""),
    WrongFile(
      "not of the choice", "  x: {stage: train-cam, parameters: {backbone: vgg}}", at: "5:48",
      "expected one of resnet38, squeezenet"),
    WrongFile(
      "one bad number of a list", "  x: {stage: cam-infer, inputs: {weights: net}, parameters: {scales: [1, 99]}}",
      at: "5:74", "scales: expected a number from"
    ),
    WrongFile(
      "an empty list", "  x: {stage: cam-infer, inputs: {weights: net}, parameters: {scales: []}}", at: "5:70",
      "found an empty list"),
    WrongFile("nothing for a value", "  x: {stage: train-cam, parameters: {epochs: }}", at: "5:46", "found nothing"),
    WrongFile("shards of a training", "  x: {stage: train-cam, shards: 2}", at: "5:33", "takes no shards", "cam-infer"),
    WrongFile(
      "no shards", "  x: {stage: cam-infer, inputs: {weights: net}, shards: 0}", at: "5:57",
      "shards: expected a whole number from 1"),
    WrongFile(
      "a slash in a name", "  a/b: {stage: train-cam}", at: "5:3", "the step's name \"a/b\" holds characters other than"
    ),
    WrongFile("a parent folder as a name", "  ..: {stage: train-cam}", at: "5:3", "the step's name \"..\" starts with"),
    WrongFile("a dollar in a name", "  a$b: {stage: train-cam}", at: "5:3", "the step's name"),
    WrongFile("a goal of the Makefile", "  test: {stage: train-cam}", at: "5:3", "`make test` does something else"),
    WrongFile(
      "a dollar in a text", "  x: {stage: train-cam, parameters: {split: a$(b)}}", at: "5:45",
      "expected a variable as $NAME"),
    WrongFile(
      "a quote in a text", "  x: {stage: train-cam, parameters: {split: \"a'b\"}}", at: "5:45", "must not have \"'\""),
    WrongFile(
      "a line break in a text", "  x: {stage: train-cam, parameters: {split: \"a\\nb\"}}", at: "5:45",
      "must not have a line break"),
    WrongFile(
      "a space in a path", "  x: {stage: import-weights, inputs: {from: a b}}", at: "5:45", "must not have a space",
      "symbolic link"),
    WrongFile(
      "a hash in a path", "  x: {stage: import-weights, inputs: {from: a#b}}", at: "5:45", "must not have \"#\""),
    WrongFile(
      "a colon in a path", "  x: {stage: import-weights, inputs: {from: 'a:b'}}", at: "5:45", "must not have \":\""),
    WrongFile(
      "an option for a path", "  x: {stage: import-weights, inputs: {from: -rf}}", at: "5:45", "must not have \"-\""),
    WrongFile(
      "an equals sign in a label", "  x: {stage: summarize, inputs: {evaluation: {a=b: net}}}", at: "5:47",
      "found \"a=b\""),
    WrongFile(
      "a variable that is not set", "  x: {stage: import-weights, inputs: {from: $WIGHTS}}", at: "5:45",
      "the variable WIGHTS is not set", "make WIGHTS="),
    WrongFile(
      "a crop that is no multiple", "  x: {stage: train-cam, parameters: {crop: 50}}", at: "5:44",
      "crop: expected a multiple of 8 from 32 to 4096, found 50"),
    WrongFile(
      "a power of zero", "  x: {stage: cam-infer, inputs: {weights: net}, parameters: {background-power: 0}}",
      at: "5:80",
      "background-power: expected a number above 0, at most 1024, found 0"),
    WrongFile(
      "no amount of memory", "  x: {stage: train-cam, parameters: {memory: 3X}}", at: "5:46",
      "expected an amount of memory such as 12G, found \"3X\""),
    WrongFile(
      "sizes the wrong way round", "  x: {stage: train-cam, parameters: {resize-min: 512, resize-max: 448}}", at: "5:3",
      "step x: --resize-max: expected at least --resize-min 512, found 448"),
    WrongFile(
      "a micro-batch larger than the batch", "  x: {stage: train-cam, parameters: {batch: 4, micro-batch: 8}}",
      at: "5:3",
      "step x: --micro-batch: expected at most --batch 4, found 8"),
    WrongFile(
      "two limits of memory", "  x: {stage: train-cam, parameters: {memory: 4G, micro-batch: 2}}", at: "5:3",
      "step x: give either --memory or --micro-batch"),
    WrongFile(
      "a trunk of a size it does not have", "  x: {stage: train-cam, parameters: {backbone: squeezenet, width: 0.5}}",
      at: "5:3",
      "step x: --backbone squeezenet comes in one size"),
    WrongFile(
      "a crop smaller than the head",
      "  x: {stage: train-seg, inputs: {weights: net, seeds: {path: .}}, parameters: {crop: 64}}", at: "5:3",
      "step x: --crop: expected at least 97 for --head-dilation 12, found 64"),
    WrongFile(
      "more warm-up than training",
      "  x: {stage: train-seg-dynamic, inputs: {weights: net, seeds: {path: .}}, parameters: {epochs: 3, "
        + "warm-up-epochs: 4}}",
      at: "5:3",
      "step x: --warm-up-epochs: expected at most --epochs 3, found 4"),
    WrongFile(
      "a CRF's number without the CRF",
      "  x: {stage: infer-seg, inputs: {weights: net}, parameters: {crf-iterations: 5}}", at: "5:3",
      "step x: --crf-iterations is of no use without --crf"),
    WrongFile(
      "a cell of a matrix", "  x: {stage: train-cam, matrix: {batch: [2, 16]}, parameters: {micro-batch: 4}}",
      at: "5:3",
      "step x/batch-2: --micro-batch: expected at most --batch 2, found 4"),
    WrongFile(
      "neither of two inputs", "  x: {stage: psa-infer, inputs: {affinity: net}}", at: "5:3",
      "step x: give either --scores or --cam-weights"),
    WrongFile("no stage", "  x: {inputs: {}}", at: "5:3", "expected `stage:`"),
    WrongFile("a step without fields", "  x: train-cam", at: "5:6", "expected `{stage: ...}`"),
    WrongFile("itself as input", "  x: {stage: train-cam, inputs: {weights: x}}", at: "5:3", "a cycle: x needs x"),
    WrongFile(
      "a cycle of three",
      "  a: {stage: train-cam, inputs: {weights: c}}\n  b: {stage: train-cam, inputs: {weights: a}}\n  c: {stage: "
        + "train-cam, inputs: {weights: b}}",
      at: "5:3", "a cycle: a needs c needs b needs a"),
    WrongFile(
      "a final step without a table", "  x: {stage: train-cam, final: true}", at: "5:3",
      "final: expected a step that makes a table"),
    WrongFile("the same key twice", "  net: {stage: train-cam}", at: "4:3", "expected each key once", "\"net\""),
    WrongFile(
      "braces without quotes", "  x: {stage: import-weights, inputs: {from: ${WEIGHTS}}}", at: "5:", "not YAML",
      "needs quotes"),
  ]

  @Test(arguments: cases) func isToldAtItsPlace(_ wrong: WrongFile) throws {
    let problems = try bench.problems(Self.head + wrong.steps + "\n")
    let first = problems.first ?? "nothing"
    #expect(problems.count == 1, "\(problems)")
    #expect(first.hasPrefix(wrong.place), "\(first)")
    for words in wrong.words { #expect(first.contains(words), "\(first)") }
  }

  @Test func everythingWrongIsToldInOrder() throws {
    let problems = try bench.problems(
      Self.head + "  x: {stage: nonsense}\n  y: {stage: train-cam, parameters: {epochs: -1, beta: 2}}\nextra: 1\n")
    #expect(problems.map { $0.prefix(4) } == ["5:14", "6:46", "6:50", "7:1:"])
  }

  @Test func missingManifestIsToldOnceForEachStep() throws {
    #expect(
      try bench.problems("steps: {x: {stage: train-cam}}") == [
        "1:9: step x: stage train-cam reads a data set: expected `manifest:` at the top of the file, found none"
      ])
    #expect(
      try bench.problems("manifest: none.yaml\nsteps: {x: {stage: train-cam}}") == [
        "1:11: manifest: no such file: none.yaml"
      ])
    #expect(
      try bench.problems("manifest: {step: x}\nsteps: {x: {stage: train-cam}}").first?.contains(
        "expected a step that makes scenes") == true)
    #expect(
      try bench.problems("manifest: {step: s}\ndata: nowhere\nsteps: {s: {stage: make-scenes}}") == [
        "2:7: data: no such folder: nowhere"
      ])
    #expect(
      try bench.problems("manifest: {step: s}\ndata: $DATA\nsteps: {s: {stage: make-scenes}, x: {stage: train-cam}}")
        .count == 1)
  }

  @Test func emptyAndMissingFiles() throws {
    #expect(try bench.problems("").first?.hasSuffix("expected a pipeline, found an empty file") == true)
    #expect(try bench.problems("- a\n").first?.contains("expected keys such as `steps:`, found a list") == true)
    #expect(try bench.problems("name: test\n").first?.contains("at least one step") == true)
    #expect(
      try bench.problems("name: other\nsteps: {a: {stage: make-scenes}}").first?.hasPrefix(
        "1:7: name: expected the file's own name \"test\"") == true)
    #expect {
      try Pipeline(contentsOf: bench.path("none.yaml"))
    } throws: { ($0 as? PipelineProblems)?.exitCode == Failure.Kind.noInput.rawValue }
  }

  @Test(arguments: ["a b", "a$b", "a#b", "a:b", "a;b", "a'b", "a\nb", "a=b", "a%b", "-x", "a*b", "a\\b", "a(b)", "~/x"])
  func outFolderWithSignsOfMakeOrShellIsRefused(_ out: String) throws {
    let problems = try bench.problems("steps: {a: {stage: make-scenes}}", variables: ["OUT": out])
    #expect(problems.count == 1 && problems[0].contains("OUT: a path must not have"), "\(problems)")
  }

  @Test func pathsWithAccentsAreFine() throws {
    #expect(
      try bench.problems("steps: {a: {stage: make-scenes}}", variables: ["OUT": "/tmp/José_Müller/ビルド+1,2@x"]) == [])
  }
}
