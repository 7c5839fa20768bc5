import Foundations
import StageInterface
import TestSupport

/// Command lines of the stages: any options with any values. What is taken has one canonical form, and that form is
/// taken and means the same.
struct CommandLineTarget: FuzzTarget {
  static let name = "command-lines"
  static let about = "command lines of the stages"
  static let refusals: Set<Failure.Kind> = [.usage]
  private let stages = StageCatalogue.standard.stages

  init(_ setting: FuzzSetting) throws {}

  func run(_ index: Int) throws {
    let stage = stages[index % stages.count]
    var draw = Mutations("command line", index)
    var words = stage.options.filter { $0.standard == .required && draw.integer(0...19) != 0 }.flatMap { option in
      ["--\(option.name)", option.kind == .namedPath ? "A=a" : "x"]
    }
    for _ in 0..<draw.integer(0...6) { words += Self.words(stage, &draw) }
    let request = try stage.request(of: words)
    let again = try stage.request(of: Self.canonical(request, stage, words))
    guard again.parameters == request.parameters else {
      throw Failure(.software, "\(words) became \(request.parameters), and that \(again.parameters)")
    }
  }

  /// An option with a value that mostly is of its kind.
  private static func words(_ stage: StageDeclaration, _ draw: inout Mutations) -> [String] {
    let option = stage.options[draw.integer(0...stage.options.count - 1)]
    let name = draw.integer(0...29) == 0 ? draw.pick(["h", "version", "-"]) : option.name
    let values: [String]
    switch option.kind {
    case .flag: return [draw.integer(0...1) == 0 ? "--\(name)" : "--no-\(name)"]
    case .choice(let choices): values = choices + choices
    case .integer(let range):
      values = [range.bounds.lowerBound, range.bounds.upperBound, range.bounds.lowerBound + range.factor].map(
        String.init)
    case .number(let range): values = ["\(range.bounds.lowerBound)", "\(range.bounds.upperBound)", "0.5", "1"]
    case .numbers: values = ["1", "0.5,1", "1,,2", String(repeating: "1,", count: 5000) + "1"]
    case .memory: values = ["12G", "1K", "999999999999G", "1.5G"]
    case .namedPath: values = ["A=a", "B=b", "=a", "A="]
    case .shard: values = ["1/2", "0/0", "9999/9999", "1/10000"]
    case .path, .text: values = ["x", "y.h5"]
    }
    let value = draw.pick(draw.integer(0...3) == 0 ? [] : values + values + values + values)
    return draw.integer(0...1) == 0 ? ["--\(name)=\(value)"] : ["--\(name)", value]
  }

  /// The same request by its canonical values.
  private static func canonical(_ request: StageRequest, _ stage: StageDeclaration, _ words: [String]) -> [String] {
    let parameters = request.parameters.flatMap { parameter -> [String] in
      guard stage.parameter(parameter.name)?.kind == .flag else { return ["--\(parameter.name)=\(parameter.value)"] }
      return [parameter.value == "true" ? "--\(parameter.name)" : "--no-\(parameter.name)"]
    }
    let inputs = request.inputs.map { "--\($0.name)=\($0.title.map { "\($0)=" } ?? "")\($0.path)" }
    let data = [("manifest", request.manifest), ("data", request.data)].compactMap { name, path in
      path.map { "--\(name)=\($0)" }
    }
    // What is neither a parameter nor an input: kept as it was given.
    let others = stage.options.filter { option in option.role == .terminal && option.kind == .path }.compactMap {
      option in
      words.lastIndex { $0 == "--\(option.name)" }.map { "--\(option.name)=\(words[$0 + 1])" }
        ?? words.last { $0.hasPrefix("--\(option.name)=") }
    }
    return parameters + inputs + data + others + ["--out=o"]
  }
}
