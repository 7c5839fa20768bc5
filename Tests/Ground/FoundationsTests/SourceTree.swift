import Foundation
import TestSupport

/// A Swift source file of the package, read as text.
struct SourceFile: CustomStringConvertible {
  /// Relative to the package's root: `Sources/Engine/Tensors/Tensor.swift`.
  let path: String
  /// The lines without what follows `//`: rules are about code, comments may name anything.
  let code: [String]

  /// `Tensors` of `Sources/Engine/Tensors/Tensor.swift`, `train-cam` of `Stages/train-cam/TrainCAM.swift`.
  var target: String {
    let folders = path.split(separator: "/").dropLast()
    return String(folders.count > 2 && SourceTree.layers.contains(String(folders[1])) ? folders[2] : folders[1])
  }
  var description: String { path }

  /// The modules that it imports.
  var imports: [String] {
    code.compactMap { line in
      let words = line.split(separator: " ").drop {
        $0.hasPrefix("@") || ["public", "package", "internal", "private"].contains($0)
      }
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
  /// The folders of `Sources`, lowest layer first.
  static let layers = ["C", "Ground", "Engine", "Files", "Method", "Running", "Pipeline", "Looking"]

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
    try FileManager.default.contentsOfDirectory(atPath: "\(Golden.packageRoot)/\(folder)").filter { !$0.hasPrefix(".") }
      .sorted()
  }
}
