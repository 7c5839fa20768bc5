import Foundation

/// The commands of docs/cookbook.md.
enum Cookbook {
  /// The arguments of each command line that calls `program`, in the page's order.
  static func commands(_ program: String) throws -> [[String]] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appendingPathComponent("docs/cookbook.md"), encoding: .utf8)
    var (commands, isInside) = ([[String]](), false)
    for line in page.split(separator: "\n") {
      if line.hasPrefix("```") { isInside.toggle() }
      let words = line.split(separator: " ").map(String.init)
      if isInside, words.first == program { commands.append(Array(words.dropFirst())) }
    }
    return commands
  }
}
