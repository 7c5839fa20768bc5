import CPUBackend
import Datasets
import Evaluation
import Foundation
import Foundations
import Imaging
import LabelMasks
import PipelineGraph
import Reporting
import SSDD
import TensorStore
import Tensors

/// A folder with a data set and a pipeline whose outputs the test writes itself, so that every number on the page is
/// known.
final class Bench {
  let path: String
  static let classes = ["background", "cat", "dog"]
  static let (width, height) = (24, 16)
  /// An evaluation's name may hold what a page must not take for markup.
  static let hostileName = "SSDD <script>alert(1)</script>"

  private static func yaml(_ path: String) -> String {
    """
    name: bench
    manifest: {path: \(path)/data/manifest.yaml}
    data: \(path)/data
    parameters: {seed: 1, threads: 1}
    steps:
      cam-train: {stage: train-cam}
      psa: {stage: psa-infer, inputs: {affinity: affinity, scores: cam}, parameters: {split: train}}
      cam: {stage: cam-infer, inputs: {weights: cam-train}, parameters: {split: train}}
      affinity: {stage: train-affinity, inputs: {weights: cam-train, low: cam, high: cam}}
      psa-crf: {stage: crf, inputs: {scores: psa}, parameters: {split: train, colour-spread: 13}}
      ddnet: {stage: train-ddnet, inputs: {weights: cam-train, knowledge: psa, advice: psa-crf}}
      ssdd: {stage: ssdd-merge, inputs: {weights: ddnet, knowledge: psa, advice: psa-crf}, parameters: {split: train, \
      dd-bias: 0.1, bg-bias: 0.1}}
      seg: {stage: train-seg, inputs: {weights: cam-train, seeds: psa-crf}}
      dynamic: {stage: train-seg-dynamic, inputs: {weights: cam-train, seeds: ssdd}, matrix: {seed: [1, 2]}, \
      parameters: {}}
      infer-seg: {stage: infer-seg, inputs: {weights: seg}, parameters: {split: val, scales: [0.5, 1]}}
      infer-dynamic: {stage: infer-seg, inputs: {weights: dynamic}, parameters: {split: val, scales: [0.5, 1]}}
      eval-psa: {stage: evaluate, inputs: {masks: psa}, parameters: {split: train, name: PSA}}
      eval-crf: {stage: evaluate, inputs: {masks: psa-crf}, parameters: {split: train, name: PSA+CRF}}
      eval-ssdd: {stage: evaluate, inputs: {masks: ssdd}, parameters: {split: train, name: "\(hostileName)"}}
      eval-seg: {stage: evaluate, inputs: {masks: infer-seg}, parameters: {split: val, name: baseline}}
      eval-dynamic: {stage: evaluate, inputs: {masks: infer-dynamic}, parameters: {split: val, name: dynamic SSDD}}

    """
  }

  /// - Parameter salt: another one gives other masks.
  init(salt: UInt64 = 1) throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("reporting-" + UUID().uuidString).path
    try AtomicFile.write(Self.yaml(path), to: "\(path)/bench.yaml")
    try writeImages()
    for step in ["psa", "psa-crf"] { try writeMasks(step, split: "train", salt: step == "psa" ? 1 : 2) }
    try writeMerge(salt: salt)
    try writeMasks("infer-seg", split: "val", salt: 5)
    for seed in ["1", "2"] {
      try writeMasks("infer-dynamic/seed-\(seed)", split: "val", salt: 6 + (UInt64(seed) ?? 0) + salt)
    }
    for (evaluation, step) in [("eval-psa", "psa"), ("eval-crf", "psa-crf"), ("eval-ssdd", "ssdd")] {
      try evaluate(step, as: evaluation, split: "train")
    }
    try evaluate("infer-seg", as: "eval-seg", split: "val")
    for seed in ["1", "2"] { try evaluate("infer-dynamic/seed-\(seed)", as: "eval-dynamic/seed-\(seed)", split: "val") }
    try writeLog("ddnet", collapsing: false)
    try writeLog("dynamic/seed-1", collapsing: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var run: String { "\(path)/runs/bench" }

  func pipeline() throws -> Pipeline {
    try Pipeline(contentsOf: "\(path)/bench.yaml", variables: ["OUT": "\(path)/runs"])
  }

  /// The report of the bench in a folder with a space in its name, unless told otherwise.
  @discardableResult
  func report(_ name: String = "a report", threads: Int = 2, pictures: Int = 100) throws -> RunReport {
    try ReportBuilder(try pipeline(), folder: "\(path)/\(name)", threads: threads, pictures: pictures, seed: 1).build()
  }

  func text(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }

  /// The files below a folder of the bench.
  func files(_ folder: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: "\(path)/\(folder)").filter { !$0.hasSuffix("/") }.sorted()
  }

  // MARK: Making

  static func ids(_ split: String) -> [String] { (1...(split == "train" ? 5 : 3)).map { "\(split)-\($0)" } }

  static var table: ClassTable {
    get throws { try ClassTable(classes.enumerated().map { .init(name: $0.element, value: UInt8($0.offset)) }) }
  }

  private func writeImages() throws {
    let rows = ["train", "val"].flatMap { split in
      Self.ids(split).map { id in ManifestWriter.Row(id: id, split: split, labels: ["cat", "dog"]) }
    }
    let writer = ManifestWriter(name: "bench", description: "masks of <b>rectangles</b>", classes: try Self.table)
    try writer.write(rows, to: "\(path)/data")
    for row in rows {
      let image = RGBImage(width: Self.width, height: Self.height, colour: RGB(90, 140, 200))
      try image.writePNG(to: "\(path)/data/images/\(row.id).png")
      var truth = Self.mask(row.id, salt: 0)
      for x in 0..<Self.width { truth.labels[x] = LabelMask.void }
      try truth.write(to: "\(path)/data/masks/\(row.id).png", palette: .voc)
    }
  }

  /// Three rectangles at seeded places.
  static func mask(_ id: String, salt: UInt64) -> LabelMask {
    var generator = SeededGenerator(seed: salt, id)
    var mask = LabelMask(width: width, height: height)
    for label in [1, 2, 1] as [UInt8] {
      let (x, y) = (generator.integer(0...width - 6), generator.integer(1...height - 6))
      let (right, bottom) = (x + generator.integer(2...5), y + generator.integer(2...5))
      for row in y..<bottom { for column in x..<right { mask.labels[row * width + column] = label } }
    }
    return mask
  }

  private func complete(_ step: String) throws {
    try AtomicFile.write("{\"provenance\": {\"version\": \"1\"}}\n", to: "\(run)/\(step)/part-1-of-1.json")
  }

  private func writeMasks(_ step: String, split: String, salt: UInt64) throws {
    for id in Self.ids(split) {
      try Self.mask(id, salt: salt).write(to: "\(run)/\(step)/masks/\(id).png", palette: .voc)
    }
    try complete(step)
  }

  /// d maps of half the size, by a formula, and the masks that the rule makes of them.
  private func writeMerge(salt: UInt64) throws {
    let kernels = CPUKernels(threads: 1)
    var parameters = SSDDParameters()
    parameters.seedBias = MergeBias(difference: 0.1, background: 0.1)
    try ScoreMapWriter.write(to: "\(run)/ssdd") { writer in
      for id in Self.ids("train") {
        let d = Self.differences(id, salt: salt)
        try writer.append(id, d.knowledge, named: "knowledge")
        try writer.append(id, d.advice, named: "advice")
        try writer.setAttribute("bad_sample", AttributeValue(id == "train-1" ? 1 : 0), of: id)
        try writer.setAttribute("advice_share", AttributeValue(0.25), of: id)
      }
    }
    let reader = try ScoreMapReader("\(run)/ssdd")
    for id in Self.ids("train") {
      func enlarged(_ name: String) throws -> Tensor {
        let map = try reader.map(id, named: name)
        return kernels.resizeBilinear(
          map.reshaped([1, 1, map.shape[0], map.shape[1]]), height: Self.height, width: Self.width)
      }
      let merged = MergedMasks(
        seedsFrom: Self.mask(id, salt: 1), advice: Self.mask(id, salt: 2),
        knowledgeDifference: try enlarged("knowledge"),
        adviceDifference: try enlarged("advice"), present: try PresentLabels([[1, 2]], classes: 3),
        parameters: parameters)
      try merged.refined.write(to: "\(run)/ssdd/masks/\(id).png", palette: .voc)
    }
    try complete("ssdd")
  }

  static func differences(_ id: String, salt: UInt64) -> (knowledge: Tensor, advice: Tensor) {
    var generator = SeededGenerator(seed: salt, "d", id)
    let shape: Shape = [height / 2, width / 2]
    func map() -> Tensor { Tensor(shape, (0..<height * width / 4).map { _ in generator.unit() }) }
    return (map(), map())
  }

  private func evaluate(_ step: String, as evaluation: String, split: String) throws {
    var matrix = ConfusionMatrix(classes: Self.classes.count)
    for id in Self.ids(split) {
      let truth = try LabelMask(contentsOf: "\(path)/data/masks/\(id).png")
      try matrix.add(truth: truth, prediction: try LabelMask(contentsOf: "\(run)/\(step)/masks/\(id).png"))
    }
    try AtomicFile.write(
      try EvaluationReport(names: Self.classes, matrix: matrix).json(), to: "\(run)/\(evaluation)/evaluation.json")
    try AtomicFile.write("{}\n", to: "\(run)/\(evaluation)/step.json")
  }

  private func writeLog(_ step: String, collapsing: Bool) throws {
    var lines = ["step\tepoch\tlearning_rate\tloss\tforeground_sub\tbad_first"]
    for update in 1...300 {
      let share = collapsing ? 0.2 / Double(update * update) : 0.2
      lines.append("\(update)\t1\t0.01\t\(1 / Double(update))\t\(share)\t0.25")
    }
    try AtomicFile.write(lines.joined(separator: "\n") + "\n", to: "\(run)/\(step)/log.tsv")
  }
}
