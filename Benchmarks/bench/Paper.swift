import ArgumentParser
import Foundation
import Foundations
import Networks

/// Hours for the whole paper, from measured parts: a model, not a measurement.
struct Paper: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Model the hours of the full paper on more cores from a stored report.",
    discussion: """
      Images over which a step only infers are shared among processes of two cores each: time falls with the cores. A \
      training is one process: its time follows Amdahl's law with the serial share that the speed-up from one to two \
      threads gives.
      """)

  @Argument(help: "Report of the table on two threads (make bench or make bench-peers).") var report: String
  @Option(help: "Report of the same against one thread, for the speed-ups: --against-threads 1.") var scaling: String
  @Option(help: "Images of train_aug.") var images = 10_582.0

  func run() throws {
    let table = try BenchReport(contentsOf: report), scaling = try BenchReport(contentsOf: scaling)
    let forward = try table.seconds("forward-448"), train = try table.seconds("train-448"),
      dynamic = try table.seconds("dynamic-448")
    let crf = try table.seconds("crf-3"), walk = try table.seconds("walk")
    let area = 500.0 * 375 / (448 * 448)
    let trunk = ResNet38(prefix: "encoder.")
    let segmentation = try SegmentationNetwork(.paper)
    let headed =
      segmentation.forwardOperations(height: 448, width: 448) / trunk.forwardOperations(height: 448, width: 448)
    // Steps that are not in the table cost what their operations say at the speed of the one that is.
    trunk.freeze(.firstStage)
    let classifier =
      train * trunk.trainingOperations(height: 448, width: 448)
      / segmentation.trainingOperations(height: 448, width: 448)
    let twoStage = try SSDDNetwork(.paper, stage: .static)
    let stage =
      train * twoStage.trainingOperations(height: 448, width: 448)
      / segmentation.trainingOperations(height: 448, width: 448)
    let tenPasses = 2 * (0.25 + 0.5625 + 1 + 1.5625 + 2.25) * area * headed * forward
    let steps: [(name: String, seconds: Double, isTraining: Bool)] = [
      ("train-cam, 15 epochs", 15 * images * classifier, true),
      ("cam-infer, 4 scales x flip", images * 15 * area * forward, false),
      ("crf of the CAMs, 2 backgrounds", images * 2 * crf, false),
      ("train-affinity, 8 epochs", 8 * images * classifier, true),
      ("psa-infer and its crf", images * (area * forward + walk + crf), false),
      ("train-ddnet, 10 epochs", 10 * images * stage, true),
      ("ssdd-merge", images * area * forward * headed, false),
      ("train-seg-dynamic, 30 epochs", 30 * images * dynamic, true),
      ("infer-seg on val, 5 scales x flip, crf", 1449 * (tenPasses + crf), false),
    ]
    let speedUp = (try scaling.speedUp("train-448") + scaling.speedUp("dynamic-448")) / 2
    let serial = max(0, 2 / speedUp - 1)
    let cores = [2.0, 16, 64]
    func factor(_ cores: Double, isTraining: Bool) -> Double {
      isTraining ? (serial + (1 - serial) / cores) / (serial + (1 - serial) / 2) : 2 / cores
    }
    var rows = [["step"] + cores.map { "\(BenchReport.number($0, 0)) cores, h" }]
    var totals = cores.map { _ in 0.0 }
    for step in steps {
      let hours = cores.map { step.seconds / 3600 * factor($0, isTraining: step.isTraining) }
      totals = zip(totals, hours).map(+)
      rows.append([step.name] + hours.map { BenchReport.number($0, 1) })
    }
    rows.append(["all"] + totals.map { BenchReport.number($0, 0) })
    let share = BenchReport.number(100 * serial, 1)
    print(
      "speed-up of a training step from 1 to 2 threads: \(BenchReport.number(speedUp, 2)), serial share \(share) %\n")
    print(BenchReport.aligned(rows, markdown: false))
  }
}

/// Prints a stored report as the run did, or as Markdown.
struct Show: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print a stored report.")

  @Argument(help: "The report's JSON.") var report: String
  @Flag(help: "As a Markdown table.") var markdown = false

  func run() throws { print(try BenchReport(contentsOf: report).text(markdown: markdown)) }
}

extension BenchReport {
  init(contentsOf path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.noInput, "cannot read", file: path)
    }
    do { self = try JSONDecoder().decode(BenchReport.self, from: data) } catch {
      throw Failure(.data, expected: "a report of bench", found: "\(error)", file: path)
    }
  }

  private func found(_ name: String) throws -> Comparison {
    guard let item = cases.first(where: { $0.name == name }) else {
      throw Failure(.data, "the report has no case \(name)")
    }
    return item
  }

  /// Seconds of one item.
  func seconds(_ name: String) throws -> Double { try 1 / found(name).throughput }

  func speedUp(_ name: String) throws -> Double {
    guard let ratio = try found(name).ratio else {
      throw Failure(.data, "case \(name) was not compared with one thread")
    }
    return ratio
  }
}
