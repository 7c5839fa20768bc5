import Foundations
import TensorStore
import Tensors
import TestSupport

/// Damaged parts of maps, read as the stages do.
struct MapsTarget: FuzzTarget {
  static let name = "maps"
  static let about = "maps, part-I-of-N.h5"
  private var reading: IsolatedReading

  init(_ setting: FuzzSetting) throws {
    reading = try IsolatedReading(try Seed.maps(in: setting.folder) + setting.seeds.map(\.sealed), setting) { path in
      let reader = try ScoreMapReader(path)
      _ = try reader.provenance()
      for id in reader.ids {
        for name in try reader.mapNames(id) {
          // Masks are bytes; the others are tensors.
          if name == "seed" {
            _ = try reader.labels(id, named: name, atMost: 1 << 16)
          } else {
            _ = try reader.map(id, named: name, atMost: 1 << 20)
          }
        }
        if try reader.mapNames(id).contains("scores") { _ = try reader.scores(id, of: (24, 31)) }
        _ = try reader.attribute("bad_sample", of: id)
      }
    }
  }

  mutating func run(_ index: Int) throws { try reading.run(index) }
  mutating func finish() { reading.finish() }
  var remark: String { reading.remark }
}

/// Damaged checkpoints, read as a training does.
struct CheckpointTarget: FuzzTarget {
  static let name = "checkpoints"
  static let about = "checkpoint.h5 of trainings"
  private var reading: IsolatedReading

  init(_ setting: FuzzSetting) throws {
    reading = try IsolatedReading(try Seed.checkpoints(in: setting.folder) + setting.seeds.map(\.sealed), setting) {
      _ = try Checkpoint.load($0)
    }
  }

  mutating func run(_ index: Int) throws { try reading.run(index) }
  mutating func finish() { reading.finish() }
  var remark: String { reading.remark }
}

extension Seed {
  /// Parts with scores, with maps and masks, of single precision, and of maps that hardly take any bytes.
  static func maps(in folder: TemporaryFolder) throws -> [Seed] {
    func part(_ name: String, _ body: (ScoreMapWriter) throws -> Void) throws -> Seed {
      let provenance = Provenance(
        stage: "cam-infer", version: "1", parameters: [("scales", "1,0.5")], inputs: [("weights", "ab12")], seed: 7)
      let part = MapPart()
      try ScoreMapWriter.write(to: folder.file(name), part: part, provenance: provenance, body)
      return try Seed(path: folder.file("\(name)/\(part.fileName)")).named(name).sealed
    }
    func map(_ seed: Int) -> ScoreMap {
      let values = (0..<2 * 24 * 31).map { Float(($0 * seed) % 97) / 97 }
      return ScoreMap(scores: Tensor([2, 24, 31], values), labels: [0, seed], height: 24, width: 31)
    }
    return [
      try part("scores") { for id in 1...3 { try $0.append(String(id), map(id)) } },
      try part("maps") { writer in
        for id in ["a", "b"] {
          try writer.append(id, Tensor([6, 8], (0..<48).map { Float($0) / 48 }), named: "knowledge")
          try writer.append(id, labels: (0..<48).map { UInt8($0) }, height: 6, width: 8, named: "seed")
          try writer.setAttribute("bad_sample", 1, of: id)
          try writer.setAttribute("names", .strings(["cat", "dög"]), of: id)
        }
      },
      try part("single") { try $0.append("x", map(5), precision: .single, compression: 0) },
      try part("constant") { writer in
        try writer.append(
          "x", ScoreMap(scores: Tensor(zeros: [2, 24, 31]), labels: [0, 1], height: 24, width: 31), compression: 9)
      },
    ]
  }

  /// Checkpoints with and without momentum.
  static func checkpoints(in folder: TemporaryFolder) throws -> [Seed] {
    let weights = NamedTensors([
      ("a.weight", Tensor([2, 3], (0..<6).map { Float($0) })), ("a.bias", Tensor([3], [1, 2, 3])), ("b", Tensor(7)),
    ])
    let values: [String: AttributeValue] = ["fingerprint": "0123456789abcdef", "threads": 2]
    try Checkpoint(weights: weights, velocities: weights, step: 3, epoch: 1, values: values).save(
      to: folder.file("momentum.h5"))
    try Checkpoint(weights: weights, step: 1 << 40, epoch: 0, values: values).save(to: folder.file("plain.h5"))
    return try ["momentum", "plain"].map { try Seed(path: folder.file("\($0).h5")).sealed }
  }

  /// The same under another name, which decides how it is damaged.
  func named(_ name: String) -> Seed { Seed(name: name, bytes: bytes, damage: damage) }
}
