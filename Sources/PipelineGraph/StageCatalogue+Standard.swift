extension StageCatalogue {
  /// The stages under `Stages/`.
  public static let standard = StageCatalogue(sources + seeds + networks + reports)

  private static let sources = [
    StageDescription(
      "make-scenes",
      parameters: [
        .count("train"), .count("val"), .count("close-ups"), .init("width", .integer(32...4096)), .init("height", .integer(32...4096)),
      ],
      output: StageOutput([.scenes], .file("manifest.yaml")), manifest: .never),
    StageDescription(
      "import-voc",
      inputs: ["root", "train-aug", "images", "labels", "classes"].map { .init($0, [.externalFile], .optional) },
      parameters: [.init("name", .text), .init("digests", .flag), .init("strict", .flag)],
      output: StageOutput([.scenes], .file("manifest.yaml")), manifest: .never),
    StageDescription(
      "import-weights",
      inputs: [.init("from", [.externalFile])],
      parameters: [
        .init("format", .choice(["auto", "pytorch", "safetensors", "mxnet", "hdf5"])), .init("keep-names", .flag), .init("strip-prefix", .text),
        .init("network", .choice(["any", "classifier", "affinity", "segmentation", "static", "dynamic"])),
        .init("backbone", .choice(["squeezenet", "resnet38"])),
      ],
      output: .weights, manifest: .when(parameter: "network", isOneOf: ["classifier", "affinity", "segmentation", "static", "dynamic"])),
  ]

  private static let seeds = [
    StageDescription(
      "train-cam",
      inputs: [.init("weights", [.weights], .optional)],
      parameters: training + [
        .init("backbone", .choice(["squeezenet", "resnet38"])), .init("width", .number(0.01...4)), .init("depth", .number(0.01...4)),
        .init("dropout", .flag),
        .init("statistics", .choice(["frozen", "batch"])), .init("frozen", .choice(["none", "firstConvolution", "firstStage"])), .init("jitter", .flag),
      ],
      output: .weights),
    StageDescription(
      "cam-infer",
      inputs: [.init("weights", [.weights])],
      parameters: [.split, .scales, .flip, .memory, .backgroundPower, .init("background-threshold", .number(-1...1))],
      output: .maps, shardable: true),
    StageDescription(
      "train-affinity",
      inputs: [.init("weights", [.weights]), .init("low", [.scores]), .init("high", [.scores])],
      parameters: training + [.init("radius", .integer(2...32)), .init("jitter", .flag)],
      output: .weights),
    StageDescription(
      "psa-infer",
      inputs: [.init("affinity", [.weights]), .init("scores", [.scores], .optional), .init("cam-weights", [.weights], .optional)],
      parameters: [
        .split, .backgroundPower, .init("beta", .number(0...64)), .init("log-steps", .integer(0...16)), .init("radius", .integer(2...32)), .scales, .flip,
        .memory,
      ],
      output: .maps, shardable: true),
    StageDescription(
      "crf",
      inputs: [.init("scores", [.scores])],
      parameters: [.split, .init("background-power", .number(-1...1024))] + crf(prefix: ""),
      output: .maps, shardable: true),
  ]

  private static let networks = [
    StageDescription(
      "train-ddnet",
      inputs: [.init("weights", [.weights]), .init("knowledge", [.scores]), .init("advice", [.scores])],
      parameters: training + [.square, .init("channel-dropout", .flag)] + heads + difference,
      output: .weights),
    StageDescription(
      "ssdd-merge",
      inputs: [.init("weights", [.weights]), .init("knowledge", [.scores]), .init("advice", [.scores])],
      parameters: [.split] + difference + [.init("class-guard", .flag)],
      output: .maps, shardable: true),
    StageDescription(
      "train-seg",
      inputs: [.init("weights", [.weights]), .init("seeds", [.masks])],
      parameters: training + [.square] + heads,
      output: .weights),
    StageDescription(
      "train-seg-dynamic",
      inputs: [.init("weights", [.weights]), .init("seeds", [.masks]), .init("warm-up", [.weights], .optional)],
      parameters: training + [.square, .init("channel-dropout", .flag)] + heads + difference + [.init("alpha", .number(0...1)), .count("warm-up-epochs")]
        + crf(prefix: "crf-"),
      output: .weights),
    StageDescription(
      "infer-seg",
      inputs: [.init("weights", [.weights])],
      parameters: [
        .split, .scales, .flip, .memory, preset, .init("fusion", .choice(["meanKeepingRatio", "softmaxOfSumSquare"])), .init("side", .integer(16...8192)),
        .init("labels", .choice(["none", "image"])), .init("crf", .flag),
      ] + crf(prefix: "crf-"),
      output: .masks, shardable: true),
  ]

  private static let reports = [
    StageDescription(
      "export-weights",
      inputs: [.init("weights", [.weights])],
      parameters: [.init("file", .text), .init("format", .choice(["auto", "pytorch", "safetensors", "hdf5"]))],
      output: StageOutput([.exportedWeights], .file("export.json")), manifest: .never),
    StageDescription(
      "evaluate",
      inputs: [.init("masks", [.masks])],
      parameters: [.split, .init("variant", .choice(["masks", "masks-crf"])), .init("name", .text), .init("submission", .choice(["comp5", "comp6"]))],
      output: StageOutput([.evaluation], .file("evaluation.json"), passedAsFile: true), algorithmVersion: 2),
    StageDescription(
      "summarize",
      inputs: [.init("evaluation", [.evaluation], .named), .init("masks", [.masks], .optionalNamed)],
      parameters: [.split, .count("images")],
      output: StageOutput([.table], .file("table.txt"))),
  ]

  /// The options that all training stages share.
  private static let training: [StageParameter] = [
    .split, .init("epochs", .integer(1...100_000)), .init("batch", .integer(1...4096)), .init("micro-batch", .integer(0...4096)), .memory,
    .init("crop", .integer(32...4096)), .init("resize-min", .integer(0...8192)), .init("resize-max", .integer(0...8192)),
    .init("learning-rate", .number(1e-12...1e3)), .init("head-multiplier", .number(1e-6...1e6)), .init("weight-decay", .number(0...1)),
    .init("momentum", .number(0...0.9999)), .count("steps"), .init("augmentation", .choice(["full", "none"])), .count("checkpoint-every"),
  ]

  /// The options of stages that build segmentation heads and DD-Nets.
  private static let heads: [StageParameter] = [
    .init("head-dilation", .integer(1...64)), .init("head-channels", .integer(0...4096)), .init("difference-channels", .integer(0...4096)),
    .init("head-statistics", .choice(["frozen", "batch"])),
  ]

  private static let preset = StageParameter("preset", .choice(["default", "paper", "reference"]))

  private static let difference: [StageParameter] = [
    preset, .init("dd-bias", .number(-8...8)), .init("bg-bias", .number(-8...8)),
  ]

  private static func crf(prefix: String) -> [StageParameter] {
    [
      .init("\(prefix)iterations", .integer(0...1000)), .init("\(prefix)gaussian-spread", .number(1e-3...1e4)),
      .init("\(prefix)gaussian-weight", .number(0...1e4)), .init("\(prefix)bilateral-spread", .number(1e-3...1e4)),
      .init("\(prefix)colour-spread", .number(1e-3...1e4)), .init("\(prefix)bilateral-weight", .number(0...1e4)),
    ]
  }
}

extension StageParameter {
  fileprivate static let split = StageParameter("split", .text)
  fileprivate static let scales = StageParameter("scales", .numbers(0.05...8))
  fileprivate static let memory = StageParameter("memory", .text)
  fileprivate static let flip = StageParameter("flip", .flag)
  fileprivate static let square = StageParameter("square", .flag)
  fileprivate static let backgroundPower = StageParameter("background-power", .number(0...1024))
  fileprivate static func count(_ name: String) -> StageParameter { StageParameter(name, .integer(0...10_000_000)) }
}
