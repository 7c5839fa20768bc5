import Foundation
import Foundations
import TestSupport
import Testing

@Suite struct ProjectVersionTests {
  /// `--version` names what the changelog describes last.
  @Test func isThatOfTheTopmostSection() throws {
    let text = try String(contentsOfFile: "\(Golden.packageRoot)/CHANGELOG.md", encoding: .utf8)
    let heading = try #require(text.components(separatedBy: "\n").first { $0.hasPrefix("## ") })
    #expect(heading.split(separator: " ")[1] == ProjectVersion.current)
  }
}
