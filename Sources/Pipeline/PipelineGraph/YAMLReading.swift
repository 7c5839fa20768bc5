import Foundation
import Foundations
import YAMLText
import Yams

/// A YAML file being read: substitutes variables and collects what is wrong instead of stopping at the first error.
struct YAMLReading {
  let file: String
  var variables: [String: String]
  private(set) var diagnostics: [Diagnostic] = []

  init(file: String, variables: [String: String]) {
    self.file = file
    self.variables = variables
  }

  /// The mapping at the top of the file.
  mutating func root() throws -> Node.Mapping {
    let text: String
    do {
      text = try String(contentsOfFile: file, encoding: .utf8)
    } catch {
      throw PipelineProblems(diagnostics: [
        Diagnostic(
          kind: .noInput, file: file, line: 0, column: 0, message: "no such file, or it is not readable as UTF-8 text")
      ])
    }
    do {
      guard let node = try composeYAML(text) else {
        throw self.problem(.configuration, "expected a pipeline, found an empty file")
      }
      guard let mapping = node.mapping else {
        throw self.problem(.configuration, "expected keys such as `steps:`, found \(node.found)", at: node)
      }
      return mapping
    } catch let problem as YAMLProblem {
      throw syntaxProblem(problem, in: text)
    } catch let failure as Failure {
      throw problem(.configuration, "\(failure)")
    }
  }

  // MARK: Problems

  mutating func report(_ message: String, at node: Node?, kind: Failure.Kind = .configuration) {
    let diagnostic = Diagnostic(
      kind: kind, file: file, line: node?.mark?.line ?? 0, column: node?.mark?.column ?? 0, message: message)
    // A default at the top of the file is read once for every step that takes it.
    if !diagnostics.contains(diagnostic) { diagnostics.append(diagnostic) }
  }

  /// `unknown WHAT "NAME"; did you mean "OTHER"?`, or the whole choice where nothing is near and the choice is short.
  mutating func reportUnknown(_ what: String, _ name: String, among valid: [String], at node: Node?) {
    report("unknown \(what) \"\(name)\"\(Self.suggestion(for: name, among: valid))", at: node)
  }

  static func suggestion(for name: String, among valid: [String]) -> String {
    if let nearest = nearestName(to: name, among: valid) { return "; did you mean \"\(nearest)\"?" }
    return valid.isEmpty ? "; there are none" : "; expected one of \(valid.joined(separator: ", "))"
  }

  /// Throws what was reported so far, in the order of the lines.
  func throwProblems() throws {
    guard diagnostics.isEmpty else {
      throw PipelineProblems(
        diagnostics: diagnostics.enumerated().sorted {
          ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }
        .map(\.element))
    }
  }

  private func problem(_ kind: Failure.Kind, _ message: String, at node: Node? = nil) -> PipelineProblems {
    PipelineProblems(diagnostics: [
      Diagnostic(kind: kind, file: file, line: node?.mark?.line ?? 0, column: node?.mark?.column ?? 0, message: message)
    ])
  }

  private func syntaxProblem(_ problem: YAMLProblem, in text: String) -> PipelineProblems {
    let line = problem.mark.flatMap { text.components(separatedBy: "\n").dropFirst($0.line - 1).first } ?? ""
    let hint = line.contains("${") ? "; a `${NAME}` between braces needs quotes: \"${NAME}\"" : ""
    let (row, column) = (problem.mark?.line ?? 0, problem.mark?.column ?? 0)
    return PipelineProblems(diagnostics: [
      Diagnostic(kind: .configuration, file: file, line: row, column: column, message: problem.message + hint)
    ])
  }

  // MARK: Nodes

  /// The pairs of a mapping; nothing for an empty value; reports anything else.
  mutating func pairs(_ node: Node?, _ what: String) -> [(key: Node, name: String, value: Node)] {
    guard let node, !node.isNull else { return [] }
    guard let mapping = node.mapping else {
      report("expected \(what) as `name: value` pairs, found \(node.found)", at: node)
      return []
    }
    return pairs(mapping)
  }

  mutating func pairs(_ mapping: Node.Mapping) -> [(key: Node, name: String, value: Node)] {
    var result: [(key: Node, name: String, value: Node)] = []
    for (key, value) in mapping {
      if let name = key.scalar?.string {
        result.append((key, name, value))
      } else {
        report("expected a name, found \(key.found)", at: key)
      }
    }
    return result
  }

  /// A scalar with its variables replaced; reports anything else and variables that are not set.
  mutating func text(_ node: Node, _ what: String) -> String? {
    guard let scalar = node.scalar, !node.isNull else {
      report("expected \(what), found \(node.found)", at: node)
      return nil
    }
    return substituted(scalar.string, at: node)
  }

  mutating func flag(_ node: Node, _ what: String) -> Bool? {
    guard let text = text(node, "\(what) as true or false") else { return nil }
    if text == "true" || text == "false" { return text == "true" }
    report("\(what): expected true or false, found \"\(text)\"", at: node)
    return nil
  }

  mutating func integer(_ node: Node, _ what: String, in range: ClosedRange<Int>) -> Int? {
    guard let text = text(node, "\(what) as a whole number") else { return nil }
    guard let value = Int(text) else {
      report("\(what): expected a whole number, found \"\(text)\"", at: node)
      return nil
    }
    guard range.contains(value) else {
      report(
        "\(what): expected a whole number from \(range.lowerBound) to \(range.upperBound), found \(value)", at: node)
      return nil
    }
    return value
  }

  mutating func number(_ node: Node, _ what: String, in range: ClosedRange<Double>) -> Double? {
    guard let text = text(node, "\(what) as a number") else { return nil }
    guard let value = Double(text), value.isFinite else {
      report("\(what): expected a number, found \"\(text)\"", at: node)
      return nil
    }
    guard range.contains(value) else {
      report("\(what): expected a number from \(range.lowerBound) to \(range.upperBound), found \(text)", at: node)
      return nil
    }
    return value
  }

  /// A path that make and the shell read as one word.
  mutating func path(_ node: Node, _ what: String) -> String? {
    text(node, "\(what) as a path").flatMap { path(text: $0, what, at: node) }
  }

  /// The same for a text that is not from the file, such as a variable of the command line.
  mutating func path(text: String, _ what: String, at node: Node?) -> String? {
    guard !text.isEmpty else {
      report("\(what): expected a path, found an empty text", at: node)
      return nil
    }
    if let bad = SafeText.badCharacter(inPath: text) {
      report(
        "\(what): a path must not have \(SafeText.describe(bad)), found \"\(text)\"; a symbolic link with a plainer "
          + "name helps",
        at: node)
      return nil
    }
    return text
  }

  // MARK: Variables

  /// Replaces `$NAME` and `${NAME}`.
  private mutating func substituted(_ text: String, at node: Node) -> String? {
    var result = ""
    var rest = Substring(text)
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      let braced = rest.hasPrefix("{")
      if braced { rest = rest.dropFirst() }
      let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
      rest = rest.dropFirst(name.count)
      guard !name.isEmpty, !braced || rest.hasPrefix("}") else {
        report("expected a variable as $NAME or ${NAME}, found \"\(text)\"", at: node)
        return nil
      }
      if braced { rest = rest.dropFirst() }
      guard let value = variables[String(name)] else {
        let known = variables.keys.sorted()
        let nearest = nearestName(to: String(name), among: known).map { "; did you mean \($0)?" } ?? ""
        report("the variable \(name) is not set; give it on the command line as `make \(name)=...`\(nearest)", at: node)
        return nil
      }
      result += value
    }
    return result + rest
  }
}
