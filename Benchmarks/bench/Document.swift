import ArgumentParser
import Foundation
import Foundations

/// Puts measured tables into a page, so that no figure is copied by hand.
struct Document: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Replace the tables of a page by those of stored reports.",
    discussion:
      "A table stands between <!-- NAME --> and <!-- end -->. NAME.json is printed as Markdown, NAME.txt as it is; "
      + "what is missing stays."
  )

  @Option(help: "Folder of the reports.") var results = "Benchmarks/results"
  @Option(help: "The page.") var page = "docs/performance.md"

  func run() throws {
    var text = try read(page)
    for name in ["peers", "bench", "threads", "growth"] where exists("\(name).json") {
      text = try replaced(text, name, try BenchReport(contentsOf: "\(results)/\(name).json").text(markdown: true))
    }
    for name in ["roofline", "paper"] where exists("\(name).txt") {
      text = try replaced(
        text, name, "```\n\(try read("\(results)/\(name).txt").trimmingCharacters(in: .newlines))\n```")
    }
    try AtomicFile.write(text, to: page)
  }

  private func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: "\(results)/\(file)") }

  private func read(_ path: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.noInput, "cannot read", file: path)
    }
    return String(decoding: data, as: UTF8.self)
  }

  private func replaced(_ text: String, _ name: String, _ table: String) throws -> String {
    guard let start = text.range(of: "<!-- \(name) -->\n"),
      let end = text.range(of: "<!-- end -->", range: start.upperBound..<text.endIndex)
    else {
      throw Failure(.data, "no place <!-- \(name) --> ... <!-- end -->", file: page)
    }
    return text.replacingCharacters(in: start.upperBound..<end.lowerBound, with: "\n\(table)\n\n")
  }
}
