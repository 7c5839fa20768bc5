import Foundations
import Tensors

/// Something that is timed: made once, run often.
protocol Workload: AnyObject {
  /// Compares with a naive twin; says what was compared, throws where it is wrong.
  func check() throws -> String
  /// The timed part.
  func run() throws
  /// Numbers of the first result, tensor by tensor, for comparison with a peer's.
  func sample() -> [[Double]]
  /// Multiplications and additions of one run, convolutions counted by their definition; nil where they are not
  /// counted.
  var operations: Double? { get }
}

extension Workload {
  var operations: Double? { nil }
}

/// A case of the table.
struct Case: Sendable {
  let name: String
  let title: String
  /// What one run does how many of.
  let unit: String
  let items: Int
  /// The peer / ours of the project's target; nil without a peer.
  var target: Double?
  /// Largest relative difference (Euclidean norm) of a tensor of the two samples.
  var agreement = 1e-3
  let writeInputs: @Sendable (InputFolder) throws -> Void
  let make: @Sendable (InputFolder, _ threads: Int) throws -> any Workload
}

extension Case {
  /// The table of the project's targets.
  static let table: [Case] = [
    forward(448, 448, name: "forward-448", target: 2), forward(896, 672, name: "forward-896", target: 1.8),
    forward(224, 224, name: "forward-224", target: 1.8),
    training(.resnet38, side: 448, batch: 2, name: "train-448", target: 3), dynamic,
    training(.squeezenet, side: 320, batch: 8, name: "squeezenet-320", target: 1),
    field(labels: 3, name: "crf-3", target: 4),
    field(labels: 21, name: "crf-21", target: 4), walk, evaluate(1449, name: "evaluate", target: 2),
  ]

  /// How the cost grows with area, classes and images.
  static let growth: [Case] = [
    forward(224, 224, name: "forward-224"), forward(448, 448, name: "forward-448"),
    forward(896, 672, name: "forward-896"),
    training(.squeezenet, side: 320, batch: 2, name: "squeezenet-320-b2"),
    training(.squeezenet, side: 320, batch: 4, name: "squeezenet-320-b4"),
    training(.squeezenet, side: 320, batch: 8, name: "squeezenet-320-b8"),
    training(.squeezenet, side: 320, batch: 4, classes: 81, name: "squeezenet-320-b4-c81"),
    training(.squeezenet, side: 320, batch: 4, classes: 201, name: "squeezenet-320-b4-c201"),
    field(250, 188, labels: 3, name: "crf-250"),
    field(500, 375, labels: 3, name: "crf-500"), field(1000, 750, labels: 3, name: "crf-1000"),
    field(labels: 9, name: "crf-9"),
    field(labels: 21, name: "crf-21"), evaluate(362, name: "evaluate-362"), evaluate(724, name: "evaluate-724"),
    evaluate(1449, name: "evaluate-1449"),
  ]

  /// All cases by name; table before growth.
  static func named(_ name: String) throws -> Case {
    let all = table + growth
    guard let found = all.first(where: { $0.name == name }) else {
      throw Failure(.usage, expected: all.map(\.name).joined(separator: ", "), found: name, item: "case")
    }
    return found
  }
}

/// Up to `count` elements at equal distances.
func strided(_ values: [Float], count: Int) -> [Double] {
  stride(from: 0, to: values.count, by: max(1, values.count / count)).map { Double(values[$0]) }
}

/// |a - b| / |b| in the Euclidean norm; infinite where the counts differ or a number is none.
func relativeDifference(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count, !a.isEmpty else { return .infinity }
  let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
  let norm = b.reduce(0) { $0 + $1 * $1 }.squareRoot()
  let result = difference == 0 ? 0 : difference / norm
  return result.isNaN ? .infinity : result
}

/// Throws where `difference` exceeds `limit`.
func require(_ difference: Double, below limit: Double, _ what: String) throws {
  guard difference <= limit else { throw Failure(.software, "\(what): differs by \(difference), more than \(limit)") }
}
