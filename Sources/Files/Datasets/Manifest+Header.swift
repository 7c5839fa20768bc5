import Foundation
import Foundations
import Imaging
import YAMLText
import Yams

/// What the YAML file of a manifest holds.
struct ManifestHeader {
  var name = ""
  var description = ""
  var classes: ClassTable
  /// Path of the table of items, relative to the data root or to the manifest.
  var items = ""
  /// Digest of the table, where the manifest has one.
  var itemsDigest: String?
  /// Path templates below the data root with `{id}`.
  var image = ""
  var mask: String?
  var orientation = OrientationPolicy.apply

  /// Class tables of some thousand bytes; a longer text is no manifest.
  private static let sizeLimit = 1 << 20
  static let keys = [
    "name", "description", "classes", "void", "unlisted", "items", "items_sha256", "image", "mask", "orientation",
  ]

  init(contentsOf path: String) throws {
    let text = try InputFile.text(of: path, what: "manifest", limit: Self.sizeLimit)
    let reader = YAMLReader(file: path)
    let fields = try reader.mapping(
      try reader.compose(text), keys: Self.keys, required: ["name", "classes", "items", "image"])
    classes = try reader.classTable(fields)
    for (key, node) in fields {
      switch key {
      case "name":
        name = try reader.string(node, key)
        if let problem = SafeName.problem(with: name) { throw reader.failure("the name \(problem)", at: node) }
      case "description": description = try reader.string(node, key)
      case "items": items = try reader.relativePath(node, key)
      case "items_sha256": itemsDigest = try reader.digest(node, key)
      case "image": image = try reader.template(node, key)
      case "mask": mask = try reader.template(node, key)
      case "orientation": orientation = try reader.choice(node, key)
      default: break
      }
    }
  }
}

extension Manifest {
  /// The class table of a manifest alone; its table of items is not read.
  ///
  /// - Throws: what reading a manifest throws.
  public static func classes(contentsOf path: String) throws -> ClassTable {
    try ManifestHeader(contentsOf: path).classes
  }
}

/// Typed access to a YAML tree, with failures that tell file, line and column.
private struct YAMLReader {
  let file: String

  func failure(_ message: String, at node: Node) -> Failure {
    Failure(.data, message, file: file, item: node.mark.map(Self.place))
  }

  func compose(_ text: String) throws -> Node {
    do {
      guard let node = try composeYAML(text) else { throw Failure(.data, "the manifest is empty", file: file) }
      return node
    } catch let failure as Failure {
      throw failure.of(file: file)
    } catch let problem as YAMLProblem {
      throw Failure(.data, problem.message, file: file, item: problem.mark.map(Self.place))
    }
  }

  private static func place(_ mark: Mark) -> String { "line \(mark.line), column \(mark.column)" }

  /// The pairs of a mapping in their order; every key must be one of `keys`.
  func mapping(_ node: Node, keys: [String], required: [String]) throws -> [(key: String, node: Node)] {
    guard let mapping = node.mapping else {
      throw failure("expected keys and values (\(keys.joined(separator: ", ")))", at: node)
    }
    var pairs: [(key: String, node: Node)] = []
    for (keyNode, value) in mapping {
      let key = keyNode.string ?? ""
      guard keys.contains(key) else {
        let hint = nearestName(to: key, among: keys).map { "; did you mean \"\($0)\"?" } ?? ""
        throw failure("unknown key \"\(key)\"\(hint) (known: \(keys.joined(separator: ", ")))", at: keyNode)
      }
      pairs.append((key, value))
    }
    for key in required where !pairs.contains(where: { $0.key == key }) {
      throw failure("the key \"\(key)\" is missing", at: node)
    }
    return pairs
  }

  func string(_ node: Node, _ key: String) throws -> String {
    guard let scalar = node.scalar?.string, !scalar.isEmpty else {
      throw failure("expected a text for \"\(key)\"", at: node)
    }
    return scalar
  }

  /// One of the words of an enumeration.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(_ node: Node, _ key: String) throws -> Choice {
    let text = try string(node, key)
    guard let value = Choice(rawValue: text) else {
      let words = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
      throw failure("expected \(words) for \"\(key)\", found \"\(text)\"", at: node)
    }
    return value
  }

  func byte(_ node: Node, _ key: String) throws -> UInt8 {
    guard let text = node.scalar?.string, let value = UInt8(text) else {
      throw failure(
        "expected an integer of 0...255 for \"\(key)\", found \(node.found)", at: node)
    }
    return value
  }

  func relativePath(_ node: Node, _ key: String) throws -> String {
    let path = try string(node, key)
    if let problem = SafeName.problem(withRelativePath: path) {
      throw failure("the path \"\(path)\" of \"\(key)\" \(problem)", at: node)
    }
    return path
  }

  func template(_ node: Node, _ key: String) throws -> String {
    let path = try relativePath(node, key)
    guard path.contains("{id}") else { throw failure("the path \"\(path)\" of \"\(key)\" lacks {id}", at: node) }
    return path
  }

  func digest(_ node: Node, _ key: String) throws -> String {
    let text = try string(node, key)
    guard isDigest(text) else {
      throw failure("expected 64 lower-case hexadecimal digits for \"\(key)\", found \"\(text)\"", at: node)
    }
    return text
  }

  func classTable(_ fields: [(key: String, node: Node)]) throws -> ClassTable {
    var (void, policy, entries): (UInt8, ClassTable.UnlistedPolicy, [ClassTable.Entry]) = (255, .error, [])
    var place: Node?
    for (key, node) in fields {
      switch key {
      case "void": void = try byte(node, key)
      case "unlisted": policy = try choice(node, key)
      case "classes":
        place = node
        guard let list = node.sequence else { throw failure("expected a list of classes", at: node) }
        entries = try list.map(entry)
      default: break
      }
    }
    do {
      return try ClassTable(entries, void: void, unlisted: policy)
    } catch let error as Failure {
      // The table knows the class; the tree knows the line.
      let index = entries.lastIndex { "class \($0.name)" == error.item }
      let node = index.flatMap { place?.sequence?[$0] } ?? place
      let line = node?.mark.map { "line \($0.line): " } ?? ""
      throw Failure(error.kind, error.message, file: file, item: line + (error.item ?? "classes"))
    }
  }

  private func entry(_ node: Node) throws -> ClassTable.Entry {
    var (name, value, colour): (String, UInt8, RGB?) = ("", 0, nil)
    for (key, node) in try mapping(node, keys: ["name", "value", "colour"], required: ["name", "value"]) {
      switch key {
      case "name": name = try string(node, key)
      case "value": value = try byte(node, key)
      default:
        guard let list = node.sequence, list.count == 3 else {
          throw failure("expected [red, green, blue] for \"colour\"", at: node)
        }
        colour = RGB(try byte(list[0], key), try byte(list[1], key), try byte(list[2], key))
      }
    }
    return ClassTable.Entry(name: name, value: value, colour: colour)
  }
}

func isDigest(_ text: some StringProtocol) -> Bool {
  text.utf8.count == 64 && text.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || ($0 >= 97 && $0 <= 102) }
}
