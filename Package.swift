// swift-tools-version: 6.1
// The map of the project: one line a target, lowest layer first. A target may import only what stands above it.
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

func library(
  _ name: String, _ dependencies: [Target.Dependency] = [], numeric: Bool = false, pages: [String] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: ["README.md"] + pages,
    swiftSettings: numeric ? kernelSettings : [])
}

func stage(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: ["StageKit", arguments] + dependencies, path: "Stages/\(name)")
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)Tests", resources: resources)
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
    .systemLibrary(name: "COpenBLAS", path: "Sources/COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CHDF5", path: "Sources/CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CPNG", path: "Sources/CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CJPEG", path: "Sources/CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
    .target(name: "CImageCodecs", dependencies: ["CPNG", "CJPEG"]),
    .target(name: "CProcess"),
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),

    // Libraries
    library("Foundations"),
    library("StepFiles", ["Foundations"]),
    library("MethodChoices"),
    library("StageInterface", ["MethodChoices", "StepFiles", arguments]),
    library("YAMLText", ["Foundations", yams]),
    library("Recipes", ["StageInterface", "YAMLText"]),
    library("Threads"),
    library("Tensors", ["Foundations"], numeric: true),
    library(
      "CPUBackend", ["Tensors", "Threads", "CKernels", "COpenBLAS"], numeric: true, pages: ["Winograd/README.md"]),
    library("NeuralNet", ["MethodChoices", "Tensors", "Foundations"], numeric: true),
    library("Imaging", ["Foundations", "CImageCodecs"], numeric: true),
    library("TensorStore", ["StepFiles", "Tensors", "CHDF5", "CZlib", "Foundations"], numeric: true),
    library("DenseCRF", ["MethodChoices", "Tensors", "Threads", "Foundations"], numeric: true),
    library("Models", ["MethodChoices", "NeuralNet"]),
    library("Datasets", ["Imaging", "Tensors", "Threads", "YAMLText"], numeric: true),
    library("Evaluation", ["Imaging"], numeric: true),
    library("PSA", ["MethodChoices", "NeuralNet", "Imaging", "Models", "Threads"], numeric: true),
    library("SSDD", ["MethodChoices", "NeuralNet", "DenseCRF", "Models"], numeric: true),
    library("Training", ["NeuralNet", "TensorStore", "Datasets"]),
    library("PipelineGraph", ["Recipes", "YAMLText"]),
    library(
      "StageKit",
      ["CProcess", "Recipes", "CPUBackend", "Training", "Imaging", "Models", "PSA", "SSDD", arguments, logging]),
    library("Reporting", ["CPUBackend", "StageKit", "Evaluation", "PipelineGraph", mustache], numeric: true),

    // Executables
    .executableTarget(
      name: "pipeline", dependencies: ["CProcess", "PipelineGraph", arguments], path: "Sources/pipeline"),
    .executableTarget(name: "report", dependencies: ["Reporting", arguments], path: "Sources/report"),
    stage("make-scenes", []),
    stage("import-voc", []),
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
      dependencies: ["CKernels", "COpenBLAS", "CPUBackend", "Datasets", "DenseCRF", "Evaluation", "Models", "PSA", "SSDD", arguments],
      path: "Benchmarks/bench",
      swiftSettings: kernelSettings),

    // Tests: `make test`
    .target(name: "TestSupport", dependencies: ["NeuralNet", "TensorStore"], path: "Tests/TestSupport"),
    .executableTarget(
      name: "fuzz",
      dependencies: ["TestSupport", "CHDF5", "CPUBackend", "Datasets", "DenseCRF", "PSA", arguments], path: "Tests/Fuzz"),
    // `make same`
    .executableTarget(
      name: "compare-outputs", dependencies: ["Foundations", "Imaging", "TensorStore", arguments], path: "Tests/CompareOutputs"),
    .executableTarget(name: "stand-in", dependencies: ["Recipes"], path: "Tests/StandIn"),
    tests("Foundations", ["Foundations", "StageInterface"]),
    tests("StepFiles", ["StepFiles"]),
    tests("Recipes", ["Recipes"]),
    tests("StageInterface", ["StageInterface"]),
    tests("YAMLText", ["YAMLText"]),
    tests("Threads", ["Threads"]),
    tests("Tensors", ["Tensors"]),
    tests("CPUBackend", ["CPUBackend", "CKernels"]),
    tests("NeuralNet", ["NeuralNet", "CPUBackend"]),
    tests("Imaging", ["Imaging"]),
    tests("TensorStore", ["TensorStore", "CHDF5"]),
    tests("DenseCRF", ["DenseCRF"]),
    tests("Models", ["Models", "CPUBackend"], resources: [.copy("Fixtures")]),
    tests("Datasets", ["Datasets"]),
    tests("Evaluation", ["Evaluation"]),
    tests("PSA", ["PSA", "CPUBackend"]),
    tests("SSDD", ["SSDD", "CPUBackend"]),
    tests("Training", ["Training", "CPUBackend"]),
    tests("PipelineGraph", ["PipelineGraph", "StageInterface"]),
    tests("StageKit", ["StageKit", "CPUBackend"]),
    tests("Reporting", ["CPUBackend", "Reporting"]),
    tests("Stage", ["CPUBackend", "TensorStore", "Imaging", "DenseCRF", "Datasets", "Models", "NeuralNet"]),
  ]
)
