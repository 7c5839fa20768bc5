import Foundation
import Foundations
import TensorStore
import TestSupport
import Tensors
import Testing

@Suite("Score maps in parts")
struct ScoreMapTests {
  private func map(_ seed: Int) -> ScoreMap {
    ScoreMap(
      scores: Tensor([2, 3, 4], (0..<24).map { Float($0 + seed) / 64 }), labels: [0, seed], height: 24, width: 31,
      stride: 8)
  }

  private func write(_ folder: String, _ index: Int, _ count: Int, ids: [String], alpha: String = "16") throws {
    let provenance = Provenance(
      stage: "psa-infer", version: "1", parameters: [("alpha", alpha), ("shard", "\(index)/\(count)")], seed: 7)
    try ScoreMapWriter.write(to: folder, part: MapPart(index: index, count: count), provenance: provenance) { part in
      for id in ids { try part.append(id, map(Int(id) ?? 0)) }
    }
  }

  @Test func partsReadAsOne() throws {
    let folder = try TemporaryFolder()
    try write(folder.path, 1, 2, ids: ["3", "1"])
    try write(folder.path, 2, 2, ids: ["2"])
    let reader = try ScoreMapReader(folder.path)
    #expect(reader.ids == ["3", "1", "2"])
    let back = try reader.scores("2")
    #expect(back.scores == map(2).scores)
    #expect(back.labels == [0, 2] && back.height == 24 && back.width == 31 && back.stride == 8)
    #expect(try reader.provenance().parameters.map(\.name) == ["alpha", "shard"])
    #expect(try reader.provenance().seed == 7)
    #expect(throws: Failure(.data, "has no maps here", file: folder.path, item: "4")) { try reader.scores("4") }
    #expect(try ScoreMapReader(folder.file("part-2-of-2.h5")).ids == ["2"])
  }

  @Test func otherMapsAndMasks() throws {
    let folder = try TemporaryFolder()
    try ScoreMapWriter.write(to: folder.path) { part in
      try part.append("a", Tensor([1, 2], [0.5, 1]), named: "knowledge")
      try part.append("a", labels: [0, 15, 255, 0], height: 2, width: 2, named: "seed")
      try part.setAttribute("classes", "cat dog", of: "a")
      #expect(throws: Failure.self) { try part.append("../x", Tensor(1), named: "knowledge") }
    }
    let reader = try ScoreMapReader(folder.path)
    #expect(try reader.mapNames("a") == ["knowledge", "seed"])
    #expect(try reader.map("a", named: "knowledge").values == [0.5, 1])
    #expect(try reader.labels("a", named: "seed").labels == [0, 15, 255, 0])
    #expect(try reader.attribute("classes", of: "a") == "cat dog")
    #expect(try reader.provenance().isNone)
  }

  @Test func incompleteAndInconsistentSetsAreRefused() throws {
    let folder = try TemporaryFolder()
    #expect(throws: Failure(.noInput, "holds no maps (part-I-of-N.h5)", file: folder.path)) {
      try ScoreMapReader(folder.path)
    }
    #expect(throws: Failure(.noInput, "no such folder of maps", file: folder.file("none"))) {
      try ScoreMapReader(folder.file("none"))
    }
    try write(folder.path, 1, 3, ids: ["1"])
    #expect(
      throws: Failure(.noInput, "is incomplete: part-2-of-3.h5, part-3-of-3.h5 of 3 parts missing", file: folder.path)
    ) {
      try ScoreMapReader(folder.path)
    }
    try write(folder.path, 2, 3, ids: ["1"])
    try write(folder.path, 3, 3, ids: ["3"])
    #expect(throws: Failure(.data, "is also in part-1-of-3.h5", file: folder.file("part-2-of-3.h5"), item: "1")) {
      try ScoreMapReader(folder.path)
    }
    try write(folder.path, 2, 3, ids: ["2"], alpha: "4")
    #expect(
      throws: Failure(
        .data, "was made otherwise than part-1-of-3.h5: `parameter alpha` is 4 here and 16 there",
        file: folder.file("part-2-of-3.h5"))
    ) { try ScoreMapReader(folder.path) }
    try write(folder.path, 1, 2, ids: ["1"])
    #expect(
      throws: Failure(.data, "holds parts of more than one set (of 2 and of 3); remove the old one", file: folder.path)
    ) {
      try ScoreMapReader(folder.path)
    }
  }

  @Test(arguments: [
    "part-0-of-2.h5", "part-3-of-2.h5", "part-01-of-2.h5", "part-1-of-2.json", "part-1-of-2",
    ".part-1-of-2.77.partial.h5",
  ])
  func onlyFinalNamesAreParts(name: String) { #expect(MapPart(fileName: name) == nil) }

  @Test func partNameBackAndForth() { #expect(MapPart(fileName: "part-2-of-13.h5") == MapPart(index: 2, count: 13)) }
}

@Suite("Weights and checkpoints")
struct WeightsFileTests {
  private var weights: NamedTensors {
    NamedTensors(
      [
        ("features.0.weight", Tensor([2, 1, 1, 3], [1, 2, 3, 4, 5, 1e-30])),
        ("features.0.bias", Tensor([2], [0.1, .infinity])),
      ],
      attributes: ["architecture": "squeezenet", "width": 0.5, "stage": "overruled"])
  }

  @Test func weightsComeBackInOrder() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("weights.h5")
    try WeightsFile.save(
      weights, to: path,
      provenance: Provenance(stage: "train-cam", version: "2", inputs: [("data", "ab12")], seed: .max))
    let back = try WeightsFile.load(path)
    #expect(back.names == weights.names)
    for (name, tensor) in weights.entries { #expect(try back.tensor(name, shape: tensor.shape) == tensor) }
    #expect(
      back.attributes["architecture"] == "squeezenet" && back.attributes["width"] == 0.5
        && back.attributes["stage"] == "train-cam")
    let provenance = try HDF5File(path).provenance()
    #expect(provenance == Provenance(stage: "train-cam", version: "2", inputs: [("data", "ab12")], seed: .max))
    #expect(
      throws: Failure(
        .data, "there is no such tensor; the nearest name is `features.0.weight`", file: path, item: "features.0.weigth"
      )
    ) { try back.tensor("features.0.weigth") }
    #expect(throws: Failure(.data, expected: "the shape 3", found: "2", file: path, item: "features.0.bias")) {
      try back.tensor("features.0.bias", shape: [3])
    }
  }

  @Test func checkpointComesBackAndIsAWeightsFile() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("checkpoint.h5")
    let velocities = NamedTensors([("features.0.bias", Tensor([2], [-1, 3]))])
    let checkpoint = Checkpoint(
      weights: weights, velocities: velocities, step: 31, epoch: 2, values: ["loss": 0.25, "digest": "abc"])
    try checkpoint.save(to: path)
    let back = try Checkpoint.load(path)
    #expect(back.step == 31 && back.epoch == 2 && back.values == ["loss": 0.25, "digest": "abc"])
    #expect(back.velocities.names == velocities.names && back.velocities["features.0.bias"]?.values == [-1, 3])
    #expect(back.weights.names == weights.names)
    #expect(try WeightsFile.load(path).names == weights.names)
    try WeightsFile.save(weights, to: path)
    #expect(throws: Failure(.data, "is not a checkpoint: the groups `training` and `velocity` are missing", file: path))
    { try Checkpoint.load(path) }
  }

  @Test func renaming() throws {
    let renamed = try weights.renamed { $0 == "features.0.bias" ? nil : "encoder." + $0 }
    #expect(renamed.names == ["encoder.features.0.weight"])
    #expect(throws: Failure.self) { try weights.renamed { _ in "same" } }
  }
}
