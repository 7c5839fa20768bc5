import Foundation
import StageInterface
import TestSupport
import Testing

/// docs/fidelity.md, checked against the sources: what stands in it as code is there.
@Suite struct FidelityTests {
  private let lines: [String]
  private let files: [SourceFile]
  /// Everything that looks like a word in the sources, strings included.
  private let words: Set<Substring>
  private let places: Set<String>

  init() throws {
    lines = try String(contentsOfFile: "\(Golden.packageRoot)/docs/fidelity.md", encoding: .utf8).components(
      separatedBy: "\n")
    files = try SourceTree.files(in: ["Sources", "Stages"])
    words = Set(files.flatMap { file in file.code.flatMap { $0.split { !Self.isWord($0) } } })
    places = Set(try ["Sources", "Stages"].flatMap { try SourceTree.targets(in: $0) + [$0 + "/", $0] })
  }

  private static func isWord(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_"
  }

  /// The code spans of a line, cut at spaces. Commands with variables are left out.
  private static func parts(of line: String) -> [String] {
    let spans = line.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    return spans.filter { !$0.contains("=") }.flatMap { $0.split(separator: " ").map(String.init) }
  }

  /// What of a part the sources do not have; nil where all is well.
  private func missing(_ part: String) throws -> String? {
    if places.contains(part) { return nil }
    if part.hasPrefix("--") { return hasOption(String(part.dropFirst(2))) ? nil : part }
    if part.hasSuffix(".swift") { return files.contains { "/\($0.path)".hasSuffix("/\(part)") } ? nil : part }
    if part.hasSuffix(".yaml") || part.hasSuffix(".md") {
      return part.contains("*") || FileManager.default.fileExists(atPath: "\(Golden.packageRoot)/\(part)") ? nil : part
    }
    let tests: Set = ["Golden", "FidelityTests"]
    return part.split { !Self.isWord($0) }.first {
      !words.contains($0) && Int($0) == nil && !tests.contains(String($0))
    }.map(String.init)
  }

  /// Whether a stage declares `--name` (or `--no-name`).
  private func hasOption(_ name: String) -> Bool {
    let positive = name.hasPrefix("no-") ? String(name.dropFirst(3)) : name
    return StageCatalogue.standard.stages.contains { $0.options.contains { $0.name == positive } }
  }

  @Test func everySymbolFileAndOptionExists() throws {
    for (number, line) in lines.enumerated() {
      for part in Self.parts(of: line) {
        if let missing = try missing(part) {
          Issue.record("docs/fidelity.md:\(number + 1): there is no `\(missing)` (in `\(part)`)")
        }
      }
    }
  }

  /// The equations of the paper, each with its row.
  @Test func everyEquationIsThere() {
    let text = lines.joined(separator: "\n")
    for number in 1...15 {
      #expect(
        text.contains("Eq. \(number) ") || text.contains("Eq. \(number):") || text.contains("Eq. \(number)."),
        "Eq. \(number)")
    }
  }
}
