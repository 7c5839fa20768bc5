import Foundation
import Foundations
import NeuralNet

/// `log.tsv`: one line per update. It holds no times, so that two runs with one seed leave the same file.
struct TrainingLog {
  private let path: String
  private var lines: [String]

  /// Keeps the header and the first `count` updates of an existing log: those that a checkpoint includes.
  init(path: String, keepingSteps count: Int) throws {
    self.path = path
    lines = []
    if count > 0, let text = try? String(contentsOfFile: path, encoding: .utf8) {
      lines = Array(text.split(separator: "\n").map(String.init).prefix(count + 1))
    }
  }

  mutating func append(_ record: TrainingRecord, position: TrainingPosition, rate: Double) {
    if lines.isEmpty { lines.append((["step", "epoch", "learning_rate"] + record.names).joined(separator: "\t")) }
    let values = record.values.map { String(format: "%.6g", $0) }
    lines.append(
      ([String(position.step + 1), String(position.epoch + 1), String(format: "%.6g", rate)] + values).joined(
        separator: "\t"))
  }

  func flush() throws { try AtomicFile.write(lines.joined(separator: "\n") + "\n", to: path) }
}
