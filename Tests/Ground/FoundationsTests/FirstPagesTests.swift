import Foundation
import TestSupport
import Testing

/// What somebody reads first holds together: one number for the cost, links, words before they are used, exit codes.
@Suite struct FirstPagesTests {
  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: "\(Golden.packageRoot)/\(path)", encoding: .utf8)
  }

  /// The README's hours are those that docs/performance.md derives, and nothing else tells others.
  @Test func theCostOfThePaperIsOneNumber() throws {
    let performance = try text("docs/performance.md")
    let all = try #require(performance.split(separator: "\n").first { $0.hasPrefix("all ") })
    let hours = try #require(all.split(separator: " ").dropFirst().first)
    #expect(try text("README.md").contains("\(hours) hours on two cores"))
    for page in ["README.md", "docs/fidelity.md", "docs/results.md", "docs/cookbook.md", "pipelines/voc2012.yaml"] {
      let others = try text(page).matches(of: /([0-9][0-9,]*) (hours|days)/).map { String($0.output.1) }
      let large = others.compactMap { Int($0.replacing(",", with: "")) }.filter { $0 >= 60 }
      #expect(large.allSatisfy { "\($0)" == hours }, "\(page): \(large)")
    }
  }

  @Test func everythingThatIsNeededIsLinked() throws {
    let readme = try text("README.md")
    for link in [
      "arxiv.org/abs/1911.01370", "github.com/jiwoon-ahn/psa", "host.robots.ox.ac.uk/pascal/VOC", "SBD/download",
      "docs/pipeline.md", "docs/stages.md", "docs/trust.md", "LICENSE",
    ] {
      #expect(readme.contains(link), "\(link)")
    }
    #expect(readme.components(separatedBy: "## How to cite").count == 2)
  }

  /// Every code that a `Failure` can end a program with stands where a user looks for it.
  @Test(arguments: [64, 65, 66, 70, 71, 73, 74, 75, 78]) func exitCodesAreExplained(code: Int) throws {
    let readme = try text("README.md")
    let rest = try #require(readme.components(separatedBy: "## Exit codes\n").last)
    let section = try #require(rest.components(separatedBy: "\n## ").first)
    #expect(section.contains(try Regex("(?m)^\\|[^|]*\\b\(code)\\b")))
  }

  /// No index of packages and no version that only one of them has.
  @Test func peersComeFromTheUsersIndex() throws {
    let requirements = try text("Benchmarks/peers/requirements.txt")
    #expect(!requirements.contains("://") && !requirements.contains("+") && !requirements.contains("--"))
    #expect(try !text("Makefile").contains("--index-url"))
  }
}
