import Foundations
import StageInterface
import Yams

/// A parameter that is given for one run, in place of the file's: `SET="psa.beta=8 seg-*.epochs=12"`.
public struct Override: Equatable, Sendable {
  /// A step's name in the file; `*` stands for any text.
  public let steps: String
  public let parameter: String
  public let value: String

  /// All overrides of a text, which are separated by spaces.
  ///
  /// - Throws: `Failure(.usage)` for a word that is not `STEP.PARAMETER=VALUE`.
  public static func all(in text: String) throws -> [Override] {
    try text.split(separator: " ").map { word in
      guard let equals = word.firstIndex(of: "="), let dot = word[..<equals].lastIndex(of: "."), dot > word.startIndex,
        word.index(after: dot) < equals
      else { throw Failure(.usage, expected: "STEP.PARAMETER=VALUE", found: "\"\(word)\"", item: "SET") }
      return Override(
        steps: String(word[..<dot]), parameter: String(word[word.index(after: dot)..<equals]),
        value: String(word[word.index(after: equals)...]))
    }
  }

  var isPattern: Bool { steps.contains("*") }

  func matches(_ step: String) -> Bool {
    guard isPattern else { return steps == step }
    let pieces = steps.split(separator: "*", omittingEmptySubsequences: false)
    var rest = step[...]
    for (index, piece) in pieces.enumerated() {
      if index == 0 {
        guard rest.hasPrefix(piece) else { return false }
        rest = rest.dropFirst(piece.count)
      } else if index == pieces.count - 1 {
        guard rest.hasSuffix(piece) else { return false }
      } else {
        guard let range = rest.range(of: piece) else { return false }
        rest = rest[range.upperBound...]
      }
    }
    return true
  }
}

extension Substring {
  /// Where `piece` stands first; an empty one at the start.
  fileprivate func range(of piece: Substring) -> Range<Index>? {
    guard !piece.isEmpty else { return startIndex..<startIndex }
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(piece) { return start..<index(start, offsetBy: piece.count) }
      start = index(after: start)
    }
    return nil
  }
}

extension PipelineReader {
  /// The fields of the steps with what `SET` gives put into their parameters. What no step takes is reported.
  mutating func applyOverrides(_ declared: [(name: String, key: Node, fields: Node)]) -> [(
    name: String, key: Node, fields: Node
  )] {
    var result = declared
    for given in overrides {
      let matching = declared.indices.filter { given.matches(declared[$0].name) }
      if matching.isEmpty {
        yaml.reportUnknown("step in SET", given.steps, among: stepNames, at: nil)
        continue
      }
      let taking = matching.filter { takes(given.parameter, stages[declared[$0].name]) }
      guard !taking.isEmpty else {
        let known = stages[declared[matching[0]].name].map { $0.parameters.map(\.name) + Self.commonParameters } ?? []
        yaml.reportUnknown("parameter in SET for \(given.steps)", given.parameter, among: known, at: nil)
        continue
      }
      for index in taking { result[index].fields = put(given, into: result[index].fields) }
    }
    return result
  }

  private func takes(_ parameter: String, _ stage: StageDeclaration?) -> Bool {
    Self.commonParameters.contains(parameter) || stage?.parameter(parameter) != nil
  }

  private mutating func put(_ given: Override, into fields: Node) -> Node {
    guard var mapping = fields.mapping else { return fields }
    if let matrix = mapping["matrix"]?.mapping, matrix[given.parameter] != nil {
      yaml.report(
        "SET: \(given.parameter) is an axis of the matrix of \(given.steps); change the list in the file", at: nil)
      return fields
    }
    var parameters = mapping["parameters"]?.mapping ?? Node.Mapping([])
    parameters[Node(given.parameter)] = Node(given.value)
    mapping[Node("parameters")] = .mapping(parameters)
    return .mapping(mapping)
  }
}
