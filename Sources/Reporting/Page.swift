import Foundation
import Foundations
import Mustache

/// Renders templates into the report's folder. Mustache escapes what stands in double braces; nothing from a manifest or pipeline stands in three.
struct PageWriter {
  let folder: String
  private let library: MustacheLibrary

  init(folder: String) throws {
    self.folder = folder
    var library = MustacheLibrary()
    for (name, text) in Templates.all {
      do { try library.register(text, named: name) } catch { throw Failure(.software, "template \(name): \(error)") }
    }
    self.library = library
  }

  func render(_ template: String, _ context: [String: Any]) throws -> String {
    guard let text = library.render(context, withTemplate: template) else { throw Failure(.software, "there is no template \(template)") }
    return text
  }

  /// Writes a page; `path` is below the report's folder and decides how links find their way back to it.
  func write(_ template: String, to path: String, title: String, _ context: [String: Any]) throws {
    var context = context
    context["title"] = title
    context["root"] = String(repeating: "../", count: path.split(separator: "/").count - 1)
    try AtomicFile.write(try render(template, context), to: "\(folder)/\(path)")
  }
}

/// A path as the target of a link: every byte outside of letters, digits and `/._-+` in per cent.
func link(_ path: String) -> String {
  let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+")
  return path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path
}
