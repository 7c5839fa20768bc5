import Foundation
import TestSupport
import Testing

private enum Fuzzer {
  static let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appendingPathComponent("fuzz")
  static let isBuilt = FileManager.default.isExecutableFile(atPath: program.path)
}

/// Damaged weights files never crash, hang or take much memory: at least 100,000 inputs, in a program of their own.
@Suite(.enabled(if: Fuzzer.isBuilt, "the program fuzz is not built beside the tests"))
struct FuzzTests {
  @Test func damagedFilesAreReadOrRefused() throws {
    try expectNoProblem("importers", inputs: 120_000)
  }

  @Test(.enabled(if: Golden.isAvailable, "\(Golden.absence)")) func damagedGoldenFilesAreReadOrRefused() throws {
    let folder = Golden.path("weights")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".pth") }.sorted()
    try expectNoProblem("importers", inputs: 20_000, files: files.map { "\(folder)/\($0)" })
  }

  /// A few, since those that keep their reader busy take seconds; docs/trust.md has the figures of many.
  @Test(arguments: ["hdf5-weights", "maps", "checkpoints"]) func damagedHDF5IsReadOrRefused(target: String) throws {
    try expectNoProblem(target, inputs: 300)
  }

  /// Inputs that once ended the program: a group with two members of one name.
  @Test(arguments: [4130, 73_832]) func checkpointsThatOnceTrapped(index: Int) throws {
    #expect(try output(["checkpoints", "1", "--from", String(index)]).first == 1)
  }

  /// Some seconds of each; some inputs of a text's kinds are sound again after the damage.
  @Test(arguments: [
    ("images", 5000), ("kernels", 5000), ("evaluations", 5000), ("manifests", 5000), ("pipelines", 2000),
    ("command-lines", 5000), ("records", 5000), ("foreign", 5000),
  ])
  func otherInputsAreTakenOrRefused(target: String, inputs: Int) throws {
    try expectNoProblem(target, inputs: inputs, leastRefused: inputs / 10)
  }

  /// Inputs that once took 1.1 GB: a PNG of 447 bytes with a text chunk that claims so many.
  @Test(arguments: [8946]) func imagesThatOnceTookMuchMemory(index: Int) throws {
    #expect(try output(["images", "1", "--from", String(index)]).first == 1)
  }

  @Test(.enabled(if: Golden.isAvailable, "\(Golden.absence)")) func damagedGoldenHDF5IsReadOrRefused() throws {
    let folder = Golden.path("weights")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
      $0.hasPrefix("weights") && $0.hasSuffix(".h5")
    }.sorted()
    try #require(!files.isEmpty)
    try expectNoProblem("hdf5-weights", inputs: 200, files: files.map { "\(folder)/\($0)" })
  }

  /// Runs a target; the least share of inputs that it must refuse keeps it from reading none.
  private func expectNoProblem(_ target: String, inputs: Int, leastRefused: Int? = nil, files: [String] = []) throws {
    let numbers = try output([target, String(inputs)] + files)
    try #require(numbers.count >= 6, "\(numbers)")
    #expect(numbers[0] == inputs)
    #expect(numbers[1] > leastRefused ?? inputs / 4 && numbers[1] < inputs, "refused: \(numbers[1]) of \(inputs)")
    #expect(numbers[3] <= 2 * numbers[2], "memory: \(numbers)")
    guard numbers.count == 10 else { return }
    #expect(numbers[6] < inputs / 10, "ended the reader: \(numbers[6]) of \(inputs)")
    #expect(numbers[9] <= 2 * numbers[8], "memory of the reader: \(numbers)")
  }

  /// The numbers on standard output of a run that went well.
  private func output(_ arguments: [String]) throws -> [Int] {
    let process = Process()
    process.executableURL = Fuzzer.program
    process.arguments = arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try #require(
      process.terminationReason == .exit && process.terminationStatus == 0,
      "\(process.terminationStatus): \(text)\(said)")
    return text.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
  }
}
