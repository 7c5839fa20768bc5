import CYaml
import Foundations
import Yams

/// The tree of a YAML text, nil for an empty one.
///
/// - Throws: `Failure(.data)` for a text that stands for more than 100,000 values once its aliases are followed, or
///   that has more than 64 levels; `YAMLProblem` for one that is not YAML.
public func composeYAML(_ text: String) throws -> Node? {
  try YAMLSize(of: text).check()
  do { return try Yams.compose(yaml: text) } catch let error as YamlError { throw YAMLProblem(error) }
}

/// What keeps a text from being YAML, and where: the one form in which readers of pipelines and manifests tell it.
public struct YAMLProblem: Error {
  /// `not YAML: did not find expected ',' or ']'`, `expected each key once, found "a" twice`.
  public let message: String
  /// Nil where the parser does not say.
  public let mark: Mark?

  init(_ error: YamlError) {
    switch error {
    case .scanner(let context, let problem, let place, _), .parser(let context, let problem, let place, _),
      .composer(let context, let problem, let place, _):
      (message, mark) = ("not YAML: \(problem)\(context.map { " \($0.text)" } ?? "")", place)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let names = duplicates.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
      (message, mark) = ("expected each key once, found \(names) twice", context.mark)
    default:
      (message, mark) = ("not YAML: \(error)", nil)
    }
  }
}

extension Node {
  /// Whether nothing stands here: an empty value, `~` or `null`.
  public var isNull: Bool {
    guard let scalar else { return false }
    return scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
  }

  /// What a message says that it found: `a list`, `"3"`.
  public var found: String {
    switch self {
    case .scalar(let scalar): isNull ? "nothing" : "\"\(scalar.string)\""
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    }
  }
}

/// How much a YAML text stands for, counted event by event without making anything of it.
struct YAMLSize {
  /// Pipelines of this project have some hundred values, class tables at most a few thousand.
  static let valueLimit = 100_000
  static let depthLimit = 64

  /// Values with aliases followed, at most `valueLimit + 1`.
  private(set) var values = 0
  private(set) var depth = 0
  /// Line, from 1, where a limit was passed first.
  private(set) var line = 0

  private var isWithinLimits: Bool { values <= Self.valueLimit && depth <= Self.depthLimit }

  /// Counts up to the first error of syntax, which is not reported, or to the first limit that is passed.
  init(of text: String) {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) == 1 else { return }
    defer { yaml_parser_delete(parser) }
    var text = text
    text.withUTF8 { bytes in
      yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
      count(parser)
    }
  }

  func check() throws {
    let item = "line \(line)"
    if depth > Self.depthLimit {
      throw Failure(.data, expected: "at most \(Self.depthLimit) levels of YAML", found: "more", item: item)
    }
    if values > Self.valueLimit {
      throw Failure(
        .data, expected: "at most \(Self.valueLimit) values once aliases are followed", found: "more", item: item)
    }
  }

  private mutating func count(_ parser: UnsafeMutablePointer<yaml_parser_t>) {
    var anchors: [String: Int] = [:]
    /// Of each list or mapping that is open: its anchor, and the values before it.
    var open: [(anchor: String?, before: Int)] = []
    while isWithinLimits {
      var event = yaml_event_t()
      guard yaml_parser_parse(parser, &event) == 1 else { return }
      defer { yaml_event_delete(&event) }
      line = Int(event.start_mark.line) + 1
      switch event.type {
      case YAML_STREAM_END_EVENT: return
      case YAML_ALIAS_EVENT: add(Self.name(event.data.alias.anchor).flatMap { anchors[$0] } ?? 1)
      case YAML_SCALAR_EVENT:
        add(1)
        if let anchor = Self.name(event.data.scalar.anchor) { anchors[anchor] = 1 }
      case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT:
        let isSequence = event.type == YAML_SEQUENCE_START_EVENT
        open.append(
          (Self.name(isSequence ? event.data.sequence_start.anchor : event.data.mapping_start.anchor), values))
        depth = max(depth, open.count)
        add(1)
      case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
        if let (anchor, before) = open.popLast(), let anchor { anchors[anchor] = values - before }
      default: break
      }
    }
  }

  private mutating func add(_ count: Int) { values = min(values + count, Self.valueLimit + 1) }

  private static func name(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    pointer.map { String(cString: $0) }
  }
}
