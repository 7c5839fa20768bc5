import ArgumentParser
import MethodChoices
import StageInterface
import Testing

/// A small stage: what CONTRIBUTING.md says of adding a parameter holds for each of its options.
struct BlurOptions: StageOptions, TrainingStage {
  static let stage = StageHeader(
    "blur", "Blur score maps.", details: "Slowly.", example: "--scores psa --out o", output: .maps, algorithmVersion: 3)
  static let training = TrainingDefaults(
    epochs: .preset { $0 == .reference ? 7 : 5 }, batch: 4, resize: 64...96, learningRate: 0.5)

  struct Inputs: ParsableArguments, Sendable {
    @Option(.input("scores", [.scores], "Score maps.")) var scores: String
    @Option(.input("mask", [.masks, .scores], "Where.")) var mask: String?
    @Option(.namedInputs("more", [.scores], isRequired: false, "Others.")) var more: [NamedPath]
  }

  enum Kernel: String, Sendable, CaseIterable { case box, gauss }

  @OptionGroup(title: "Inputs") var inputs: Inputs
  @OptionGroup(title: "Data set") var data: DataSetOptions
  @OptionGroup(title: "Running") var common: CommonOptions
  @OptionGroup(title: "Training") var training: TrainingOptions<BlurOptions>
  @Option(.shard) var shard: Shard
  @Option(
    .number(
      "radius", NumberRange(above: 0, to: 64, or: -1), unit: "pixels", default: 2, "How far; -1: as far as it goes."))
  var radius: Double
  @Option(.choice("kernel", default: .value(.gauss), "Which kernel.")) var kernel: Kernel
  @Flag(.flag("twice", default: false, "Do it again.")) var isTwice: Bool
  @Flag(.flag("edges", default: .depends("on with --twice"), "Keep edges.")) var givenEdges: Bool?

  mutating func validate() throws { givenEdges = givenEdges ?? isTwice }
}

@Suite struct ExampleStageTests {
  private let stage = StageDeclaration(BlurOptions.self)
  private let needed = ["--scores", "s", "--manifest", "m", "--out", "o"]

  @Test func isReadAsData() throws {
    #expect(stage.name == "blur" && stage.algorithmVersion == 3 && stage.isShardable)
    #expect(stage.inputs.map(\.name) == ["scores", "mask", "more"])
    #expect(stage.inputs.map(\.arity) == [.required, .optional, .optionalNamed])
    #expect(stage.input("mask")?.accepts == [.masks, .scores])
    #expect(stage.parameters.suffix(4).map(\.name) == ["radius", "kernel", "twice", "edges"])
    let radius = try #require(stage.parameter("radius"))
    #expect(
      radius.kind == .number(NumberRange(above: 0, to: 64, or: -1)) && radius.unit == "pixels"
        && radius.standard == .value("2.0"))
    #expect(stage.parameter("kernel")?.kind == .choice(["box", "gauss"]))
    #expect(stage.parameter("edges")?.standard == .depends("on with --twice"))
    #expect(stage.parameter("epochs")?.standard == .depends("5; 7 with --preset reference"))
    #expect(stage.parameter("batch")?.standard == .value("4") && stage.parameter("batch")?.section == "Training")
    #expect(stage.parameter("out") == nil && stage.parameter("shard") == nil && stage.parameter("scores") == nil)
  }

  @Test func isACommandLine() throws {
    let options = try BlurOptions.parse(
      needed + ["--radius", "2.50", "--twice", "--more", "A=a", "--more", "B=b=c", "--shard", "2/3"])
    #expect(options.radius == 2.5 && options.kernel == .gauss && options.isTwice && options.givenEdges == true)
    #expect(options.inputs.more.map(\.name) == ["A", "B"] && options.inputs.more.map(\.path) == ["a", "b=c"])
    #expect(options.shard == Shard(index: 2, count: 3) && options.training.epochs == 5 && options.training.batch == 4)
    #expect(try BlurOptions.parse(needed + ["--radius=-1"]).radius == -1)
    let help = BlurOptions.helpMessage(columns: 200)
    #expect(help.contains("How far; -1: as far as it goes. [pixels; -1, or above 0, to 64] (default: 2)"))
    #expect(help.contains("Which kernel. [box, gauss] (default: gauss)"))
    #expect(help.contains("Do it again. (default: --no-twice)"))
    #expect(help.contains("Keep edges. (default: on with --twice)"))
  }

  @Test func isCheckedWithTheWordsOfTheProgram() {
    func problem(_ arguments: [String]) -> String {
      do {
        _ = try stage.canonicalParameters(of: arguments)
        return ""
      } catch { return "\(error)" }
    }
    #expect(problem(needed) == "")
    #expect(problem(needed + ["--radius", "0"]).hasSuffix("expected -1, or a number above 0, at most 64, found 0"))
    #expect(problem(needed + ["--kernel", "Box"]).hasSuffix("expected one of box, gauss, found \"Box\""))
    #expect(problem(needed + ["--resize-max", "32"]) == "--resize-max: expected at least --resize-min 64, found 32")
    #expect(problem(["--manifest", "m", "--out", "o"]) == "Missing expected argument '--scores <PATH>'")
    #expect(problem(needed + ["--mor", "A=a"]).hasPrefix("Unknown option '--mor'"))
    #expect(problem(needed + ["--more", "A"]).hasSuffix("expected NAME=PATH, found \"A\""))
  }

  @Test func isRecorded() throws {
    let values = try stage.canonicalParameters(
      of: needed + ["--radius", "2.0", "--seed", "3", "--shard", "1/2", "--checkpoint-every", "5"])
    #expect(values == (try stage.canonicalParameters(of: needed)))
    #expect(values.map(\.name).contains("radius") && values.contains(CanonicalParameter(name: "edges", value: "false")))
    // Paths, shard, seed and whatever changes no output stand elsewhere or nowhere.
    #expect(
      Set(values.map(\.name)).isDisjoint(with: [
        "scores", "manifest", "out", "shard", "seed", "threads", "quiet", "checkpoint-every",
      ]))
  }

  @Test func isDocumented() {
    let text = StageDocument(StageCatalogue([stage])).markdown
    for line in [
      "| `--radius` | number, -1, or above 0, to 64 | pixels | 2 | How far; -1: as far as it goes. |",
      "| `--twice`, `--no-twice` | flag |  | false | Do it again. |",
      "| `--edges`, `--no-edges` | flag |  | on with --twice | Keep edges. |",
      "| `--epochs` | whole number, 1 to 100000 |  | 5; 7 with --preset reference | Passes over the images. |",
      "| `--mask` | masks or scores, optional | Where. |",
      "| `--more` | scores, with names: `NAME=PATH`, repeated; optional | Others. |",
      "| `--manifest` | path |  | required | The data set: classes, splits and items. |",
      "Makes scores and masks: `part-I-of-N.json` per shard, written last. Reads the data set. Can be divided. "
        + "Algorithm 3.",
    ] {
      #expect(text.contains("\n\(line)\n"), "\(line)")
    }
  }
}
