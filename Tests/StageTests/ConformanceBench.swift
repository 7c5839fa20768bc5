import Foundation
import Foundations
import Imaging
import Networks
import NeuralNet
import TensorStore
import TestSupport
import Tensors
import Testing

/// A folder where one conformance test turns reference numbers into files, runs programs on them, and reads what they
/// write.
struct ConformanceBench {
  let golden: GoldenFile
  let folder: TemporaryFolder

  init(_ file: String) throws {
    golden = try Golden.open(file)
    folder = try TemporaryFolder()
  }

  // MARK: Files for programs

  /// A manifest `manifest.yaml` with `count` classes beside background, whose mask values are their indices, and the
  /// images as PNG.
  func writeImages(_ images: [(id: String, image: RGBImage, labels: [Int])], classes count: Int) throws {
    let names = ["background"] + (1...count).map { "class\($0)" }
    let classes = names.enumerated().map { "  - { name: \($1), value: \($0), colour: [\($0), \($0), \($0)] }" }
    let manifest =
      ["name: conformance", "classes:"] + classes + ["void: 255", "items: items.tsv", "image: images/{id}.png"]
    try write(manifest, to: "manifest.yaml")
    let rows = images.map { "\($0.id)\ttrain\t\($0.labels.map { names[$0] }.joined(separator: " "))" }
    try write(["id\tsplit\tlabels"] + rows, to: "items.tsv")
    for (id, image, _) in images { try image.writePNG(to: folder.file("images/\(id).png")) }
  }

  private func write(_ lines: [String], to name: String) throws {
    try (lines.joined(separator: "\n") + "\n").write(toFile: folder.file(name), atomically: true, encoding: .utf8)
  }

  /// Score maps as an earlier step would have left them, but in full precision.
  func writeScores(_ maps: [(id: String, map: ScoreMap)], to name: String) throws {
    try AtomicFile.createFolder(folder.file(name))
    try ScoreMapWriter.write(to: folder.file(name)) { part in
      for (id, map) in maps { try part.append(id, map, precision: .single) }
    }
  }

  /// The weights of a reference network as PyTorch checkpoint: every parameter of `module` with the generator's values
  /// (`override/NAME` of the file first), and the counters of batch norm. Only names and shapes of `module` are used.
  func writeCheckpoint(of module: any Module, to name: String) throws {
    let entries = module.parameters.flatMap { parameter in
      let counter =
        parameter.role == .runningVariance
        ? [parameter.name.replacing(".running_var", with: ".num_batches_tracked")] : []
      return [CheckpointArchive.Entry(parameter.name, parameter.shape)]
        + counter.map { CheckpointArchive.Entry($0, nil) }
    }
    try CheckpointArchive.write(entries, to: folder.file(name)) { try initial($0.name, $1) }
  }

  /// A parameter's value in the reference network.
  func initial(_ name: String, _ shape: Shape) throws -> Tensor {
    golden.contains("override/\(name)")
      ? try golden.tensor("override/\(name)") : golden.generator.parameter(name, shape)
  }

  /// The 8-bit images (N, H, W, 3), or the one (H, W, 3), of a data set.
  func images(_ name: String) throws -> [RGBImage] {
    let shape = try golden.shape(name)
    let (height, width) = (shape[shape.count - 3], shape[shape.count - 2])
    let bytes = try golden.bytes(name)
    let area = height * width * 3
    return (0..<bytes.count / area).map {
      RGBImage(width: width, height: height, pixels: Array(bytes[$0 * area..<($0 + 1) * area]))
    }
  }

  /// The classes that each row of a 0/1 matrix (samples, classes without background) lists, from 1.
  func labels(_ name: String) throws -> [[Int]] {
    let shape = try golden.shape(name)
    let values = try golden.tensor(name).values
    let classes = shape[shape.count - 1]
    return (0..<values.count / classes).map { n in (0..<classes).filter { values[n * classes + $0] > 0 }.map { $0 + 1 }
    }
  }

  /// A case of affinity.h5: its name and its classes, from 1.
  typealias Case = (name: String, present: [Int])

  func cases() throws -> [Case] {
    try golden.cases().filter { $0.hasPrefix("case") }.map {
      ($0, try golden.integers("\($0)/labels_present").map { $0 + 1 })
    }
  }

  // MARK: Programs

  /// Runs a program, which must end well and say nothing, and returns the most memory that it had in use, in bytes.
  @discardableResult
  func run(_ program: String, _ options: [String], out: String, sourceLocation: SourceLocation = #_sourceLocation)
    throws -> Int
  {
    let arguments = ["--manifest", "manifest.yaml", "--quiet", "--threads", "2", "--out", out] + options
    let (outcome, memory) = try Programs.measured(program, arguments, in: folder.path)
    try #require(outcome == Programs.Outcome(status: 0, output: ""), "\(program)", sourceLocation: sourceLocation)
    return memory
  }

  /// Writes a network's checkpoint and imports it to `OUT/weights.h5`, with at most one and a half times the file's
  /// size of memory.
  func importWeights(of module: any Module, as network: String, out: String) throws {
    let name = "\(out).pth"
    try writeCheckpoint(of: module, to: name)
    defer { try? FileManager.default.removeItem(atPath: folder.file(name)) }
    let size = try #require(try FileManager.default.attributesOfItem(atPath: folder.file(name))[.size] as? Int)
    #expect(size > 400 << 20, "not the full network")
    let memory = try run("import-weights", ["--from", name, "--network", network], out: out)
    #expect(memory <= size * 3 / 2, "\(memory) bytes of memory for a file of \(size)")
  }

  // MARK: What programs left

  /// The scores of an image.
  func scores(_ name: String, _ id: String) throws -> ScoreMap { try ScoreMapReader(folder.file(name)).scores(id) }

  /// The last line of a training's log by the names of its columns.
  func log(_ name: String) throws -> [String: Double] {
    let lines = try String(contentsOfFile: folder.file("\(name)/log.tsv"), encoding: .utf8).split(separator: "\n").map {
      $0.split(separator: "\t")
    }
    let last = try #require(lines.last)
    return Dictionary(uniqueKeysWithValues: try zip(lines[0], last).map { (String($0), try #require(Double($1))) })
  }

  /// What differs between the weights after the step and `params/weight_after`, `params/delta`; those without gradient
  /// must be as they were.
  func updateMismatches(_ name: String) throws -> [String] {
    let weights = try WeightsFile.load(folder.file("\(name)/weights.h5"))
    var problems: [String?] = []
    for name in try golden.lines("params/names_utf8") {
      let after = try weights.tensor(name)
      problems.append(try golden.sampleMismatch(after, "params/weight_after/\(name)"))
      let before = try initial(name, after.shape)
      let stride = try golden.integer("index_stride", of: "params/weight_after/\(name)")
      let expected = try golden.doubles("params/delta/\(name)")
      let (old, new) = (before.values, after.values)
      let delta = expected.indices.map { Double(new[$0 * stride]) - Double(old[$0 * stride]) }
      // A weight stores its change to half a unit in its last place.
      let rounding = Double(old.map(abs).max() ?? 0) * 0x1p-24
      let differences = Difference(
        delta, expected, tolerance: (try golden.tolerance("params/delta/\(name)") ?? 0) + rounding)
      problems.append(
        differences.relativeL2 <= 5e-3 ? nil : differences.report("delta of \(name)", shape: [delta.count], stride: 1))
    }
    for name in try golden.lines("params/no_grad_names_utf8") {
      let after = try weights.tensor(name)
      problems.append(after == (try initial(name, after.shape)) ? nil : "\(name) changed")
    }
    return problems.compactMap { $0 }
  }
}

extension Programs {
  /// Runs a program and watches the most memory that it has in use: the high-water mark of its resident set, in bytes,
  /// as of a few milliseconds before its end. (What `wait4` says includes the pages of the parent that started it.)
  static func measured(_ program: String, _ arguments: [String], in folder: String) throws -> (
    outcome: Outcome, memory: Int
  ) {
    let process = prepared(program, arguments, in: folder)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    var memory = 0
    while process.isRunning {
      memory = max(memory, peakMemory(of: process.processIdentifier) ?? 0)
      usleep(2000)
    }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let outcome = Outcome(
      status: process.terminationStatus, output: String(decoding: data, as: UTF8.self),
      wasKilled: process.terminationReason == .uncaughtSignal)
    return (outcome, memory)
  }

  private static func peakMemory(of process: Int32) -> Int? {
    guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else { return nil }
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(separator: " ").compactMap { Int($0) }.first.map { $0 * 1024 }
  }
}
