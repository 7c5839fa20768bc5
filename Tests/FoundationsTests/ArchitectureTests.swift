import Testing

/// The layers of ARCHITECTURE.md, checked against the sources. A new import, unsafe pointer or reader of truth masks has to be entered here, where
/// a reviewer sees it.
@Suite struct ArchitectureTests {
  private static let system: Set = ["Foundation", "Dispatch", "Synchronization"]

  /// What each library may import beside the system's modules, lowest layer first. A module imports only what stands above it.
  private static let layers: [(module: String, imports: [String])] = [
    ("Foundations", []),
    // What a step's folder holds.
    ("StepFiles", ["Foundations"]),
    // Plain values that the method acts on and the command lines offer.
    ("MethodChoices", []),
    // Command lines as data: no numeric module, so that a pipeline can be checked without one.
    ("StageInterface", ["StepFiles", "Foundations", "MethodChoices", "ArgumentParser"]),
    ("YAMLText", ["Foundations", "Yams", "CYaml"]),
    // What makes an output, for programs and pipelines alike.
    ("Recipes", ["StageInterface", "StepFiles", "Foundations", "YAMLText", "Yams"]),
    ("Threads", []),
    ("Tensors", ["Foundations"]),
    ("CPUBackend", ["CKernels", "COpenBLAS", "Tensors", "Threads", "Foundations"]),
    ("NeuralNet", ["MethodChoices", "Tensors", "Foundations"]),
    ("Imaging", ["CImageCodecs", "Foundations"]),
    ("TensorStore", ["CHDF5", "CZlib", "StepFiles", "Tensors", "Foundations"]),
    ("DenseCRF", ["MethodChoices", "Tensors", "Threads", "Foundations"]),
    ("Models", ["MethodChoices", "NeuralNet", "Tensors", "Foundations"]),
    ("Datasets", ["Imaging", "Tensors", "Threads", "Foundations", "YAMLText", "Yams"]),
    // It judges masks: no network, no data set reader, nothing that makes what it scores.
    ("Evaluation", ["Imaging", "Foundations"]),
    ("PSA", ["MethodChoices", "NeuralNet", "Imaging", "Models", "Tensors", "Threads", "Foundations"]),
    ("SSDD", ["MethodChoices", "NeuralNet", "DenseCRF", "Models", "Tensors", "Threads", "Foundations"]),
    ("Training", ["NeuralNet", "TensorStore", "Datasets", "Tensors", "Foundations"]),
    // Wiring knows names and files: no numeric module.
    ("PipelineGraph", ["Recipes", "StageInterface", "StepFiles", "Foundations", "YAMLText", "Yams"]),
    (
      "StageKit",
      [
        "CProcess", "Recipes", "StepFiles", "StageInterface", "MethodChoices", "Training", "Datasets", "Imaging", "TensorStore", "Models", "PSA", "SSDD",
        "DenseCRF", "NeuralNet", "CPUBackend", "Tensors", "Threads", "Foundations", "COpenBLAS", "ArgumentParser", "Logging",
      ]
    ),
    ("pipeline", ["CProcess", "PipelineGraph", "Recipes", "StageInterface", "StepFiles", "Foundations", "ArgumentParser"]),
    // It reads what every layer writes, and judges nothing by itself.
    (
      "Reporting",
      [
        "StageKit", "PipelineGraph", "StageInterface", "Evaluation", "Datasets", "Imaging", "TensorStore", "SSDD",
        "CPUBackend", "Tensors", "Threads", "Foundations", "Mustache",
      ]
    ),
    ("report", ["Reporting", "PipelineGraph", "Foundations", "ArgumentParser"]),
  ]

  /// What a stage may import. `Evaluation` is for the two that score.
  private static let stageImports: Set = [
    "StageKit", "StageInterface", "MethodChoices", "Training", "Datasets", "Imaging", "TensorStore", "Models", "PSA",
    "SSDD", "DenseCRF", "NeuralNet", "CPUBackend", "Tensors", "Threads", "Foundations", "ArgumentParser",
  ]
  private static let scoring: Set = ["evaluate", "summarize"]

  /// Module maps and C code, without Swift files.
  private static let cTargets: Set = ["CHDF5", "CImageCodecs", "CJPEG", "CKernels", "COpenBLAS", "CPNG", "CProcess", "CZlib"]

  @Test func everyModuleHasItsRow() throws {
    let rows = Self.layers.map(\.module)
    #expect(try SourceTree.targets(in: "Sources").filter { !Self.cTargets.contains($0) } == rows.sorted())
    for (index, layer) in Self.layers.enumerated() {
      let above = Set(rows[..<index]).union(Self.cTargets).union(["Yams", "CYaml", "ArgumentParser", "Logging", "Mustache"])
      #expect(Set(layer.imports).isSubset(of: above), "\(layer.module) imports a module that stands below it")
    }
  }

  @Test func librariesImportOnlyLowerLayers() throws {
    let allowed = Dictionary(uniqueKeysWithValues: Self.layers.map { ($0.module, Set($0.imports).union(Self.system)) })
    for file in try SourceTree.files(in: ["Sources"]) {
      let wrong = Set(file.imports).subtracting(allowed[file.target] ?? [])
      #expect(wrong.isEmpty, "\(file) imports \(wrong.sorted().joined(separator: ", "))")
    }
  }

  @Test func stagesImportLibrariesAndOnlyScoringStagesEvaluation() throws {
    let files = try SourceTree.files(in: ["Stages"])
    #expect(Set(files.map(\.target)).count >= 14)
    for file in files {
      let allowed = Self.stageImports.union(Self.system).union(Self.scoring.contains(file.target) ? ["Evaluation"] : [])
      let wrong = Set(file.imports).subtracting(allowed)
      #expect(wrong.isEmpty, "\(file) imports \(wrong.sorted().joined(separator: ", "))")
    }
  }

  /// What a stage takes is declared in `StageInterface`, where pipelines and documents read it too.
  @Test func programsDeclareNoOptions() throws {
    let files = try SourceTree.files(in: ["Stages", "Sources/StageKit"])
    for text in ["@Option(", "@Flag", "@Argument", "CommandConfiguration("] {
      let places = files.filter { $0.path != "Sources/StageKit/Stage.swift" }.flatMap { $0.places(of: text) }
      #expect(places.isEmpty, "\(text) in \(places.joined(separator: ", "))")
    }
    for file in try SourceTree.files(in: ["Sources/StageInterface"]) {
      // An option that is not made from a declaration would be unknown to everybody but the program.
      for line in file.code.map({ $0.trimmingCharacters(in: .whitespaces) }) where line.contains(/^@(Option|Flag)\(/) {
        #expect(line.contains(/^@(Option|Flag)\((\.|$)/), "\(file): \(line)")
      }
    }
  }

  /// Training learns from image-level labels alone: only the type that scoring programs name reads truth masks.
  @Test func truthMasksAreReadForScoringOnly() throws {
    let readers: Set = [
      "Sources/Datasets/EvaluationMasks.swift", "Sources/Reporting/Measurement.swift", "Stages/evaluate/Evaluate.swift",
      "Stages/summarize/Summarize.swift",
    ]
    let files = try SourceTree.files(in: ["Sources", "Stages"])
    let naming = files.filter { !$0.places(of: "EvaluationMasks").isEmpty }.map(\.path)
    #expect(Set(naming) == readers)
    let knowingPaths = files.filter { !$0.places(of: "maskPath").isEmpty }.map(\.path)
    let manifest = ["Manifest.swift", "Manifest+Digests.swift", "Manifest+Items.swift"].map { "Sources/Datasets/\($0)" }
    #expect(Set(knowingPaths).isSubset(of: manifest + ["Sources/Datasets/EvaluationMasks.swift"]), "\(knowingPaths)")
  }

  /// What a file, a flag or a disk can cause is a `Failure`, never a trap.
  @Test func nothingTrapsOnBadData() throws {
    let files = try SourceTree.files(in: ["Sources", "Stages"])
    for text in ["try!", "as!", "fatalError("] {
      let places = files.flatMap { $0.places(of: text) }
      #expect(places.isEmpty, "\(text) in \(places.joined(separator: ", "))")
    }
  }

  /// Kernels and codecs may use pointers; elsewhere each file that does is listed.
  @Test func unsafePointersStayInKernelsAndCodecs() throws {
    let modules: Set = ["Threads", "Tensors", "CPUBackend", "DenseCRF", "Imaging", "TensorStore"]
    let listed: Set = [
      "Sources/Evaluation/ConfusionMatrix.swift",
      "Sources/Foundations/AtomicFile.swift",
      "Sources/Foundations/SHA256.swift",
      "Sources/PSA/RandomWalk.swift",
      "Sources/StageKit/CrashMessage.swift",
      "Sources/YAMLText/YAMLText.swift",
    ]
    let words = ["Unsafe", "OpaquePointer", "Unmanaged", "unsafeBitCast", "unsafeDowncast", "unowned(unsafe)", "nonisolated(unsafe)"]
    let users = try SourceTree.files(in: ["Sources", "Stages"]).filter { file in words.contains { !file.places(of: $0).isEmpty } }
    let elsewhere = users.filter { !modules.contains($0.target) }.map(\.path)
    #expect(Set(elsewhere) == listed)
  }

  /// A tensor's memory is for the kernels that made it; everybody else gets copies.
  @Test func onlyTheBackendSeesTheMemoryOfTensors() throws {
    let files = try SourceTree.files(in: ["Sources", "Stages", "Benchmarks", "Tests"])
    let users = files.filter { !$0.places(of: "@_spi(HostMemory) import").isEmpty && $0.target != "FoundationsTests" }
    #expect(Set(users.map(\.target)) == ["CPUBackend"])
  }
}
