import ArgumentParser
import Foundation
import MethodChoices
import StageInterface
import Testing

/// What the types make of a declaration.
@Suite struct DeclarationTests {
  /// The command line that every stage needs at least: its required options with some path.
  static func minimal(_ stage: StageDeclaration) -> [String] {
    let required = stage.options.filter { $0.standard == .required }.flatMap { option in
      ["--\(option.name)", option.kind == .namedPath ? "A=a" : "x"]
    }
    let either: [String: [String]] = [
      "import-voc": ["--root", "x"], "psa-infer": ["--scores", "x"], "evaluate": ["--masks", "x", "--manifest", "x"],
      "summarize": ["--evaluation", "A=a"],
      "crf": ["--scores", "x", "--manifest", "x"],
    ]
    return required + (either[stage.name] ?? [])
  }

  private func stage(_ name: String) throws -> StageDeclaration { try #require(StageCatalogue.standard[name]) }

  private func values(_ name: String, _ arguments: [String]) throws -> [String: String] {
    let stage = try stage(name)
    let parameters = try stage.canonicalParameters(of: Self.minimal(stage) + arguments)
    #expect(parameters.map(\.name) == parameters.map(\.name).sorted())
    return Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.value) })
  }

  private func problem(_ name: String, _ arguments: [String]) throws -> String {
    let stage = try stage(name)
    do {
      _ = try stage.canonicalParameters(of: Self.minimal(stage) + arguments)
      return "nothing"
    } catch { return "\(error)" }
  }

  /// Every default, written out, gives what it gives left out; so does every other spelling of it.
  @Test(arguments: StageCatalogue.standard.stages.map(\.name)) func aDefaultWrittenOutIsTheDefaultLeftOut(
    _ name: String
  ) throws {
    let stage = try stage(name)
    let left = try stage.canonicalParameters(of: Self.minimal(stage))
    for option in stage.parameters {
      guard case .value(let value) = option.standard, option.isRecorded else { continue }
      #expect(try option.kind.canonical(value) == value, "\(option.name)")
      #expect(left.contains(CanonicalParameter(name: option.name, value: value)), "\(option.name)")
      for spelling in Set([value, option.standardText ?? value, option.kind.otherSpelling(of: value)])
      where spelling != "empty" {
        let words =
          option.kind == .flag
          ? [spelling == "true" ? "--\(option.name)" : "--no-\(option.name)"]
          : spelling.hasPrefix("-") ? ["--\(option.name)=\(spelling)"] : ["--\(option.name)", spelling]
        #expect(try stage.canonicalParameters(of: Self.minimal(stage) + words) == left, "\(words)")
      }
    }
  }

  /// What follows from other options, written out, is the same as left out.
  @Test(arguments: [
    ("train-seg-dynamic", [], ["--epochs", "30", "--no-square"]),
    ("train-seg-dynamic", ["--preset", "reference"], ["--epochs", "41", "--square"]),
    ("train-ddnet", ["--preset", "reference"], ["--epochs", "10", "--square"]),
    ("train-cam", [], ["--statistics", "batch", "--frozen", "none"]),
    ("train-cam", ["--weights", "w"], ["--statistics", "frozen", "--frozen", "firstStage"]),
    ("train-cam", ["--weights", "w", "--backbone", "squeezenet"], ["--frozen", "none"]),
    ("train-cam", ["--weights", "w", "--backbone", "resnet50-irn"], ["--frozen", "firstConvolution"]),
    ("infer-seg", ["--preset", "reference"], ["--fusion", "softmaxOfSumSquare"]),
    ("import-voc", [], ["--name", "voc2012"]),
  ])
  func whatFollowsFromOtherOptionsIsRecorded(name: String, given: [String], follows: [String]) throws {
    let short = try values(name, given)
    #expect(try values(name, given + follows) == short)
    for (option, value) in zip(follows, follows.dropFirst() + [""])
    where option.hasPrefix("--") && !value.hasPrefix("--") && !value.isEmpty {
      #expect(short[String(option.dropFirst(2))] == value)
    }
  }

  @Test func spellingsBecomeOne() throws {
    #expect(
      try values("cam-infer", ["--scales", "1, 0.50", "--background-power", "1e1", "--memory", "2048M"]) == [
        "background-power": "10.0", "background-threshold": "-1.0", "flip": "true", "memory": "2147483648",
        "scales": "1.0,0.5", "split": "train",
      ])
    #expect(try values("cam-infer", ["--background-threshold=-0.0"])["background-threshold"] == "0.0")
    #expect(try values("train-cam", ["--epochs", "007"])["epochs"] == "7")
    // How often a checkpoint is written, where the outputs go and how loudly are no parameters.
    let usual = try values("train-cam", [])
    #expect(
      try values(
        "train-cam", ["--checkpoint-every", "3", "--threads", "2", "--quiet", "--no-provenance", "--seed", "4"])
        == usual)
  }

  /// Rules between options, in the words that a program ends with and a pipeline's check reports.
  @Test(arguments: [
    (
      "train-cam", ["--resize-min", "512", "--resize-max", "448"],
      "--resize-max: expected at least --resize-min 512, found 448"
    ),
    (
      "train-cam", ["--resize-min", "0"],
      "--resize-min: expected 0 in both --resize-min and --resize-max, or in neither, found 0"
    ),
    ("train-cam", ["--memory", "1G", "--micro-batch", "2"], "give either --memory or --micro-batch"),
    ("train-cam", ["--batch", "4", "--micro-batch", "5"], "--micro-batch: expected at most --batch 4, found 5"),
    (
      "train-cam", ["--backbone", "squeezenet", "--width", "0.5"],
      "--backbone squeezenet comes in one size: expected --width 1 and --depth 1, found 0.5 and 1"
    ),
    ("train-seg", ["--crop", "96"], "--crop: expected at least 97 for --head-dilation 12, found 96"),
    ("train-ddnet", ["--crop", "96"], "--crop: expected at least 97 for --head-dilation 12, found 96"),
    ("train-seg-dynamic", ["--crop", "96"], "--crop: expected at least 97 for --head-dilation 12, found 96"),
    ("train-seg-dynamic", ["--warm-up-epochs", "31"], "--warm-up-epochs: expected at most --epochs 30, found 31"),
    (
      "train-seg-dynamic", ["--epochs", "3", "--warm-up-epochs", "4"],
      "--warm-up-epochs: expected at most --epochs 3, found 4"
    ),
    ("infer-seg", ["--crf-iterations", "5"], "--crf-iterations is of no use without --crf"),
    ("psa-infer", ["--cam-weights", "w"], "give either --scores or --cam-weights"),
    ("crf", ["--images", "i"], "give either --manifest and --scores, or --images and one of --masks and --npy"),
    ("crf", ["--confidence", "0.9"], "give either --manifest and --scores, or --images and one of --masks and --npy"),
    ("evaluate", ["--merge", "d"], "give either --masks or --merge"),
    ("import-voc", ["--images", "d"], "give either --root or --images"),
    (
      "import-weights", ["--network", "static"],
      "--network static needs --manifest, whose classes the network is for; found none"
    ),
    (
      "export-weights", ["--file", "w.bin"],
      "--file: expected a name that ends in .pth, .pt, .safetensors, .h5 or .hdf5, or a --format, found `w.bin`"
    ),
    ("summarize", ["--masks", "A=a"], "--masks and --predictions need --manifest FILE, found none"),
    // What used to be let through: it trapped, or was ignored.
    (
      "cam-infer", ["--background-power", "0"],
      "The value '0' is invalid for '--background-power <X>': expected a number above 0, at most 1024, found 0"
    ),
    (
      "crf", ["--background-power", "0"],
      "The value '0' is invalid for '--background-power <X>': expected -1, or a number above 0, at most 1024, found 0"
    ),
    ("train-cam", ["--shard", "1/2"], "Unknown option '--shard'"),
    ("summarize", ["--shard", "1/2"], "Unknown option '--shard'"),
    (
      "train-cam", ["--width", "8.5"],
      "The value '8.5' is invalid for '--width <X>': expected a number above 0, at most 8, found 8.5"
    ),
    (
      "train-cam", ["--crop", "50"],
      "The value '50' is invalid for '--crop <N>': expected a multiple of 8 from 32 to 4096, found 50"
    ),
    (
      "train-cam", ["--momentum", "1"],
      "The value '1' is invalid for '--momentum <X>': expected a number from 0, below 1, found 1"
    ),
    (
      "train-cam", ["--learning-rate", "nan"],
      "The value 'nan' is invalid for '--learning-rate <X>': expected a number, found \"nan\""
    ),
    (
      "evaluate", ["--variant", "mask"],
      "The value 'mask' is invalid for '--variant <CHOICE>': expected one of masks, masks-crf, found \"mask\""
    ),
  ])
  func wrongCommandLines(name: String, arguments: [String], message: String) throws {
    let problem = try problem(name, arguments)
    #expect(problem.hasPrefix(message), "\(problem)")
  }

  /// Options that would have no effect beside the others, one case per rule. `minimal` is a command line of its own
  /// where the rule needs one.
  @Test(arguments: [
    ("psa-infer", ["--scales", "1"], "--scales is of no use with --scores, whose maps are made already"),
    ("psa-infer", ["--no-flip"], "--flip is of no use with --scores, whose maps are made already"),
    ("psa-infer", ["--memory", "1G"], "--memory is of no use with --scores, whose maps are made already"),
    ("infer-seg", ["--side", "320"], "--side is of no use without --fusion softmaxOfSumSquare"),
    (
      "infer-seg", ["--side", "320", "--preset", "reference", "--fusion", "meanKeepingRatio"],
      "--side is of no use without --fusion softmaxOfSumSquare"
    ),
    ("infer-seg", ["--crf-temperature", "2"], "--crf-temperature is of no use without --crf"),
    (
      "ssdd-merge", ["--no-class-guard", "--shrink-threshold", "0.3"],
      "--shrink-threshold is of no use with --no-class-guard"
    ),
    (
      "ssdd-merge", ["--no-class-guard", "--no-absent-class-is-bad"],
      "--absent-class-is-bad is of no use with --no-class-guard"
    ),
    ("summarize", ["--images", "3"], "--images is of no use without --masks or --predictions"),
    ("summarize", ["--ignore-palette"], "--ignore-palette is of no use without --masks or --predictions"),
    ("summarize", ["--predictions-split", "test"], "--predictions-split is of no use without --predictions"),
    ("summarize", ["--predictions-variant", "masks-crf"], "--predictions-variant is of no use without --predictions"),
    ("summarize", ["--data", "d"], "--data is of no use without --manifest"),
    (
      "train-cam", ["--augmentation", "none", "--resize-max", "640"],
      "--resize-max is of no use with --augmentation none, which resizes nothing"
    ),
    (
      "train-cam", ["--backbone", "squeezenet", "--statistics", "batch"],
      "--statistics is of no use with --backbone squeezenet, which has no batch norm"
    ),
    ("train-seg", ["--augmentation", "none", "--square"], "--square is of no use where images are not resized"),
    (
      "train-ddnet", ["--resize-min", "0", "--resize-max", "0", "--square"],
      "--square is of no use where images are not resized"
    ),
    (
      "train-seg-dynamic", ["--augmentation", "none", "--square"], "--square is of no use where images are not resized"
    ),
    (
      "train-seg-dynamic", ["--epochs", "3", "--write-masks-at", "1,4"],
      "--write-masks-at: expected epochs up to --epochs 3, found 4"
    ),
    (
      "import-weights", ["--manifest", "m"],
      "--manifest is of no use without --network, which says what the weights are of"
    ),
    (
      "import-weights", ["--head-channels", "64"],
      "--head-channels is of no use without --network, which says what the weights are of"
    ),
    (
      "import-weights", ["--network", "classifier", "--manifest", "m", "--head-dilation", "4"],
      "--head-dilation is of no use with --network classifier, which has none"
    ),
    (
      "import-weights", ["--network", "segmentation", "--manifest", "m", "--difference-channels", "64"],
      "--difference-channels is of no use with --network segmentation, which has none"
    ),
    (
      "import-weights", ["--network", "classifier", "--manifest", "m", "--backbone", "squeezenet", "--width", "0.5"],
      "--width is of no use with --backbone squeezenet, which comes in one size"
    ),
    ("import-weights", ["--format", "hdf5", "--key", "net"], "--key is of no use with --format hdf5"),
    ("import-weights", ["--format", "pytorch", "--keep-names"], "--keep-names is of no use with --format pytorch"),
  ])
  func optionsWithoutEffectAreRefused(name: String, arguments: [String], message: String) throws {
    #expect(try problem(name, arguments) == message)
  }

  /// The same of command lines that are not `minimal`'s, and their sound counterparts.
  @Test func optionsWithoutEffectOfOtherFormsOfAStageAreRefused() throws {
    func problem(_ name: String, _ arguments: [String]) throws -> String {
      do {
        _ = try stage(name).request(of: arguments + ["--out", "o"])
        return ""
      } catch { return "\(error)" }
    }
    let merge = "is of no use with --merge, which reads parts that are scored already"
    for given in [
      ["--manifest", "m"], ["--split", "train"], ["--shard", "1/2"], ["--variant", "masks-crf"], ["--ignore-palette"],
      ["--submission", "comp6"],
    ] {
      #expect(try problem("evaluate", ["--merge", "d"] + given) == "\(given[0]) \(merge)")
    }
    #expect(try problem("evaluate", ["--merge", "d", "--name", "x"]) == "")
    let folders = ["--images", "i", "--masks", "m"]
    for given in [["--split", "val"], ["--skip-damaged"]] {
      #expect(try problem("crf", folders + given) == "\(given[0]) is of no use with plain folders")
    }
    #expect(try problem("crf", folders + ["--shard", "1/2", "--split", "train"]) == "")
    let psa = ["--affinity", "a", "--manifest", "m"]
    #expect(try problem("psa-infer", psa + ["--cam-weights", "c", "--scales", "1", "--memory", "1G"]) == "")
    #expect(try problem("psa-infer", psa + ["--scores", "c", "--scales", "1,0.5,1.5,2"]) == "")
    let infer = ["--weights", "w", "--manifest", "m"]
    #expect(try problem("infer-seg", infer + ["--preset", "reference", "--side", "320"]) == "")
  }

  /// A stage takes `--shard` if and only if it divides its work, and a data set if and only if it reads one.
  @Test func onlyStagesThatUseAnOptionHaveIt() {
    let stages = StageCatalogue.standard.stages
    #expect(
      Set(stages.filter { stage in stage.options.contains { $0.kind == .shard } }.map(\.name))
        == ["cam-infer", "psa-infer", "crf", "ssdd-merge", "infer-seg", "evaluate"])
    for stage in stages {
      #expect(stage.options.contains { $0.role == .dataSet } == (stage.manifestUse != .never), "\(stage.name)")
      #expect(Set(stage.options.map(\.name)).count == stage.options.count, "\(stage.name) has an option twice")
      #expect(stage.options.allSatisfy { $0.help.hasSuffix(".") && !$0.section.contains(":") }, "\(stage.name)")
    }
    #expect(Set(stages.map(\.name)).count == stages.count)
  }

  @Test func rangesIncludeAndExcludeTheirEnds() {
    #expect(IntegerRange(32...4096, multipleOf: 8).contains(32) && !IntegerRange(32...4096, multipleOf: 8).contains(36))
    #expect(IntegerRange(16...20, or: 0).contains(0) && !IntegerRange(16...20, or: 0).contains(15))
    #expect(!NumberRange(above: 0, to: 1).contains(0) && NumberRange(above: 0, to: 1).contains(1))
    #expect(NumberRange(0..<1).contains(0) && !NumberRange(0..<1).contains(1))
    #expect(NumberRange(0...1, or: -1).contains(-1) && !NumberRange(0...1, or: -1).contains(-0.5))
    #expect(
      "\(NumberRange(above: 0, to: 8))" == "above 0, to 8" && "\(IntegerRange(16...20, or: 0))" == "0, or 16 to 20")
  }
}

extension ValueKind {
  /// Another way to write a canonical value.
  fileprivate func otherSpelling(of value: String) -> String {
    switch self {
    case .integer: "0\(value)"
    case .number: value.hasPrefix("-") ? value + "0" : value.contains("e") ? value : "0\(value)0"
    case .numbers: value.split(separator: ",").map { " 0\($0)0" }.joined(separator: ",")
    default: value
    }
  }
}
