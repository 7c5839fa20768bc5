// swift-tools-version: 6.1
// The map of the project: one line per target, lowest layer first. A target may import only what stands above it.
import Foundation
import PackageDescription

/// Kernels are hand-vectorised for the instruction set named here; the x86-64 baseline is SSE2 only.
/// `SSDD_MARCH=native make` compiles for the building machine, `SSDD_MARCH=x86-64` for any x86-64.
let environment = ProcessInfo.processInfo.environment
#if arch(x86_64)
  let machine = environment["SSDD_MARCH"] ?? "x86-64-v3"
#else
  let machine = environment["SSDD_MARCH"] ?? ""
#endif
let machineFlags = machine.isEmpty ? [] : ["-Xcc", "-march=\(machine)"]

/// Numeric code is compiled optimised in debug builds too: at -Onone a kernel is hundreds of times slower.
let kernelSettings: [SwiftSetting] = [.unsafeFlags(machineFlags + ["-O"])]

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// The module's name in `LAYER/NAME`, its folder below `Sources`.
func name(_ path: String) -> String { String(path.split(separator: "/")[1]) }

func system(_ name: String, pkgConfig: String, package: String) -> Target {
  .systemLibrary(name: name, path: "Sources/C/\(name)", pkgConfig: pkgConfig, providers: [.apt([package])])
}

func library(
  _ path: String, _ dependencies: [Target.Dependency] = [], numeric: Bool = false, pages: [String] = []
) -> Target {
  .target(
    name: name(path), dependencies: dependencies, path: "Sources/\(path)", exclude: ["README.md"] + pages,
    swiftSettings: numeric ? kernelSettings : [])
}

func program(_ path: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name(path), dependencies: dependencies, path: "Sources/\(path)")
}

func stage(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: ["StageKit", arguments] + dependencies, path: "Stages/\(name)")
}

/// The tests of the module `LAYER/NAME` stand in `Tests/LAYER/NAMETests`.
func tests(_ path: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .testTarget(
    name: "\(name(path))Tests", dependencies: [.byName(name: name(path)), "TestSupport"] + dependencies,
    path: "Tests/\(path)Tests", resources: resources)
}

let package = Package(
  name: "ssdd",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
  ],
  targets: [
    // C libraries
    system("COpenBLAS", pkgConfig: "openblas", package: "libopenblas-dev"),
    system("CHDF5", pkgConfig: "hdf5", package: "libhdf5-dev"),
    system("CZlib", pkgConfig: "zlib", package: "zlib1g-dev"),
    system("CPNG", pkgConfig: "libpng", package: "libpng-dev"),
    system("CJPEG", pkgConfig: "libjpeg", package: "libjpeg-dev"),
    .target(name: "CImageCodecs", dependencies: ["CPNG", "CJPEG"], path: "Sources/C/CImageCodecs"),
    .target(name: "CDigest", path: "Sources/C/CDigest", cSettings: [.unsafeFlags(["-O3"])]),
    .target(name: "CProcess", path: "Sources/C/CProcess"),
    .target(name: "CKernels", path: "Sources/C/CKernels", cSettings: [.unsafeFlags(["-O3"])]),

    // Values, files' and threads' ground
    library("Ground/Foundations", ["CDigest"]),
    library("Ground/MethodChoices"),
    library("Ground/LabelMasks", ["Foundations"]),
    library("Ground/Threads"),

    // Tensors and networks
    library("Engine/Tensors", ["LabelMasks", "Foundations"], numeric: true),
    library(
      "Engine/CPUBackend", ["Tensors", "Threads", "CKernels", "COpenBLAS"], numeric: true,
      pages: ["Winograd/README.md"]),
    library("Engine/NeuralNet", ["MethodChoices", "Tensors", "Foundations"], numeric: true),

    // What is read and written
    library("Files/StepFiles", ["Foundations"]),
    library("Files/YAMLText", ["Foundations", yams]),
    library("Files/Imaging", ["LabelMasks", "Foundations", "CImageCodecs"], numeric: true),
    library("Files/TensorStore", ["StepFiles", "Tensors", "CHDF5", "CZlib", "Foundations"], numeric: true),
    library("Files/Datasets", ["Imaging", "Tensors", "Threads", "YAMLText"], numeric: true),
    library("Files/Scenes", ["Datasets", "Imaging", "Threads"], numeric: true),
    library("Files/DataImport", ["Datasets", "Imaging", "Threads"]),

    // The paper
    library("Method/DenseCRF", ["MethodChoices", "Tensors", "Threads", "Foundations"], numeric: true),
    library("Method/Networks", ["MethodChoices", "NeuralNet"]),
    library("Method/PSA", ["MethodChoices", "NeuralNet", "Datasets", "Imaging", "Networks", "Threads"], numeric: true),
    library(
      "Method/SSDD", ["MethodChoices", "NeuralNet", "Datasets", "Imaging", "DenseCRF", "Networks"], numeric: true),
    library("Method/Evaluation", ["Imaging", "StepFiles"], numeric: true),

    // What a stage is, and what runs it
    library("Running/StageInterface", ["MethodChoices", "StepFiles", arguments]),
    library("Running/Recipes", ["StageInterface", "YAMLText"]),
    library("Running/Training", ["NeuralNet", "TensorStore", "Datasets"]),
    library(
      "Running/StageKit",
      ["CProcess", "Recipes", "CPUBackend", "Training", "Imaging", "Networks", "PSA", "SSDD", arguments, logging]),

    // Wiring
    library("Pipeline/PipelineGraph", ["Recipes", "YAMLText"]),
    library("Pipeline/Cluster", ["PipelineGraph"]),
    program("Pipeline/pipeline", ["CProcess", "Cluster", "Datasets", "TensorStore", arguments]),

    // Results to look at
    library("Looking/Reporting", ["CPUBackend", "StageKit", "Evaluation", "PipelineGraph", mustache], numeric: true),
    program("Looking/report", ["Reporting", arguments]),

    // Stages
    stage("make-scenes", ["Scenes"]),
    stage("import-voc", ["DataImport"]),
    stage("import-weights", []),
    stage("export-weights", []),
    stage("train-cam", []),
    stage("cam-infer", []),
    stage("train-affinity", []),
    stage("psa-infer", []),
    stage("crf", []),
    stage("train-ddnet", []),
    stage("ssdd-merge", []),
    stage("train-seg", []),
    stage("train-seg-dynamic", []),
    stage("infer-seg", []),
    stage("evaluate", ["Evaluation"]),
    stage("summarize", ["Evaluation"]),

    // `make bench`, `make bench-peers`
    .executableTarget(
      name: "bench",
      dependencies: [
        "CKernels", "COpenBLAS", "CPUBackend", "Datasets", "DenseCRF", "Evaluation", "Networks", "PSA", "SSDD",
        "Scenes",
        arguments,
      ],
      path: "Benchmarks/bench",
      swiftSettings: kernelSettings),

    // Tests: `make test`
    .target(name: "TestSupport", dependencies: ["NeuralNet", "TensorStore"], path: "Tests/TestSupport"),
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "TestSupport", "CHDF5", "CPUBackend", "DataImport", "Datasets", "DenseCRF", "Evaluation", "PipelineGraph",
        "PSA", arguments,
      ],
      path: "Tests/Fuzz"),
    // `make same`
    .executableTarget(
      name: "compare-outputs", dependencies: ["Foundations", "Imaging", "TensorStore", arguments],
      path: "Tests/CompareOutputs"),
    .executableTarget(name: "stand-in", dependencies: ["Recipes"], path: "Tests/StandIn"),
    tests("Ground/Foundations", ["CDigest", "StageInterface"]),
    tests("Ground/LabelMasks"),
    tests("Ground/Threads"),
    tests("Engine/Tensors"),
    tests("Engine/CPUBackend", ["CKernels"]),
    tests("Engine/NeuralNet", ["CPUBackend"]),
    tests("Files/StepFiles"),
    tests("Files/YAMLText"),
    tests("Files/Imaging"),
    tests("Files/TensorStore", ["CHDF5"]),
    tests("Files/Datasets"),
    tests("Files/Scenes"),
    tests("Files/DataImport"),
    tests("Method/DenseCRF"),
    tests("Method/Networks", ["CPUBackend"], resources: [.copy("Fixtures")]),
    tests("Method/PSA", ["CPUBackend"]),
    tests("Method/SSDD", ["CPUBackend"]),
    tests("Method/Evaluation"),
    tests("Running/StageInterface"),
    tests("Running/Recipes"),
    tests("Running/Training", ["CPUBackend"]),
    tests("Running/StageKit", ["CPUBackend"]),
    tests("Pipeline/PipelineGraph", ["StageInterface"]),
    tests("Pipeline/Cluster", ["PipelineGraph"]),
    tests("Looking/Reporting", ["CPUBackend"]),
    // The built programs
    .testTarget(
      name: "StageTests",
      dependencies: [
        "CPUBackend", "TensorStore", "Imaging", "DenseCRF", "Datasets", "Networks", "NeuralNet", "PSA", "TestSupport",
      ],
      path: "Tests/StageTests"),
  ]
)
