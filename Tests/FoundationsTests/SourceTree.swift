import Foundation
import TestSupport

/// A Swift source file of the package, read as text.
struct SourceFile: CustomStringConvertible {
  /// Relative to the package's root: `Sources/Tensors/Tensor.swift`.
  let path: String
  /// The lines without what follows `//`: rules are about code, comments may name anything.
  let code: [String]

  /// `Tensors`, `train-cam`.
  var target: String { String(path.split(separator: "/")[1]) }
  var description: String { path }

  /// The modules that it imports.
  var imports: [String] {
    code.compactMap { line in
      let words = line.split(separator: " ").drop { $0.hasPrefix("@") || ["public", "package", "internal", "private"].contains($0) }
      guard words.count >= 2, words.first == "import", let name = words.last else { return nil }
      return String(name.prefix { $0 != "." })
    }
  }

  /// `PATH:LINE` of the lines that hold `text`.
  func places(of text: String) -> [String] {
    code.enumerated().compactMap { $1.contains(text) ? "\(path):\($0 + 1)" : nil }
  }
}

enum SourceTree {
  /// All Swift files below the folders, in a fixed order.
  static func files(in folders: [String]) throws -> [SourceFile] {
    try folders.flatMap { folder in
      let names = try FileManager.default.subpathsOfDirectory(atPath: "\(Golden.packageRoot)/\(folder)")
      return try names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
        let text = try String(contentsOfFile: "\(Golden.packageRoot)/\(folder)/\(name)", encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return SourceFile(path: "\(folder)/\(name)", code: lines.map { $0.components(separatedBy: "//")[0] })
      }
    }
  }

  /// The folders directly below `folder`.
  static func targets(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(Golden.packageRoot)/\(folder)").filter { !$0.hasPrefix(".") }.sorted()
  }
}
