import Foundation
import TestSupport
import Testing

/// The layers of ARCHITECTURE.md, checked against the sources. A new import, unsafe pointer or reader of truth masks
/// has to be entered here, where a reviewer sees it.
@Suite struct ArchitectureTests {
  private static let system: Set = ["Foundation", "Dispatch", "Synchronization"]

  /// What each library may import beside the system's modules, lowest first. A module imports only what stands above
  /// it.
  private static let layers: [(layer: String, module: String, imports: [String])] = [
    ("Ground", "Foundations", ["CDigest"]),
    // Plain values that the method acts on and the command lines offer.
    ("Ground", "MethodChoices", []),
    // The label of every pixel, for files and kernels alike.
    ("Ground", "LabelMasks", ["Foundations"]),
    ("Ground", "Threads", []),
    ("Engine", "Tensors", ["LabelMasks", "Foundations"]),
    ("Engine", "CPUBackend", ["LabelMasks", "CKernels", "COpenBLAS", "Tensors", "Threads", "Foundations"]),
    ("Engine", "NeuralNet", ["LabelMasks", "MethodChoices", "Tensors", "Foundations"]),
    // What a step's folder holds.
    ("Files", "StepFiles", ["Foundations"]),
    ("Files", "YAMLText", ["Foundations", "Yams", "CYaml"]),
    ("Files", "Imaging", ["LabelMasks", "CImageCodecs", "Foundations"]),
    ("Files", "TensorStore", ["CHDF5", "CZlib", "StepFiles", "Tensors", "Foundations"]),
    ("Files", "Datasets", ["LabelMasks", "Imaging", "Tensors", "Threads", "Foundations", "YAMLText", "Yams"]),
    // Only the stage that draws them links them, as only `import-voc` links a reader of XML.
    ("Files", "Scenes", ["LabelMasks", "Datasets", "Imaging", "Threads", "Foundations"]),
    ("Files", "DataImport", ["Datasets", "Imaging", "Threads", "Foundations"]),
    ("Method", "DenseCRF", ["MethodChoices", "Tensors", "Threads", "Foundations"]),
    ("Method", "Networks", ["LabelMasks", "MethodChoices", "NeuralNet", "Tensors", "Foundations"]),
    (
      "Method", "PSA",
      [
        "LabelMasks", "MethodChoices", "NeuralNet", "Datasets", "Imaging", "Networks", "Tensors", "Threads",
        "Foundations",
      ]
    ),
    (
      "Method", "SSDD",
      [
        "LabelMasks", "MethodChoices", "NeuralNet", "Datasets", "Imaging", "DenseCRF", "Networks", "Tensors", "Threads",
        "Foundations",
      ]
    ),
    // It judges masks: no network, no data set reader, nothing that makes what it scores.
    ("Method", "Evaluation", ["LabelMasks", "Imaging", "StepFiles", "Foundations"]),
    // Command lines as data: no numeric module, so that a pipeline can be checked without one.
    ("Running", "StageInterface", ["StepFiles", "Foundations", "MethodChoices", "ArgumentParser"]),
    // What makes an output, for programs and pipelines alike.
    ("Running", "Recipes", ["StageInterface", "StepFiles", "Foundations", "YAMLText", "Yams"]),
    ("Running", "Training", ["NeuralNet", "TensorStore", "Datasets", "Tensors", "Foundations"]),
    (
      "Running", "StageKit",
      [
        "LabelMasks", "CProcess", "Recipes", "StepFiles", "StageInterface", "MethodChoices", "Training", "Datasets",
        "Imaging",
        "TensorStore", "Networks", "PSA", "SSDD", "DenseCRF", "NeuralNet", "CPUBackend", "Tensors", "Threads",
        "Foundations", "COpenBLAS", "ArgumentParser", "Logging",
      ]
    ),
    // Wiring knows names and files: no numeric module.
    ("Pipeline", "PipelineGraph", ["Recipes", "StageInterface", "StepFiles", "Foundations", "YAMLText", "Yams"]),
    ("Pipeline", "Cluster", ["PipelineGraph", "StageInterface", "StepFiles", "Foundations"]),
    (
      "Pipeline", "pipeline",
      // Its check looks into images, masks and weights.
      [
        "CProcess", "Cluster", "PipelineGraph", "Recipes", "StageInterface", "StepFiles", "Foundations",
        "ArgumentParser", "Datasets", "Imaging", "TensorStore",
      ]
    ),
    // It reads what every layer writes, and judges nothing by itself.
    (
      "Looking", "Reporting",
      [
        "LabelMasks", "StageKit", "PipelineGraph", "StageInterface", "Evaluation", "Datasets", "Imaging", "TensorStore",
        "SSDD",
        "CPUBackend", "Tensors", "Threads", "Foundations", "Mustache",
      ]
    ),
    ("Looking", "report", ["Reporting", "PipelineGraph", "Foundations", "ArgumentParser"]),
  ]

  /// What a stage may import. `Evaluation` is for the two that score.
  private static let stageImports: Set = [
    "LabelMasks", "StageKit", "StageInterface", "StepFiles", "MethodChoices", "Training", "Datasets", "Imaging",
    "TensorStore",
    "Networks", "PSA",
    "SSDD", "DenseCRF", "NeuralNet", "CPUBackend", "Tensors", "Threads", "Foundations", "ArgumentParser",
  ]
  private static let scoring: Set = ["evaluate", "summarize"]
  /// What one stage alone may import.
  private static let alone = ["make-scenes": "Scenes", "import-voc": "DataImport"]

  /// Module maps and C code, without Swift files.
  private static let cTargets: Set = [
    "CDigest", "CHDF5", "CImageCodecs", "CJPEG", "CKernels", "COpenBLAS", "CPNG", "CProcess", "CZlib",
  ]

  @Test func everyModuleHasItsRow() throws {
    let rows = Self.layers.map(\.module)
    for layer in SourceTree.layers {
      let modules = layer == "C" ? Array(Self.cTargets) : Self.layers.filter { $0.layer == layer }.map(\.module)
      #expect(try SourceTree.targets(in: "Sources/\(layer)") == modules.sorted())
    }
    #expect(try SourceTree.targets(in: "Sources") == SourceTree.layers.sorted())
    // The folders are layers: the rows of one stand together, in the order of the layers.
    let order = Self.layers.map { SourceTree.layers.firstIndex(of: $0.layer) ?? 0 }
    #expect(order == order.sorted())
    for (index, layer) in Self.layers.enumerated() {
      let above = Set(rows[..<index]).union(Self.cTargets).union([
        "Yams", "CYaml", "ArgumentParser", "Logging", "Mustache",
      ])
      #expect(Set(layer.imports).isSubset(of: above), "\(layer.module) imports a module that stands below it")
    }
  }

  /// A module that needs an "and" to be described is two.
  @Test func everyReadmeOpensWithOneSentence() throws {
    for (layer, module, _) in Self.layers where layer != "Pipeline" || module != "pipeline" {
      let path = "Sources/\(layer)/\(module)/README.md"
      guard module != "report" else { continue }
      let lines = try String(contentsOfFile: "\(Golden.packageRoot)/\(path)", encoding: .utf8).components(
        separatedBy: "\n")
      #expect(lines[0] == "# \(module)" && lines[1].isEmpty && lines[3].isEmpty, "\(path)")
      let sentence = lines[2]
      #expect(sentence.hasSuffix(".") && !sentence.dropLast().contains(". "), "\(path) opens with: \(sentence)")
      #expect(!sentence.split(separator: " ").contains("and"), "\(path) opens with: \(sentence)")
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
        .union([Self.alone[file.target]].compactMap { $0 })
      let wrong = Set(file.imports).subtracting(allowed)
      #expect(wrong.isEmpty, "\(file) imports \(wrong.sorted().joined(separator: ", "))")
    }
  }

  /// What a stage takes is declared in `StageInterface`, where pipelines and documents read it too.
  @Test func programsDeclareNoOptions() throws {
    let files = try SourceTree.files(in: ["Stages", "Sources/Running/StageKit"])
    for text in ["@Option(", "@Flag", "@Argument", "CommandConfiguration("] {
      let places = files.filter { $0.path != "Sources/Running/StageKit/Stage.swift" }.flatMap { $0.places(of: text) }
      #expect(places.isEmpty, "\(text) in \(places.joined(separator: ", "))")
    }
    for file in try SourceTree.files(in: ["Sources/Running/StageInterface"]) {
      // An option that is not made from a declaration would be unknown to everybody but the program.
      for line in file.code.map({ $0.trimmingCharacters(in: .whitespaces) }) where line.contains(/^@(Option|Flag)\(/) {
        #expect(line.contains(/^@(Option|Flag)\((\.|$)/), "\(file): \(line)")
      }
    }
  }

  /// Training learns from image-level labels alone: only the type that scoring programs name reads truth masks.
  @Test func truthMasksAreReadForScoringOnly() throws {
    let readers: Set = [
      "Sources/Files/Datasets/EvaluationMasks.swift", "Sources/Looking/Reporting/Measurement.swift",
      "Stages/evaluate/Evaluate.swift",
      "Stages/summarize/Summarize.swift", "Sources/Pipeline/pipeline/DataCheck.swift",
    ]
    let files = try SourceTree.files(in: ["Sources", "Stages"])
    let naming = files.filter { !$0.places(of: "EvaluationMasks").isEmpty }.map(\.path)
    #expect(Set(naming) == readers)
    let knowingPaths = files.filter { !$0.places(of: "maskPath").isEmpty }.map(\.path)
    let manifest = ["Manifest.swift", "Manifest+Digests.swift", "Manifest+Items.swift"].map {
      "Sources/Files/Datasets/\($0)"
    }
    #expect(
      Set(knowingPaths).isSubset(of: manifest + ["Sources/Files/Datasets/EvaluationMasks.swift"]), "\(knowingPaths)")
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
      "Sources/Method/Evaluation/ConfusionMatrix.swift",
      "Sources/Ground/Foundations/AtomicFile.swift",
      "Sources/Ground/LabelMasks/LabelMask.swift",
      "Sources/Ground/Foundations/SHA256.swift",
      "Sources/Method/PSA/RandomWalk.swift",
      "Sources/Running/StageKit/CrashMessage.swift",
      "Sources/Files/YAMLText/YAMLText.swift",
    ]
    let words = [
      "Unsafe", "OpaquePointer", "Unmanaged", "unsafeBitCast", "unsafeDowncast", "unowned(unsafe)",
      "nonisolated(unsafe)",
    ]
    let users = try SourceTree.files(in: ["Sources", "Stages"]).filter { file in
      words.contains { !file.places(of: $0).isEmpty }
    }
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
