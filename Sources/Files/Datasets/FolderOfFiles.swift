import Foundation
import Foundations

/// The files of one kind in a folder and the folders below it, by name: `2024/IMG 1.JPG` has the name `2024/IMG 1`.
public struct FolderOfFiles: Sendable {
  /// As given.
  public let folder: String
  /// In the order of their characters.
  public let names: [String]
  private let files: [String: String]

  /// Suffixes of photographs, in small letters.
  public static let photographs = ["jpg", "jpeg", "png"]

  /// - Parameters:
  ///   - suffixes: in small letters; files may have them in capitals.
  ///   - kind: what the files are, in the plural, for messages.
  /// - Throws: `Failure` `.noInput` where there is no such folder or no such file in it; `.data` where two files have
  ///   one name.
  public init(_ folder: String, suffixes: [String], kind: String) throws {
    self.folder = folder
    var isFolder: ObjCBool = false
    let root = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
    guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder), isFolder.boolValue else {
      throw Failure(.noInput, "no such folder of \(kind)", file: folder)
    }
    guard let paths = try? FileManager.default.subpathsOfDirectory(atPath: root) else {
      throw Failure(.noInput, "the folder cannot be read", file: folder)
    }
    var files: [String: String] = [:]
    for path in paths.sorted() where !path.split(separator: "/").contains(where: { $0.hasPrefix(".") }) {
      let dot = path.lastIndex(of: ".") ?? path.endIndex
      guard suffixes.contains(path[dot...].dropFirst().lowercased()),
        FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder), !isFolder.boolValue
      else { continue }
      let name = String(path[..<dot])
      if let other = files.updateValue(path, forKey: name) {
        throw Failure(.data, "two \(kind) have this name: \(other) and \(path)", file: folder, item: name)
      }
    }
    guard !files.isEmpty else {
      throw Failure(
        .noInput, "holds no \(kind) (.\(suffixes.joined(separator: ", .")), in subfolders too)", file: folder)
    }
    self.files = files
    names = files.keys.sorted()
  }

  /// The path of the file of that name; nil where there is none. Names are compared as text, however their accents are
  /// stored.
  public func path(of name: String) -> String? { files[name].map { "\(folder)/\($0)" } }
}
