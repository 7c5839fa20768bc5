import Foundation
import TestSupport
import Testing

private enum Fuzzer {
  static let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appendingPathComponent("fuzz-importers")
  static let isBuilt = FileManager.default.isExecutableFile(atPath: program.path)
}

/// Damaged weights files never crash, hang or take much memory: at least 100,000 inputs, in a program of their own.
@Suite(.enabled(if: Fuzzer.isBuilt, "the program fuzz-importers is not built beside the tests"))
struct FuzzTests {
  @Test func damagedFilesAreReadOrRefused() throws {
    try expectNoProblem(inputs: 120_000, files: [])
  }

  @Test(.enabled(if: Golden.isAvailable, "\(Golden.absence)")) func damagedGoldenFilesAreReadOrRefused() throws {
    let folder = Golden.path("weights")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".pth") }.sorted()
    try expectNoProblem(inputs: 20_000, files: files.map { "\(folder)/\($0)" })
  }

  private func expectNoProblem(inputs: Int, files: [String]) throws {
    let process = Process()
    process.executableURL = Fuzzer.program
    process.arguments = [String(inputs)] + files
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try #require(process.terminationReason == .exit && process.terminationStatus == 0, "\(process.terminationStatus): \(output)")
    let numbers = output.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
    try #require(numbers.count == 4, "\(output)")
    #expect(numbers[0] == inputs)
    #expect(numbers[1] > inputs / 4 && numbers[1] < inputs, "refused: \(numbers[1]) of \(inputs)")
    #expect(numbers[3] <= 2 * numbers[2], "memory: \(output)")
  }
}
