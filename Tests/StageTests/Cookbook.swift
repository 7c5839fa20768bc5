import Foundation

/// The commands of docs/cookbook.md.
enum Cookbook {
  /// The arguments of each command line that calls `program`, in the page's order.
  static func commands(_ program: String) throws -> [[String]] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appendingPathComponent("docs/cookbook.md"), encoding: .utf8)
    let blocks = page.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    return blocks.flatMap { $0.split(separator: "\n") }.map { $0.split(separator: " ").map(String.init) }
      .filter { $0.first == program }.map { Array($0.dropFirst()) }
  }
}
