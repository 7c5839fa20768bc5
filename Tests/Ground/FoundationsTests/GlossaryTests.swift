import Foundation
import TestSupport
import Testing

/// The table "Words" of CONTRIBUTING.md against the sources.
@Suite struct GlossaryTests {
  private struct Row {
    let words: [String]
    let replaced: [String]
  }

  private let rows: [Row]

  init() throws {
    let text = try String(contentsOfFile: "\(Golden.packageRoot)/CONTRIBUTING.md", encoding: .utf8)
    let section = text.components(separatedBy: "## Words\n").last?.components(separatedBy: "\n## ").first ?? ""
    rows = section.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst().map { line in
      let cells = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      return Row(words: Self.quoted(cells[1]), replaced: Self.quoted(cells[3]))
    }
  }

  /// What stands in backquotes.
  private static func quoted(_ cell: String) -> [String] {
    cell.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
  }

  /// The words of a text in lower case: `modelPath` has two, `model` and `path`, and is one itself.
  private static func words(of text: some StringProtocol) -> Set<String> {
    var words: Set<String> = []
    for run in text.split(whereSeparator: { !$0.isLetter }) {
      words.insert(run.lowercased())
      var word = ""
      for letter in run {
        if letter.isUppercase, word.last?.isLowercase == true {
          words.insert(word.lowercased())
          word = ""
        }
        word.append(letter)
      }
      words.insert(word.lowercased())
    }
    return words
  }

  /// Keys of other programs' checkpoints, and the name that a paper gives a network.
  private static let foreign: Set = [
    "Sources/Files/TensorStore/PyTorch/StateDictionarySearch.swift",
    "Sources/Files/TensorStore/PyTorch/PyTorchCheckpoint.swift",
    "Sources/Files/TensorStore/MXNet/MXNetParameters+Names.swift", "Sources/Method/Networks/ResNet38.swift",
  ]

  @Test func theTableIsRead() {
    #expect(rows.count >= 20 && rows.flatMap(\.replaced).contains("model"))
    #expect(Self.words(of: "let modelPath = LabelBatch()").isSuperset(of: ["model", "path", "labelbatch", "let"]))
  }

  @Test func replacedWordsDoNotOccur() throws {
    let replaced = Set(rows.flatMap(\.replaced).map { $0.lowercased() })
    for folder in ["Sources", "Stages"] {
      for name in try FileManager.default.subpathsOfDirectory(atPath: "\(Golden.packageRoot)/\(folder)").sorted() {
        let path = "\(folder)/\(name)"
        guard name.hasSuffix(".swift"), !Self.foreign.contains(path) else { continue }
        let text = try String(contentsOfFile: "\(Golden.packageRoot)/\(path)", encoding: .utf8)
        for (number, line) in text.components(separatedBy: "\n").enumerated() {
          let found = Self.words(of: line).intersection(replaced)
          #expect(found.isEmpty, "\(path):\(number + 1) has \(found.sorted().joined(separator: ", "))")
        }
      }
    }
  }

  /// A word that no source uses any more explains nothing.
  @Test func wordsInCodeOccur() throws {
    let files = try SourceTree.files(in: ["Sources", "Stages"])
    let identifiers = Set(files.flatMap { $0.code.flatMap { $0.split { !$0.isLetter && !$0.isNumber } } })
    for word in rows.flatMap(\.words) {
      #expect(identifiers.contains { $0.lowercased() == word.lowercased() }, "no source has the word \(word)")
    }
  }
}
