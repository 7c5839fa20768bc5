import Foundation
import Foundations
import Mustache

/// Renders templates into the report's folder. Mustache escapes what stands in double braces; nothing from a manifest
/// or pipeline stands in three.
package struct PageWriter {
  package let folder: String
  private let library: MustacheLibrary

  package init(folder: String) throws {
    self.folder = folder
    var library = MustacheLibrary()
    for (name, text) in Templates.all {
      do { try library.register(text, named: name) } catch { throw Failure(.software, "template \(name): \(error)") }
    }
    self.library = library
  }

  package func render(_ template: String, _ context: [String: Any]) throws -> String {
    guard let text = library.render(context, withTemplate: template) else {
      throw Failure(.software, "there is no template \(template)")
    }
    return text
  }

  /// Writes a page; `path` is below the report's folder and decides how links find their way back to it.
  package func write(_ template: String, to path: String, title: String, _ context: [String: Any]) throws {
    var context = context
    context["title"] = title
    context["root"] = String(repeating: "../", count: path.split(separator: "/").count - 1)
    try writeFile(try render(template, context).utf8, to: "\(folder)/\(path)")
  }
}

/// A path as the target of a link: every byte outside of letters, digits and `/._-+` in per cent.
func link(_ path: String) -> String {
  let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+")
  return path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path
}

/// Writes a file of a report, and the folders above it.
///
/// Not synced as outputs of steps are: a report is some ten thousand small files that can be made again, and a disk
/// takes milliseconds to sync each.
func writeFile(_ bytes: some Sequence<UInt8>, to path: String) throws {
  let place = URL(fileURLWithPath: path)
  do {
    try FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: place)
  } catch {
    throw Failure(.io, "cannot write: \(error.localizedDescription)", file: path)
  }
}
